#include "engine/committer.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/planted_bug.h"
#include "protobase/errors.h"

namespace protobase::engine {

namespace {
// Commits one turn takes at most: bounds how long a guard may have to wait.
constexpr std::size_t kMaxGroup = 1024;
constexpr std::uint64_t kShortestWaitMs = 1;
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
    if (request.failure) std::rethrow_exception(request.failure);
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
  const auto has_turn = [&] { return request.done || queue_.front() == &request; };
  const auto timeout = std::chrono::milliseconds(std::max(lock_timeout_ms_, kShortestWaitMs));
  while (!request.turn.wait_for(lock, timeout, has_turn)) {
    // Other commits come to an end by themselves; a guard lives as long as its holder likes.
    if (request.in_turn || !queue_.front()->is_guard) continue;
    std::erase(queue_, &request);
    throw LockingError("another thread kept the root for " + std::to_string(lock_timeout_ms_) +
                       " ms");
  }
}

Committer::Group Committer::front_group() {
  Group group;
  for (Request* request : queue_) {
    if (request->is_guard || group.size() == kMaxGroup) break;
    request->in_turn = true;
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

void Committer::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  written_.wait(lock, [&] { return !writing_; });
}

Committer::Writing::Writing(Committer& committer) : committer_(committer) {
  const std::lock_guard lock(committer_.mutex_);
  if (committer_.closed_) throw ValidationError("the storage is closed");
  committer_.writing_ = true;
}

Committer::Writing::~Writing() {
  const std::lock_guard lock(committer_.mutex_);
  committer_.writing_ = false;
  committer_.written_.notify_all();
}

void Committer::commit_group(const Group& group) {
  const Writing writing(*this);
  const std::optional<RootVersion> current = register_.read();
  Plan plan = make_plan(group, current);
  if (plan.versions.empty()) return;
  try {
    write_versions(plan.versions);
  } catch (const std::exception& error) {
    if (plan.versions.front().commit.transaction_id.is_nil()) throw;  // not begun, or taken back
    give_up(plan, error);
    return;
  }
  publish(plan, current);
  if (base::is_planted(base::PlantedBug::kRootBeforeData)) log_.flush();
}

Committer::Plan Committer::make_plan(const Group& group,
                                     const std::optional<RootVersion>& current) {
  Plan plan;
  std::optional<AtomPointer> root = current ? std::optional(current->root) : std::nullopt;
  for (Request* request : group) {
    request->accepted = !request->expected || *request->expected == root;
    if (request->accepted) {
      root = request->root;
      plan.accepted.push_back(request);
      plan.versions.emplace_back().root = request->root;
    } else if (!plan.accepted.empty()) {
      plan.refused.push_back(request);
    }
  }
  if (!plan.versions.empty()) number_versions(plan.versions, current);
  return plan;
}

void Committer::write_versions(std::vector<RootVersion>& versions) {
  const auto take_back = [&] {
    register_.abandon();
    for (RootVersion& version : versions) version.commit = {};
  };
  try {
    log_.commit(versions, [&](const AtomPointer& begin) {
      register_.prepare(versions.front().sequence, versions.back().sequence, begin);
    });
  } catch (const NoSpaceError&) {
    take_back();  // the log has made the commit records void
    throw;
  } catch (const NothingTookEffect&) {
    take_back();
    throw;
  } catch (const LockingError&) {
    take_back();  // another writer took over: they will never be anywhere
    throw;
  }
}

void Committer::publish(const Plan& plan, const std::optional<RootVersion>& current) {
  const auto expected = current ? std::optional(current->sequence) : std::nullopt;
  try {
    if (!register_.compare_and_set(expected, plan.versions.back())) {
      throw LockingError("the root was moved by someone else while the root lock was held");
    }
  } catch (const std::exception& error) {
    give_up(plan, error);
    return;
  }
  commits_.fetch_add(plan.versions.size(), std::memory_order_relaxed);
}

void Committer::give_up(const Plan& plan, const std::exception& error) {
  // The register still knows where these commits may be: whoever takes its lock next settles them.
  for (std::size_t i = 0; i < plan.accepted.size(); ++i) {
    const std::string id = plan.versions[i].commit.to_string();
    plan.accepted[i]->failure = std::make_exception_ptr(OutcomeUnknownError(
        std::string("the commit may or may not have reached the disk: ") + error.what() +
            "; close, open again and look for commit " + id + " in the root history",
        id));
  }
  for (Request* request : plan.refused) {
    request->failure = std::make_exception_ptr(UnexpectedError(
        std::string("nothing was committed: the root was about to be moved by another thread, "
                    "which failed: ") +
        error.what()));
  }
}

void Committer::number_versions(std::vector<RootVersion>& versions,
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
}

void Committer::release_guard() {
  const std::lock_guard lock(mutex_);
  if (--guard_depth_ > 0) return;
  guard_owner_.reset();
  guard_lock_.reset();
  end_turn({&guard_request_});
}

}  // namespace protobase::engine
