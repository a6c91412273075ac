// Short workloads on a store whose files, clock and randomness are a test's own: the same steps
// write the same bytes in every run.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "os/clock.h"
#include "os/file_system.h"
#include "protobase/file_block_provider.h"
#include "protobase/storage.h"
#include "test/crash/oracle.h"

namespace protobase::crash {

inline const std::string kSpace = "/space";

/// Steps a microsecond at each look; sleeping takes no time.
class StepClock final : public os::Clock {
 public:
  std::int64_t unix_us() override { return 1'700'000'000'000'000 + now_us_++; }
  std::uint64_t monotonic_ns() override { return static_cast<std::uint64_t>(now_us_++) * 1000; }
  void sleep_us(std::uint64_t duration_us) override {
    now_us_ += static_cast<std::int64_t>(duration_us);
  }

 private:
  std::atomic<std::int64_t> now_us_{0};
};

/// Opens a storage at kSpace with small buffers, small WALs and no caches.
std::unique_ptr<SharedStorage> open_storage(std::shared_ptr<os::FileSystem> files,
                                            std::uint64_t seed,
                                            SpaceAccess access = SpaceAccess::kReadWrite);

enum class Step {
  kPushSmall,
  kPushLarge,  ///< larger than the log's buffer
  kFlush,
  kCommit,         ///< push and set_current_root
  kCompareAndSet,  ///< push and compare_and_set_root, first with a wrong expectation
  kRollOver,       ///< fills the WAL, so that the next record begins another
  kReopen,         ///< close and open
  kSecondCommit,   ///< another storage on the same directory pushes and commits, and stays open
};
inline constexpr std::size_t kSteps = 8;
const char* to_text(Step step) noexcept;
std::string to_text(std::span<const Step> steps);
/// Every sequence of 1 to `length` steps.
std::vector<std::vector<Step>> all_workloads(std::size_t length);

/// Runs steps and keeps the record. Errors of the store come through after the record took them in.
class World {
 public:
  /// `second_files`: what the second storage sees of the same directory.
  World(std::shared_ptr<os::FileSystem> files, std::shared_ptr<os::FileSystem> second_files,
        std::uint64_t seed);

  void open() { open(0); }
  void run(Step step);
  void commit(int place);
  /// May throw; the storages are gone in any case.
  void close_all();

  Oracle& oracle() { return oracle_; }
  /// nullptr when it is not open. 0: the first, 1: the second.
  SharedStorage* storage(int place) { return storages_[static_cast<std::size_t>(place)].get(); }

 private:
  int writer(int place) const { return writers_[static_cast<std::size_t>(place)]; }
  void open(int place);
  void close(int place);
  AtomPointer push(int place, std::size_t size);
  void compare_and_set();
  template <typename Call>
  bool answered(Call call);

  const std::shared_ptr<os::FileSystem> files_;
  const std::shared_ptr<os::FileSystem> second_files_;
  std::uint64_t seed_;
  unsigned pushes_ = 0;
  int opened_ = 0;
  std::array<int, 2> writers_{};
  Oracle oracle_;
  std::array<std::unique_ptr<SharedStorage>, 2> storages_;
};

}  // namespace protobase::crash
