// Moves the root: gathers the threads that want to, lets one of them commit for all that came
// (group commit), and hands out the exclusive guard of root_context_manager().
//
// Invariants:
//  - Turns follow each other in the order they were begun. A turn is one group of commits or the
//    life of a guard; the register's lock is held for exactly a turn.
//  - The first member of a group leads it. Others join until its turn comes and it is closed.
//  - The thread that holds the guard commits at once, within its turn; nobody else's commit runs
//    then.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "engine/log.h"
#include "os/clock.h"
#include "protobase/root_register.h"
#include "protobase/storage.h"

namespace protobase::engine {

/// Thread-safe.
class Committer final {
 public:
  Committer(RootRegister& root_register, Log& log, std::shared_ptr<os::Clock> clock,
            std::uint64_t lock_timeout_ms);
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  /// Commits `root`; with `expected`, only if the root is that (inner nullopt: none is set).
  /// False when it is not. Errors as SharedStorage::set_current_root.
  bool commit(const AtomPointer& root, const std::optional<std::optional<AtomPointer>>& expected);

  /// `keep_alive` owns this committer and what it stands on: a guard may outlive its storage.
  RootGuard guard(std::shared_ptr<void> keep_alive);

  /// Waits for the commits being written. Those that come later, or wait for a guard to end, throw
  /// ValidationError.
  void close();

  std::uint64_t commits() const noexcept { return commits_.load(std::memory_order_relaxed); }

 private:
  struct Request {
    AtomPointer root;
    std::optional<std::optional<AtomPointer>> expected;
    bool accepted = false;
    std::exception_ptr failure{};
  };
  using Group = std::vector<Request*>;

  /// Shared by its threads, so that the last to leave may wake the others without the mutex.
  struct Turn {
    explicit Turn(bool guard) : is_guard(guard) { members.reserve(1); }  // the first joins for sure
    const bool is_guard;
    Group members{};  ///< those of a closed group do not change
    bool is_closed = false;
    std::size_t expected_size = 0;     ///< how many the turn before wakes
    std::atomic<std::size_t> size{0};  ///< of members, for who waits for them
    std::atomic<int> has_come{0};      ///< it is the front one
    std::atomic<int> is_over{0};       ///< what became of the members is known
  };

  /// What a group comes to.
  struct Plan {
    Group accepted;
    Group refused;  ///< because of one accepted before it: if that fails, it was not refused
    std::vector<RootVersion> versions;  ///< of the accepted ones
  };

  /// Lives while a group is being written.
  class Writing final {
   public:
    explicit Writing(Committer& committer);
    ~Writing();
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;

   private:
    Committer& committer_;
  };

  bool holds_guard() const;
  std::shared_ptr<Turn> join(Request& request, bool& leads);
  std::shared_ptr<Turn> begin_turn(bool is_guard);
  bool is_behind_guard(const Turn& turn) const;
  void leave(const std::shared_ptr<Turn>& turn, Request* request);
  void wait_for_front(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Turn>& turn);
  [[noreturn]] void throw_kept() const;
  void throw_if_closed() const;
  void expect_open() const;
  void lead(Turn& turn);
  const Group& close(Turn& turn);
  void end_turn();
  void commit_group(const Group& group);
  void number_versions(std::vector<RootVersion>& versions,
                       const std::optional<RootVersion>& current);
  void write_versions(std::vector<RootVersion>& versions);
  Plan make_plan(const Group& group, const std::optional<RootVersion>& current);
  void publish(const Plan& plan, const std::optional<RootVersion>& current);
  static void give_up(const Plan& plan, const std::exception& error);
  void release_guard();

  RootRegister& register_;
  Log& log_;
  const std::shared_ptr<os::Clock> clock_;
  const std::uint64_t lock_timeout_ms_;
  std::atomic<std::uint64_t> commits_{0};

  mutable std::mutex mutex_;
  bool closed_ = false;
  bool writing_ = false;             ///< a group is being written
  std::condition_variable written_;  ///< it no longer is
  std::deque<std::shared_ptr<Turn>> queue_;
  std::size_t woken_ = 0;                ///< members of the turn that ended last
  std::condition_variable guard_moved_;  ///< to the front, or away, or nobody waits any more
  std::optional<std::thread::id> guard_owner_;
  unsigned guard_depth_ = 0;
  std::unique_ptr<RootLock> guard_lock_;
};

}  // namespace protobase::engine
