#include "test/soak/judge.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protobase/errors.h"

namespace protobase::soak {
namespace {

/// A call with its place in the history: commits are numbered from 1, "no root" is 0.
struct Placed {
  const Call* call = nullptr;
  std::size_t place = 0;
};

class Judge {
 public:
  Judge(SharedStorage& storage, std::span<const Record> records, Reads reads)
      : storage_(storage), records_(records), reads_(reads) {}

  Judgement run() {
    read_history();
    for (const Record& record : records_) {
      place_calls(record);
      check_atoms(record);
    }
    check_no_strangers();
    check_order();
    check_verify();
    return judgement_;
  }

 private:
  struct Entry {
    AtomPointer root;
    std::string name;
    bool is_known = false;
  };

  /// An address may have been given twice, after a crash; the payload says which atom it is.
  void read_history() {
    const auto newest_first = storage_.root_history(std::numeric_limits<std::size_t>::max());
    const auto root = storage_.read_current_root();
    const auto newest =
        newest_first.empty() ? std::nullopt : std::optional(newest_first.front().root);
    if (root != newest) throw Violation("the root is not the newest of the history");
    for (std::size_t i = newest_first.size(); i-- > 0;) {
      const RootVersion& version = newest_first[i];
      if (i > 0 && newest_first[i - 1].sequence <= version.sequence) {
        throw Violation("sequences do not grow at " + std::to_string(version.sequence));
      }
      const auto name = name_in(storage_.get_bytes(version.root).as_text());
      history_.push_back({version.root, name.value_or("")});
      places_[version.root] = history_.size();
    }
    judgement_.commits = history_.size();
  }

  void place_calls(const Record& record) {
    for (const Call& call : record.calls) {
      if (call.is_commit()) place_commit(call);
      if (call.action == Action::kRead && call.outcome == Outcome::kYes) {
        const std::size_t place = place_of(call.seen, "a read root");
        if (reads_ == Reads::kNewest) placed_.push_back({&call, place});
        ++judgement_.reads;
      }
    }
  }

  void place_commit(const Call& call) {
    const auto found = places_.find(call.root);
    const bool is_there = found != places_.end() && history_[found->second - 1].name == call.name;
    if (!is_there) {
      if (call.outcome == Outcome::kYes) {
        throw Violation("acknowledged commit " + call.name + " at " + call.root.to_string() +
                        " is not in the history");
      }
      if (call.outcome == Outcome::kNo) refused_.push_back(&call);
      return;
    }
    if (call.outcome != Outcome::kYes && call.outcome != Outcome::kUnknown) {
      throw Violation("commit " + call.name + " was answered with no and is in the history");
    }
    Entry& entry = history_[found->second - 1];
    if (std::exchange(entry.is_known, true)) throw Violation("two commits of " + call.name);
    if (call.action == Action::kCompareAndSet && call.expected != root_at(found->second - 1)) {
      throw Violation("compare-and-set " + call.name + " replaced another root than expected");
    }
    placed_.push_back({&call, found->second});
    judgement_.acknowledged += call.outcome == Outcome::kYes ? 1 : 0;
  }

  std::size_t place_of(const std::optional<AtomPointer>& root, const std::string& who) const {
    if (!root) return 0;
    const auto found = places_.find(*root);
    if (found == places_.end()) {
      throw Violation(who + ", " + root->to_string() + ", is not in the history");
    }
    return found->second;
  }

  std::optional<AtomPointer> root_at(std::size_t place) const {
    if (place == 0) return std::nullopt;
    return history_[place - 1].root;
  }

  /// What this process pushed before the last commit or flush of it that took effect is there.
  void check_atoms(const Record& record) {
    std::size_t durable = 0;
    for (const Call& call : record.calls) {
      const bool is_flushed = call.action == Action::kFlush && call.outcome == Outcome::kYes;
      const auto found = call.is_commit() ? places_.find(call.root) : places_.end();
      const bool is_there = found != places_.end() && history_[found->second - 1].name == call.name;
      if (is_flushed || is_there) durable = std::max(durable, call.pushes_before);
    }
    for (std::size_t i = 0; i < durable; ++i) check_atom(record.pushes[i]);
    judgement_.atoms += durable;
  }

  void check_atom(const Push& push) {
    try {
      if (storage_.get_bytes(push.pointer).as_text() == payload_of(push.name, push.size)) return;
    } catch (const ProtoBaseError& error) {
      throw Violation("durable atom " + push.name + " at " + push.pointer.to_string() +
                      " is lost: " + error.what());
    }
    throw Violation("durable atom " + push.name + " at " + push.pointer.to_string() +
                    " has wrong bytes");
  }

  void check_no_strangers() const {
    for (const Entry& entry : history_) {
      if (!entry.is_known) {
        throw Violation("the history holds a commit nobody made: " + entry.root.to_string());
      }
    }
  }

  /// Sweeps over time: a call that begins after another's end has no earlier place than that.
  void check_order() {
    std::vector<Placed> by_end = placed_;
    std::sort(placed_.begin(), placed_.end(),
              [](const Placed& a, const Placed& b) { return a.call->begin_ns < b.call->begin_ns; });
    std::sort(by_end.begin(), by_end.end(),
              [](const Placed& a, const Placed& b) { return a.call->end_ns < b.call->end_ns; });
    std::size_t ended = 0;
    std::size_t reached = 0;
    for (const Placed& placed : placed_) {
      for (; ended < by_end.size() && by_end[ended].call->end_ns < placed.call->begin_ns; ++ended) {
        reached = std::max(reached, by_end[ended].place);
      }
      const std::size_t least = placed.call->is_commit() ? reached + 1 : reached;
      if (placed.place < least) {
        throw Violation("the root went back: place " + std::to_string(placed.place) +
                        " of the history, after place " + std::to_string(reached) +
                        " was answered; " +
                        root_at(placed.place).value_or(AtomPointer{}).to_string());
      }
    }
    for (const Call* call : refused_) check_refused(*call);
  }

  /// A compare-and-set that lost has met another root than the one it expected.
  void check_refused(const Call& call) const {
    std::size_t first = 0;
    std::size_t last = 0;
    for (const Placed& placed : placed_) {
      if (placed.call->end_ns < call.begin_ns) first = std::max(first, placed.place);
      if (placed.call->begin_ns < call.end_ns) last = std::max(last, placed.place);
    }
    if (first == last && root_at(first) == call.expected) {
      throw Violation("compare-and-set " + call.name + " lost although the root was as expected");
    }
  }

  void check_verify() {
    const VerifyReport report = storage_.verify({});
    if (report.bad_places == 0) return;
    throw Violation("verify: " + report.bad[0].pointer.to_string() + ": " + report.bad[0].reason);
  }

  SharedStorage& storage_;
  const std::span<const Record> records_;
  const Reads reads_;
  std::vector<Entry> history_;  ///< oldest first
  std::unordered_map<AtomPointer, std::size_t> places_;
  std::vector<Placed> placed_;
  std::vector<const Call*> refused_;
  Judgement judgement_;
};

}  // namespace

Judgement judge(SharedStorage& storage, std::span<const Record> records, Reads reads) {
  return Judge(storage, records, reads).run();
}

}  // namespace protobase::soak
