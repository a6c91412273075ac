// os::FileSystem in memory that remembers what was synced, so that a test can look at what a power
// cut or a kill leaves behind at any moment.
//
// The model, strict where POSIX is: a write is durable after sync_data() of its file, a directory
// entry after sync_directory() of its directory; a synced file without a durable entry is lost.
// Writes, file sizes and entries not yet synced reach the disk in any order, or not at all. Sizes
// of one file go in order, as every journal keeps them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "os/file_system.h"

namespace protobase::testing {

/// Something a power cut now may decide either way.
struct Uncertainty {
  enum class Kind {
    kEntry,  ///< a directory entry made or removed
    kSize,   ///< the size of a file, `size` changes of which are not durable
    kWrite,  ///< `size` bytes written at `offset`
  };
  Kind kind = Kind::kWrite;
  std::string path;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// How it was decided.
struct Outcome {
  enum class Fate {
    kLost,     ///< for kSize: the durable one stays
    kKept,     ///< for kSize: the newest
    kPrefix,   ///< kWrite: the first `cut` bytes are kept; kSize: the first `cut` changes
    kSuffix,   ///< kWrite: all but the first `cut` bytes are kept
    kGarbage,  ///< kWrite: as kPrefix, and where the file was not yet that long, garbage, not zeros
  };
  Fate fate = Fate::kKept;
  std::uint64_t cut = 0;
};

/// Thread-safe. Errors are those of the real one.
class MemoryFileSystem final : public os::FileSystem {
 public:
  /// Holds one empty directory: "/".
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override;
  std::optional<os::FileKind> kind_of(const std::string& path) override;
  std::vector<os::DirectoryEntry> list(const std::string& directory) override;
  bool make_directory(const std::string& path) override;
  bool remove(const std::string& path) override;
  void sync_directory(const std::string& path) override;

  /// Runs before every call that changes something (a sync is one), in the caller's thread, with no
  /// lock held. It may use this file system, but what it changes is not announced. Empty: none.
  void set_before_change(std::function<void(const std::string& call)> hook);

  /// As after a kill: everything written is there and uncertain as before, nobody holds a lock.
  std::shared_ptr<MemoryFileSystem> clone() const;
  /// A copy of now, in which whoever holds a lock holds it for ever.
  std::shared_ptr<MemoryFileSystem> clone_with_locks() const;
  /// What a power cut now may leave or take, in a fixed order.
  std::vector<Uncertainty> uncertainties() const;
  /// As after a power cut: one outcome for each uncertainty; what is left is durable.
  std::shared_ptr<MemoryFileSystem> crash_clone(std::span<const Outcome> outcomes) const;

  /// As after a failed fdatasync of Linux: what was written stays readable and may or may not be on
  /// the disk, but the kernel takes it for clean: no later sync writes it.
  void drop_unsynced(const std::string& path);

  /// Of all names and contents; equal for equal trees.
  std::uint64_t hash() const;

  /// Shortcuts for tests that damage files. The file exists; what is set is durable at once.
  std::vector<std::byte> content(const std::string& path) const;
  void set_content(const std::string& path, std::vector<std::byte> bytes);

  struct Tree;  // the implementation's

 private:
  explicit MemoryFileSystem(std::shared_ptr<Tree> tree);

  const std::shared_ptr<Tree> tree_;
};

}  // namespace protobase::testing
