#include "testing/linearizability.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace protobase::testing {
namespace {

class Search {
 public:
  explicit Search(std::span<const RegisterCall> calls)
      : calls_(calls.begin(), calls.end()), done_(calls.size(), false) {
    std::sort(calls_.begin(), calls_.end(),
              [](const RegisterCall& a, const RegisterCall& b) { return a.begin < b.begin; });
  }

  bool from(RegisterValue value) {
    const std::vector<std::size_t> next = candidates();
    if (unanswered_only()) return true;
    // Calls that change nothing and fit are never in the way of others: take them at once.
    for (const std::size_t i : next) {
      if (is_answered(i) && after(calls_[i], value) == value) return take(i, value);
    }
    if (!seen_.insert(key(value)).second) return false;
    return std::any_of(next.begin(), next.end(), [&](std::size_t i) {
      const auto changed = after(calls_[i], value);
      return changed && *changed != value && take(i, *changed);
    });
  }

 private:
  bool is_answered(std::size_t i) const { return calls_[i].end != RegisterCall::kNever; }

  bool unanswered_only() const {
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      if (!done_[i] && is_answered(i)) return false;
    }
    return true;
  }

  /// Those that no call still to be placed ends before.
  std::vector<std::size_t> candidates() const {
    std::uint64_t first_end = RegisterCall::kNever;
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      if (!done_[i]) first_end = std::min(first_end, calls_[i].end);
    }
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < calls_.size() && calls_[i].begin <= first_end; ++i) {
      if (!done_[i]) found.push_back(i);
    }
    return found;
  }

  /// The register's value after `call` at `value`; nullopt when its answer does not fit there.
  static std::optional<RegisterValue> after(const RegisterCall& call, RegisterValue value) {
    const bool is_answered = call.end != RegisterCall::kNever;
    switch (call.kind) {
      case RegisterCall::Kind::kRead:
        if (is_answered && call.value != value) return std::nullopt;
        return value;
      case RegisterCall::Kind::kWrite: return call.value;
      case RegisterCall::Kind::kCompareAndSet: break;
    }
    const bool succeeds = call.expected == value;
    if (is_answered && succeeds != call.succeeded) return std::nullopt;
    return succeeds ? call.value : value;
  }

  bool take(std::size_t i, RegisterValue value) {
    done_[i] = true;
    const bool found = from(value);
    done_[i] = false;
    return found;
  }

  std::string key(RegisterValue value) const {
    std::string text = std::to_string(value) + ' ';
    for (const bool done : done_) text.push_back(done ? '1' : '0');
    return text;
  }

  std::vector<RegisterCall> calls_;
  std::vector<bool> done_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

bool is_linearizable(std::span<const RegisterCall> calls) { return Search(calls).from(0); }

}  // namespace protobase::testing
