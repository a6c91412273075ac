#include "testing/cloud_fault_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "protobase/cloud_storage_client.h"

namespace protobase::testing {

namespace {

constexpr std::array<std::string_view, kCloudFaults> kNames = {"not sent",
                                                               "lost request",
                                                               "lost answer",
                                                               "delayed",
                                                               "duplicated",
                                                               "internal error",
                                                               "internal error applied",
                                                               "unavailable",
                                                               "throttled",
                                                               "conflict",
                                                               "expired credentials",
                                                               "short body",
                                                               "corrupt body",
                                                               "unavailable applied",
                                                               "throttled applied",
                                                               "conflict applied",
                                                               "exists applied",
                                                               "stale list"};

constexpr std::size_t kPutsRemembered = 256;

bool fits(CloudFault fault, CloudCall call) {
  switch (fault) {
    case CloudFault::kDelayed:
    case CloudFault::kDuplicated: return call == CloudCall::kPut || call == CloudCall::kRemove;
    case CloudFault::kConflict:
    case CloudFault::kConflictApplied:
    case CloudFault::kExistsApplied: return call == CloudCall::kPut;
    case CloudFault::kShortBody:
    case CloudFault::kCorruptBody: return call == CloudCall::kGet;
    case CloudFault::kStaleList: return call == CloudCall::kList;
    default: return true;
  }
}

}  // namespace

std::string_view to_text(CloudFault fault) noexcept {
  return kNames[static_cast<std::size_t>(fault)];
}

void CloudFaultPlan::add(CloudFaultRule rule) {
  const std::lock_guard lock(mutex_);
  rules_.push_back({std::move(rule)});
}

void CloudFaultPlan::clear() {
  const std::lock_guard lock(mutex_);
  rules_.clear();
}

void CloudFaultPlan::settle() { run_due(std::numeric_limits<std::uint64_t>::max()); }

std::size_t CloudFaultPlan::delayed() const {
  const std::lock_guard lock(mutex_);
  return delayed_.size();
}

std::uint64_t CloudFaultPlan::hits(CloudFault fault) const {
  const std::lock_guard lock(mutex_);
  return hits_[static_cast<std::size_t>(fault)];
}

std::uint64_t CloudFaultPlan::hits() const {
  const std::lock_guard lock(mutex_);
  return std::accumulate(hits_.begin(), hits_.end(), std::uint64_t{0});
}

std::uint64_t CloudFaultPlan::arrived() const {
  const std::lock_guard lock(mutex_);
  return arrived_;
}

std::string CloudFaultPlan::report() const {
  const std::lock_guard lock(mutex_);
  std::string text = "seed " + std::to_string(seed_) + ":";
  std::string_view separator = " ";
  for (std::size_t i = 0; i < kCloudFaults; ++i) {
    if (hits_[i] == 0) continue;
    text.append(separator).append(kNames[i]).append(" ").append(std::to_string(hits_[i]));
    separator = ", ";
  }
  return text;
}

std::optional<CloudFaultPlan::Drawn> CloudFaultPlan::begin(CloudCall call, const std::string& key) {
  std::uint64_t now = 0;
  std::optional<Drawn> drawn;
  {
    const std::lock_guard lock(mutex_);
    now = ++calls_;
    for (Rule& rule : rules_) {
      if (strikes(rule, call, key) && !drawn) drawn = {rule.rule.fault, rule.rule.span};
    }
  }
  run_due(now);
  return drawn;
}

// Every rule counts and draws at each call that it fits: what one does never shifts another.
bool CloudFaultPlan::strikes(Rule& rule, CloudCall call, const std::string& key) {
  const CloudFaultRule& when = rule.rule;
  if (!fits(when.fault, call) || (when.only && *when.only != call)) return false;
  if (!key.starts_with(when.key_prefix)) return false;
  ++rule.calls;
  if (when.at_call != 0) return rule.calls == when.at_call;
  return std::bernoulli_distribution(when.probability)(draws_);
}

void CloudFaultPlan::count_hit(CloudFault fault) {
  const std::lock_guard lock(mutex_);
  ++hits_[static_cast<std::size_t>(fault)];
}

void CloudFaultPlan::delay(std::function<void()> request, unsigned span) {
  const std::uint64_t wait = 1 + draw(std::max(span, 1u));
  const std::lock_guard lock(mutex_);
  delayed_.push_back({calls_ + wait, std::move(request)});
}

void CloudFaultPlan::run_due(std::uint64_t until_call) {
  std::vector<Delayed> due;
  {
    const std::lock_guard lock(mutex_);
    const auto is_later = [&](const Delayed& entry) { return entry.at_call > until_call; };
    const auto first_due = std::stable_partition(delayed_.begin(), delayed_.end(), is_later);
    due.assign(std::make_move_iterator(first_due), std::make_move_iterator(delayed_.end()));
    delayed_.erase(first_due, delayed_.end());
    arrived_ += due.size();
  }
  std::stable_sort(due.begin(), due.end(),
                   [](const Delayed& a, const Delayed& b) { return a.at_call < b.at_call; });
  for (const Delayed& entry : due) {
    try {
      entry.request();
    } catch (const CloudStorageError&) {
      // Nobody waits for this answer; it was lost on the way for good, as any request may be.
    }
  }
}

void CloudFaultPlan::note_put(const std::string& key) {
  const std::lock_guard lock(mutex_);
  puts_.push_back(key);
  if (puts_.size() > kPutsRemembered) puts_.erase(puts_.begin());
}

std::vector<std::string> CloudFaultPlan::last_puts(unsigned count) const {
  const std::lock_guard lock(mutex_);
  const auto length = static_cast<std::ptrdiff_t>(std::min<std::size_t>(count, puts_.size()));
  return {puts_.end() - length, puts_.end()};
}

std::uint64_t CloudFaultPlan::draw(std::uint64_t limit) {
  const std::lock_guard lock(mutex_);
  return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(draws_);
}

}  // namespace protobase::testing
