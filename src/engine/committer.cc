#include "engine/committer.h"

#include <utility>

#include "protobase/errors.h"

namespace protobase::engine {

namespace {
// Commits one turn takes at most: bounds how long a guard may have to wait.
constexpr std::size_t kMaxGroup = 1024;
}  // namespace

Committer::Committer(RootRegister& root_register, Log& log, std::shared_ptr<os::Clock> clock,
                     std::uint64_t lock_timeout_ms)
    : register_(root_register),
      log_(log),
      clock_(std::move(clock)),
      lock_timeout_ms_(lock_timeout_ms) {
  guard_request_.is_guard = true;
}

bool Committer::commit(const AtomPointer& root,
                       const std::optional<std::optional<AtomPointer>>& expected) {
  Request request{root, expected};
  if (holds_guard()) {
    commit_group({&request});
    return request.accepted;
  }
  std::unique_lock lock(mutex_);
  queue_.push_back(&request);
  wait_for_turn(lock, request);
  if (!request.done) {
    const Group group = front_group();
    lock.unlock();
    try {
      const auto root_lock = register_.lock(lock_timeout_ms_);
      commit_group(group);
    } catch (const std::exception&) {
      for (Request* member : group) member->failure = std::current_exception();
    }
    lock.lock();
    end_turn(group);
  }
  lock.unlock();
  if (request.failure) std::rethrow_exception(request.failure);
  return request.accepted;
}

RootGuard Committer::guard(std::shared_ptr<void> keep_alive) {
  auto release = [this, owner = std::move(keep_alive)] { release_guard(); };
  std::unique_lock lock(mutex_);
  if (guard_owner_ == std::this_thread::get_id()) {
    ++guard_depth_;
    return RootGuard(std::move(release));
  }
  Request place;
  place.is_guard = true;
  queue_.push_back(&place);
  wait_for_turn(lock, place);
  queue_.front() = &guard_request_;  // `place` goes with this call, the turn stays
  lock.unlock();
  try {
    guard_lock_ = register_.lock(lock_timeout_ms_);
  } catch (const std::exception&) {
    lock.lock();
    end_turn({&guard_request_});
    throw;
  }
  lock.lock();
  guard_owner_ = std::this_thread::get_id();
  guard_depth_ = 1;
  return RootGuard(std::move(release));
}

bool Committer::holds_guard() const {
  const std::lock_guard lock(mutex_);
  return guard_owner_ == std::this_thread::get_id();
}

void Committer::wait_for_turn(std::unique_lock<std::mutex>& lock, Request& request) {
  request.turn.wait(lock, [&] { return request.done || queue_.front() == &request; });
}

Committer::Group Committer::front_group() {
  Group group;
  for (Request* request : queue_) {
    if (request->is_guard || group.size() == kMaxGroup) break;
    group.push_back(request);
  }
  return group;
}

void Committer::end_turn(const Group& group) {
  for (Request* member : group) {
    queue_.pop_front();
    member->done = true;
    member->turn.notify_one();
  }
  if (!queue_.empty()) queue_.front()->turn.notify_one();
}

void Committer::commit_group(const Group& group) {
  const std::optional<RootVersion> current = register_.read();
  std::optional<AtomPointer> root = current ? std::optional(current->root) : std::nullopt;
  std::vector<RootVersion> versions;
  for (Request* request : group) {
    request->accepted = !request->expected || *request->expected == root;
    if (!request->accepted) continue;
    root = request->root;
    RootVersion version;
    version.root = request->root;
    versions.push_back(version);
  }
  if (!versions.empty()) write_versions(versions, current);
}

void Committer::write_versions(std::vector<RootVersion>& versions,
                               const std::optional<RootVersion>& current) {
  std::uint64_t sequence = register_.next_sequence();
  std::uint64_t previous = current ? current->sequence : 0;
  const std::int64_t now = clock_->unix_us();
  for (RootVersion& version : versions) {
    version.sequence = sequence++;
    version.previous_sequence = std::exchange(previous, version.sequence);
    version.time_us = now;
  }
  if (current) versions.front().previous_commit = current->commit;
  try {
    log_.commit(versions, [&](const AtomPointer& begin) {
      register_.prepare(versions.front().sequence, versions.back().sequence, begin);
    });
  } catch (const NoSpaceError&) {
    register_.abandon();
    throw;
  } catch (const std::exception& error) {
    register_.abandon();
    const AtomPointer& commit = versions.back().commit;
    if (commit.transaction_id.is_nil()) throw;  // nothing was appended: certainly not committed
    throw OutcomeUnknownError(std::string("the commit may or may not have reached the disk: ") +
                                  error.what() + "; close, open again and look for commit " +
                                  commit.to_string() + " in the root history",
                              commit.to_string());
  }
  const auto expected = current ? std::optional(current->sequence) : std::nullopt;
  if (!register_.compare_and_set(expected, versions.back())) {
    throw LockingError("the root was moved by someone else while the root lock was held");
  }
  commits_.fetch_add(versions.size(), std::memory_order_relaxed);
}

void Committer::release_guard() {
  const std::lock_guard lock(mutex_);
  if (--guard_depth_ > 0) return;
  guard_owner_.reset();
  guard_lock_.reset();
  end_turn({&guard_request_});
}

}  // namespace protobase::engine
