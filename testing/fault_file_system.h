// Decorator of os::FileSystem that counts calls and makes the Nth one fail, once or for good.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "os/file_system.h"

namespace protobase::testing {

/// The calls of os::FileSystem and os::File; kCreate is an open() that may make a file.
enum class FileCall {
  kOpen,
  kCreate,
  kKindOf,
  kList,
  kMakeDirectory,
  kRemove,
  kSyncDirectory,
  kRead,
  kWrite,
  kAllocate,
  kSyncData,
  kTruncate,
  kSize,
  kTryLock,
  kUnlock,
  kIsLocked,
};
const char* to_text(FileCall call) noexcept;
/// Whether a full disk can make the call fail.
bool takes_space(FileCall call) noexcept;

struct Fault {
  enum class Error {
    kNoSpace,           ///< NoSpaceError
    kOutOfDescriptors,  ///< os::OutOfDescriptorsError; `only` kOpen or kCreate
    kIO,                ///< UnexpectedError (of a read: os::ReadError), "Input/output error"
  };
  std::uint64_t at_call = 1;  ///< of all calls since the counter was last reset, from 1
  Error error = Error::kIO;
  /// From then on every call fails that changes something (kNoSpace: that takes space).
  bool for_good = false;
  /// A write puts half of its bytes there before it fails.
  bool half_write = false;
  /// Only calls of this kind are counted by `at_call`, and with `for_good` only they fail.
  std::optional<FileCall> only{};
};

/// Thread-safe. Files opened through it count and fail with it, and keep it alive. As with Linux
/// since 4.13, a failed sync_data is told once to each file that was open then, by its next one.
class FaultFileSystem final : public os::FileSystem {
 public:
  explicit FaultFileSystem(std::shared_ptr<os::FileSystem> base);
  ~FaultFileSystem() override;

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override;
  std::optional<os::FileKind> kind_of(const std::string& path) override;
  std::vector<os::DirectoryEntry> list(const std::string& directory) override;
  bool make_directory(const std::string& path) override;
  bool remove(const std::string& path) override;
  void sync_directory(const std::string& path) override;

  /// Sets the counter to zero; nullopt: nothing fails.
  void set_fault(const std::optional<Fault>& fault);
  /// Nothing fails any more; the counters stay.
  void heal();
  /// Runs when a sync_data fails, with the file's path: to drop there what was not synced.
  void set_on_failed_sync(std::function<void(const std::string& path)> hook);
  /// Runs when a call is about to fail, after the half of a half write: to die there.
  void set_on_hit(std::function<void()> hook);

  /// Calls since the counter was reset, in order.
  std::vector<FileCall> calls() const;
  /// How many of them were made to fail; what the first was, for messages.
  std::uint64_t hits() const;
  std::string first_hit() const;

  struct State;  // the implementation's

 private:
  const std::shared_ptr<os::FileSystem> base_;
  const std::shared_ptr<State> state_;
};

}  // namespace protobase::testing
