// Runs a plan on a storage, in one or more threads, and reports each step before and after it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "protobase/storage.h"
#include "test/soak/record.h"

namespace protobase::soak {

/// Takes one line of a record; called from any thread, one call at a time per line.
using Report = std::function<void(const std::string& line)>;
using OpenStorage = std::function<std::unique_ptr<SharedStorage>()>;
using Merge = std::function<void(SharedStorage&)>;

/// Steps of a plan, a letter each:
///   p push small   l push larger than the log's buffer   x push until the WAL rolls over
///   b push more than an object in a bucket holds, unless the WAL rolls over before
///   f flush        s push and set_current_root           c push and compare_and_set_root
///   w compare_and_set_root with a wrong expectation      r read_current_root
///   g read_current_root and get what it points at
///   o close and open again (only in one thread)   m merge what lies in a bucket
///   k kill this process, in the middle of whatever its other threads do
/// Gives 0 at its end.
using Plan = std::function<char()>;
/// The letters once.
Plan fixed_plan(const std::string& letters);
/// `steps` draws from `letters` (0: without end), the same for the same seed.
Plan random_plan(const std::string& letters, std::uint64_t seed, std::uint64_t steps);

/// The names of all atoms begin with `tag`, which no other worker of the space may have.
class Worker final {
 public:
  Worker(std::string tag, OpenStorage open, Report report);
  /// In a bucket, where requests fail: a refused commit or one whose outcome is unknown ends the
  /// work, as it ends the storage; one that failed without an effect does not.
  Worker(std::string tag, OpenStorage open, Report report, Merge merge);

  /// Opens the storage and reports it.
  void open();
  /// Runs `plan` as thread number `thread`, or until the work is over; throws what the storage
  /// throws, a refused or unknown commit apart, which are outcomes.
  void run(unsigned thread, const Plan& plan);
  /// Closes and reports it.
  void close();
  bool is_over() const { return is_over_; }

 private:
  void step(unsigned thread, char letter);
  Push push(unsigned thread, std::size_t size);
  void push_bulk(unsigned thread);
  void roll_over(unsigned thread);
  void commit(unsigned thread, Action action, const std::optional<AtomPointer>& expected);
  std::optional<AtomPointer> read(unsigned thread);
  void flush(unsigned thread);
  void get(unsigned thread);
  void merge();
  template <typename Work>
  void report_call(Call call, Work work);

  const std::string tag_;
  const OpenStorage open_;
  const Report report_;
  const Merge merge_;  ///< null: not in a bucket
  std::unique_ptr<SharedStorage> storage_;
  std::atomic<std::uint64_t> named_{0};
  std::atomic<unsigned> failures_{0};  ///< one behind the other
  std::atomic<bool> is_over_{false};
};

}  // namespace protobase::soak
