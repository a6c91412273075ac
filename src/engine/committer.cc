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
// How often, and how long about, a leader lets others run who may be about to join. It is some
// microseconds if none is; beside threads that compute a yield may take long.
constexpr int kPatience = 32;
constexpr std::uint64_t kPatienceNs = 200'000;
}  // namespace

Committer::Committer(RootRegister& root_register, Log& log, std::shared_ptr<os::Clock> clock,
                     std::uint64_t lock_timeout_ms)
    : register_(root_register),
      log_(log),
      clock_(std::move(clock)),
      lock_timeout_ms_(lock_timeout_ms) {}

bool Committer::commit(const AtomPointer& root,
                       const std::optional<std::optional<AtomPointer>>& expected) {
  Request request{root, expected};
  if (holds_guard()) {
    commit_group({&request});
    if (request.failure) std::rethrow_exception(request.failure);
    return request.accepted;
  }
  bool leads = false;
  const std::shared_ptr<Turn> turn = join(request, leads);
  if (leads) {
    lead(*turn);
  } else {
    turn->is_over.wait(0);
  }
  if (request.failure) std::rethrow_exception(request.failure);
  return request.accepted;
}

RootGuard Committer::guard(std::shared_ptr<void> keep_alive) {
  // Made first: nothing may throw once the root is kept.
  std::function<void()> release = [this, owner = std::move(keep_alive)] { release_guard(); };
  std::unique_lock lock(mutex_);
  if (guard_owner_ == std::this_thread::get_id()) {
    ++guard_depth_;
    return RootGuard(std::move(release));
  }
  throw_if_closed();
  wait_for_front(lock, begin_turn(/*is_guard=*/true));
  lock.unlock();
  try {
    guard_lock_ = register_.lock(lock_timeout_ms_);
  } catch (const std::exception&) {
    end_turn();
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

/// Joins the last group, or begins one. Returns when no guard is before it any more: other groups
/// come to an end by themselves, a guard lives as long as its holder likes. LockingError when one
/// does for too long.
std::shared_ptr<Committer::Turn> Committer::join(Request& request, bool& leads) {
  std::unique_lock lock(mutex_);
  throw_if_closed();
  const bool is_open = !queue_.empty() && !queue_.back()->is_guard && !queue_.back()->is_closed &&
                       queue_.back()->members.size() < kMaxGroup;
  std::shared_ptr<Turn> turn = is_open ? queue_.back() : begin_turn(/*is_guard=*/false);
  turn->members.push_back(&request);
  turn->size = turn->members.size();
  const auto timeout = std::chrono::milliseconds(std::max(lock_timeout_ms_, kShortestWaitMs));
  const auto may_go_on = [&] { return closed_ || !is_behind_guard(*turn); };
  while (!guard_moved_.wait_for(lock, timeout, may_go_on)) {
    if (!queue_.front()->is_guard) continue;
    leave(turn, &request);
    throw_kept();
  }
  if (is_behind_guard(*turn)) {
    leave(turn, &request);
    throw_if_closed();
  }
  leads = turn->members.front() == &request;
  return turn;
}

std::shared_ptr<Committer::Turn> Committer::begin_turn(bool is_guard) {
  const auto& turn = queue_.emplace_back(std::make_shared<Turn>(is_guard));
  if (queue_.size() == 1) {
    turn->expected_size = woken_;
    turn->has_come = 1;
  }
  return turn;
}

bool Committer::is_behind_guard(const Turn& turn) const {
  if (turn.has_come != 0) return false;  // and may be over, and out of the queue
  for (const auto& before : queue_) {
    if (before.get() == &turn) return false;
    if (before->is_guard) return true;
  }
  return false;
}

/// Precondition: `turn` is not the front one. `request`: null for a guard.
void Committer::leave(const std::shared_ptr<Turn>& turn, Request* request) {
  std::erase(turn->members, request);
  turn->size = turn->members.size();
  if (turn->members.empty()) std::erase(queue_, turn);
  guard_moved_.notify_all();
}

void Committer::wait_for_front(std::unique_lock<std::mutex>& lock,
                               const std::shared_ptr<Turn>& turn) {
  const auto timeout = std::chrono::milliseconds(std::max(lock_timeout_ms_, kShortestWaitMs));
  const auto may_go_on = [&] { return closed_ || queue_.front() == turn; };
  while (!guard_moved_.wait_for(lock, timeout, may_go_on)) {
    if (!queue_.front()->is_guard) continue;
    leave(turn, nullptr);
    throw_kept();
  }
  if (queue_.front() != turn) {
    leave(turn, nullptr);
    throw_if_closed();
  }
}

void Committer::throw_kept() const {
  throw LockingError("another thread kept the root for " + std::to_string(lock_timeout_ms_) +
                     " ms");
}

void Committer::expect_open() const {
  const std::lock_guard lock(mutex_);
  throw_if_closed();
}

/// Precondition: the mutex is held.
void Committer::throw_if_closed() const {
  if (closed_) throw ValidationError("the storage is closed");
}

void Committer::lead(Turn& turn) {
  turn.has_come.wait(0);
  // Those whom the turn before wakes come back at once. Without them half of the threads would
  // always miss the sync that the other half begins.
  const std::uint64_t begin = clock_->monotonic_ns();
  for (int i = 0; i < kPatience && turn.size < turn.expected_size; ++i) {
    if (clock_->monotonic_ns() - begin > kPatienceNs) break;
    std::this_thread::yield();
  }
  const Group& group = close(turn);
  try {
    expect_open();  // a register may take over from others, for nothing
    const auto root_lock = register_.lock(lock_timeout_ms_);
    commit_group(group);
  } catch (const std::exception&) {
    for (Request* member : group) {
      if (!member->failure) member->failure = std::current_exception();
    }
  }
  end_turn();
}

const Committer::Group& Committer::close(Turn& turn) {
  const std::lock_guard lock(mutex_);
  turn.is_closed = true;
  return turn.members;
}

/// Of the front one. Who leads the next is woken first, and no one meets the mutex held.
void Committer::end_turn() {
  std::shared_ptr<Turn> ended, next;
  {
    const std::lock_guard lock(mutex_);
    ended = std::move(queue_.front());
    queue_.pop_front();
    woken_ = ended->members.size();
    if (!queue_.empty()) {
      next = queue_.front();
      next->expected_size = std::min(next->members.size() + ended->members.size(), kMaxGroup);
      next->has_come = 1;
    }
    guard_moved_.notify_all();
  }
  if (next) next->has_come.notify_one();
  ended->is_over = 1;
  ended->is_over.notify_all();
}

void Committer::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  guard_moved_.notify_all();
  written_.wait(lock, [&] { return !writing_; });
}

Committer::Writing::Writing(Committer& committer) : committer_(committer) {
  const std::lock_guard lock(committer_.mutex_);
  committer_.throw_if_closed();
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
  } catch (const NothingTookEffect&) {
    take_back();  // the log has made the commit records void
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
  {
    const std::lock_guard lock(mutex_);
    if (--guard_depth_ > 0) return;
    guard_owner_.reset();
    guard_lock_.reset();
  }
  end_turn();
}

}  // namespace protobase::engine
