// Every workload of up to three steps x every moment at which the machine may stop x every subset
// of what was not yet synced: the store is opened on what is left and judged by the oracle; and
// once more with the machine stopping again while the store recovers.
//
// A moment is "before a call that changes files" or the end. Workloads that begin alike behave
// alike, so of each only the moments of its last step are looked at. What is left is a disk image;
// images that were judged before with the same record are counted as visited, not judged again.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <unordered_set>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"
#include "test/crash/oracle.h"
#include "test/crash/workload.h"
#include "testing/memory_file_system.h"

namespace protobase::crash {
namespace {

using ::protobase::testing::MemoryFileSystem;
using ::protobase::testing::Outcome;
using ::protobase::testing::Uncertainty;
using Fate = Outcome::Fate;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
constexpr std::size_t kLength = kSanitized ? 2 : 3;  // steps of a workload
// All subsets are visited up to so many, else a sample; fewer for the longest workloads, of which
// there are most.
constexpr std::uint64_t kMaxSubsets = kSanitized ? 1 << 4 : 1 << 7;
constexpr std::uint64_t kMaxSubsetsOfLongest = kSanitized ? 1 << 4 : 1 << 5;
constexpr std::uint64_t kSampledSubsets = kSanitized ? 4 : 16;
constexpr std::uint64_t kTears = kSanitized ? 4 : 12;  // per moment, on top of the subsets
constexpr std::uint64_t kRecoveryEvery =
    kSanitized ? 512 : 64;                     // one image of so many recovers with crashes
constexpr std::uint64_t kRecoverySubsets = 3;  // per moment of that recovery
constexpr std::uint64_t kSeed = 20240607;
constexpr std::uint64_t kLeastStates = kSanitized ? 1'000 : 100'000;
constexpr const char* kEnd = "the end";
constexpr std::size_t kMaxFailures = 10;  // kinds of them

/// The machine stops here: files and record of that moment.
struct Moment {
  std::shared_ptr<MemoryFileSystem> files;
  Oracle oracle;
  std::string call;
};

struct Totals {
  std::atomic<std::uint64_t> moments{0};
  std::atomic<std::uint64_t> visited{0};
  std::atomic<std::uint64_t> judged{0};
  std::atomic<std::uint64_t> recovery_crashes{0};
  std::mutex mutex;
  struct Failure {
    std::string first;
    std::uint64_t count = 0;
  };
  std::map<std::string, Failure> failures;  // by what went wrong, without ids and numbers

  void fail(const std::string& where, const std::string& what) {
    std::string kind;
    for (const char c : what) {
      if (std::isxdigit(static_cast<unsigned char>(c)) == 0 && c != '-') kind += c;
    }
    const std::lock_guard lock(mutex);
    Failure& failure = failures[kind];
    if (failure.count++ == 0) failure.first = where + "\n  => " + what;
  }
  bool is_enough() {
    const std::lock_guard lock(mutex);
    return failures.size() >= kMaxFailures;
  }
};

std::uint64_t option_count(const Uncertainty& uncertainty) {
  return uncertainty.kind == Uncertainty::Kind::kSize ? uncertainty.size + 1 : 2;
}

Outcome option(const Uncertainty& uncertainty, std::uint64_t number) {
  if (uncertainty.kind == Uncertainty::Kind::kSize) return {Fate::kPrefix, number};
  return {number == 0 ? Fate::kLost : Fate::kKept, 0};
}

/// A tear at a place where disks (512), memory (8) or nothing at all (1) keeps bytes together.
Outcome random_tear(const Uncertainty& uncertainty, std::mt19937_64& random) {
  static constexpr std::uint64_t kUnits[] = {512, 512, 8, 4096, 1};
  const std::uint64_t unit = kUnits[random() % std::size(kUnits)];
  const std::uint64_t end = uncertainty.offset + random() % (uncertainty.size + unit);
  const std::uint64_t place = end / unit * unit;
  const std::uint64_t cut = place > uncertainty.offset ? place - uncertainty.offset : 0;
  static constexpr Fate kFates[] = {Fate::kPrefix, Fate::kSuffix, Fate::kGarbage};
  return {kFates[random() % std::size(kFates)], std::min(cut, uncertainty.size)};
}

std::string describe(const std::vector<Uncertainty>& uncertainties,
                     const std::vector<Outcome>& outcomes) {
  static constexpr const char* kFates[] = {"lost", "kept", "prefix", "suffix", "garbage"};
  static constexpr const char* kKinds[] = {"entry", "size", "write"};
  std::string text;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const Uncertainty& u = uncertainties[i];
    text += "\n    " + std::string(kKinds[static_cast<int>(u.kind)]) + " " + u.path + " @" +
            std::to_string(u.offset) + "+" + std::to_string(u.size) + ": " +
            kFates[static_cast<int>(outcomes[i].fate)] + " " + std::to_string(outcomes[i].cut);
  }
  return text;
}

/// Garbage in a file's unused parts is found by verify, and rightly told.
bool has_garbage(const std::vector<Outcome>& outcomes) {
  return std::any_of(outcomes.begin(), outcomes.end(),
                     [](const Outcome& outcome) { return outcome.fate == Fate::kGarbage; });
}

/// The store as somebody finds it after the crash: right, writable, and right again, also after a
/// power cut that takes whatever it may take.
void judge(const std::shared_ptr<MemoryFileSystem>& image, Oracle oracle, bool verify = true) {
  auto storage = open_storage(image, kSeed + 1000);
  oracle.check(*storage, verify);
  oracle.saw_root(storage->read_current_root(), "the reopened storage");
  const std::string payload = "after the crash";
  const AtomPointer root = storage->push_bytes(as_bytes(payload));
  storage->set_current_root(root);
  const auto history = storage->root_history(3);
  if (history.empty() || history.front().root != root)
    throw Violation("a new commit is not the root");
  storage.reset();
  const std::vector<Outcome> lost(image->uncertainties().size(), Outcome{Fate::kLost, 0});
  storage = open_storage(image->crash_clone(lost), kSeed + 2000);
  if (storage->read_current_root() != root) throw Violation("a new commit is lost");
  if (storage->get_bytes(root).as_text() != payload) throw Violation("a new atom has wrong bytes");
  oracle.check_durable_atoms(*storage);
  storage->close();
}

/// Looks at one moment of one workload.
class Examination {
 public:
  Examination(Totals& totals, std::string name, Moment moment, std::uint64_t max_subsets,
              std::uint64_t seed)
      : totals_(totals),
        name_(std::move(name)),
        moment_(std::move(moment)),
        max_subsets_(max_subsets),
        random_(seed) {}

  void run() {
    ++totals_.moments;
    uncertainties_ = moment_.files->uncertainties();
    visit_kill();
    std::uint64_t subsets = 1;
    for (const Uncertainty& uncertainty : uncertainties_) {
      subsets = std::min(subsets * option_count(uncertainty), max_subsets_ + 1);
    }
    if (subsets <= max_subsets_) {
      for (std::uint64_t i = 0; i < subsets; ++i) visit(subset(i));
    } else {
      visit(all(Fate::kLost));
      visit(all(Fate::kKept));
      for (std::uint64_t i = 0; i < kSampledSubsets; ++i) visit(random_subset());
    }
    if (uncertainties_.empty()) return;
    for (std::uint64_t i = 0; i < kTears; ++i) visit(torn());
  }

 private:
  std::vector<Outcome> subset(std::uint64_t number) const {
    std::vector<Outcome> outcomes;
    for (const Uncertainty& uncertainty : uncertainties_) {
      outcomes.push_back(option(uncertainty, number % option_count(uncertainty)));
      number /= option_count(uncertainty);
    }
    return outcomes;
  }

  std::vector<Outcome> all(Fate fate) const {
    return std::vector<Outcome>(uncertainties_.size(), Outcome{fate, 0});
  }

  std::vector<Outcome> random_subset() {
    std::vector<Outcome> outcomes;
    for (const Uncertainty& uncertainty : uncertainties_) {
      outcomes.push_back(option(uncertainty, random_() % option_count(uncertainty)));
    }
    return outcomes;
  }

  /// A subset with at least one torn write; sizes and entries are mostly kept, so that it matters.
  std::vector<Outcome> torn() {
    std::vector<Outcome> outcomes = random_subset();
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (uncertainties_[i].kind != Uncertainty::Kind::kWrite) {
        if (random_() % 4 != 0) outcomes[i] = {Fate::kKept, 0};
      } else if (random_() % 2 == 0) {
        outcomes[i] = random_tear(uncertainties_[i], random_);
      }
    }
    return outcomes;
  }

  void visit_kill() {
    const auto image = moment_.files->clone();
    ++totals_.visited;
    attempt("kill", [&] { judge_with_recovery_crashes(image->clone()); });
    after_.clear();
    attempt("kill", [&] { judge(image, moment_.oracle); });
  }

  void visit(const std::vector<Outcome>& outcomes) {
    ++totals_.visited;
    const auto image = moment_.files->crash_clone(outcomes);
    if (!judged_.insert(image->hash()).second) return;
    ++totals_.judged;
    const bool recover = judged_.size() % kRecoveryEvery == 1;
    const auto copy = recover ? image->clone() : nullptr;
    attempt_power_cut(uncertainties_, outcomes,
                      [&] { judge(image, moment_.oracle, !has_garbage(outcomes)); });
    if (!recover || has_garbage(outcomes)) return;
    attempt_power_cut(uncertainties_, outcomes, [&] {
      after_ = "power cut:" + describe(uncertainties_, outcomes) + "\n  then ";
      judge_with_recovery_crashes(copy);
    });
    after_.clear();
  }

  /// Opens `image`, and judges what every crash meanwhile leaves; also once a root was told.
  void judge_with_recovery_crashes(const std::shared_ptr<MemoryFileSystem>& image) {
    std::vector<Moment> moments;
    image->set_before_change([&](const std::string& call) {
      moments.push_back({image->clone(), moment_.oracle, call});
    });
    const auto storage = open_storage(image, kSeed + 3000);
    image->set_before_change({});
    moments.push_back({image->clone(), moment_.oracle, "the root was read"});
    moments.back().oracle.saw_root(storage->read_current_root(), "the recovering storage");
    const std::string before = after_;
    for (const Moment& moment : moments) {
      after_ = before + "crash during recovery before " + moment.call + ", ";
      judge_samples(moment);
    }
    after_ = before;
  }

  void judge_samples(const Moment& moment) {
    const auto uncertainties = moment.files->uncertainties();
    for (std::uint64_t i = 0; i < kRecoverySubsets; ++i) {
      std::vector<Outcome> outcomes;
      for (const Uncertainty& uncertainty : uncertainties) {
        const std::uint64_t last = option_count(uncertainty) - 1;
        outcomes.push_back(option(uncertainty, i == 0   ? 0
                                               : i == 1 ? last
                                                        : random_() % (last + 1)));
      }
      ++totals_.visited;
      ++totals_.judged;
      ++totals_.recovery_crashes;
      attempt_power_cut(uncertainties, outcomes,
                        [&] { judge(moment.files->crash_clone(outcomes), moment.oracle); });
      if (uncertainties.empty()) return;
    }
  }

  template <typename Call>
  void attempt_power_cut(const std::vector<Uncertainty>& uncertainties,
                         const std::vector<Outcome>& outcomes, Call call) {
    try {
      call();
    } catch (const std::exception& error) {
      totals_.fail(name_ + "\n  stopped before: " + moment_.call + "\n  " + after_ +
                       "power cut:" + describe(uncertainties, outcomes),
                   error.what());
    }
  }

  template <typename Call>
  void attempt(const std::string& what, Call call) {
    try {
      call();
    } catch (const std::exception& error) {
      totals_.fail(name_ + "\n  stopped before: " + moment_.call + "\n  " + after_ + what,
                   error.what());
    }
  }

  Totals& totals_;
  const std::string name_;
  const Moment moment_;
  const std::uint64_t max_subsets_;
  std::mt19937_64 random_;
  std::string after_;  // what happened before the crash in hand
  std::vector<Uncertainty> uncertainties_;
  std::unordered_set<std::uint64_t> judged_;
};

/// Runs a workload and collects the moments of its last step.
class Recording {
 public:
  explicit Recording(std::shared_ptr<MemoryFileSystem> files)
      : files_(std::move(files)), world_(files_, files_, kSeed) {}

  std::vector<Moment> run(const std::vector<Step>& steps) {
    const auto hook = [this](const std::string& call) { note(call); };
    if (steps.empty()) files_->set_before_change(hook);
    world_.open();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (i + 1 == steps.size()) files_->set_before_change(hook);
      active_ = steps[i] == Step::kSecondCommit ? 1 : 0;
      world_.run(steps[i]);
    }
    note(kEnd);
    files_->set_before_change({});
    return std::move(moments_);
  }

  Oracle& oracle() { return world_.oracle(); }
  World& world() { return world_; }

 private:
  void note(const std::string& call) {
    moments_.push_back({files_->clone(), world_.oracle(), call});
    if (files_->kind_of(kSpace + "/protobase.lock")) note_look(call);
    SharedStorage* other = world_.storage(1 - active_);
    if (call == kEnd && other != nullptr) {
      moments_.back().oracle.saw_root(other->read_current_root(), "the other storage");
    }
  }

  /// Another process looks at the store at this moment: the root it is told may not go back any
  /// more. It looks at a copy, because looking may sync.
  void note_look(const std::string& call) {
    Moment moment{files_->clone_with_locks(), world_.oracle(), call + ", after a look"};
    const auto reader = open_storage(moment.files, 0, SpaceAccess::kReadOnly);
    const auto root = reader->read_current_root();
    if (root == moment.oracle.acknowledged_root()) return;
    moment.oracle.saw_root(root, "a reader");
    moments_.push_back(std::move(moment));
  }

  const std::shared_ptr<MemoryFileSystem> files_;
  World world_;
  int active_ = 0;  // the storage that runs a step now
  std::vector<Moment> moments_;
};

/// A file system with the store's directory in it, all durable; `used`: with a closed space there.
std::shared_ptr<MemoryFileSystem> prepared(bool used, Oracle& oracle) {
  auto files = std::make_shared<MemoryFileSystem>();
  if (!used) return files;
  World world(files, files, kSeed + 500);
  world.open();
  world.run(Step::kPushSmall);
  world.run(Step::kCommit);
  world.close_all();
  oracle = world.oracle();
  const std::vector<Outcome> kept(files->uncertainties().size(), Outcome{Fate::kKept, 0});
  return files->crash_clone(kept);
}

void examine(Totals& totals, const std::vector<Step>& steps, bool used, std::uint64_t seed) {
  const std::string name = std::string(used ? "used" : "new") + " space: " + to_text(steps);
  const bool longest = steps.size() == kLength && kLength > 2;
  const std::uint64_t max_subsets = longest ? kMaxSubsetsOfLongest : kMaxSubsets;
  try {
    Oracle before;
    const auto files = prepared(used, before);
    Recording recording(files);
    recording.oracle() = before;
    for (Moment& moment : recording.run(steps)) {
      Examination(totals, name, std::move(moment), max_subsets, seed).run();
      if (totals.is_enough()) return;
    }
  } catch (const std::exception& error) {
    totals.fail(name, error.what());
  }
}

TEST(ExhaustiveCrash, WhatComesBackIsAPrefixWithEveryAcknowledgedCommit) {
  std::vector<std::vector<Step>> workloads = all_workloads(kLength);
  workloads.insert(workloads.begin(), std::vector<Step>{});  // opening alone
  Totals totals;
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i; (i = next++) < 2 * workloads.size() && !totals.is_enough();) {
      examine(totals, workloads[i / 2], i % 2 == 1, kSeed + i);
    }
  };
  {
    std::vector<std::jthread> workers;
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < cores; ++i) workers.emplace_back(work);
  }
  std::cout << "seed " << kSeed << ": " << 2 * workloads.size() << " workloads, " << totals.moments
            << " moments, all of up to " << kMaxSubsets << " subsets (" << kMaxSubsetsOfLongest
            << " of the longest), else " << kSampledSubsets << " drawn; " << totals.visited
            << " states visited, " << totals.judged << " judged, of them "
            << totals.recovery_crashes << " after a crash in recovery\n";
  for (const auto& [kind, failure] : totals.failures) {
    ADD_FAILURE() << failure.first << "\n  (" << failure.count << " like this)";
  }
  EXPECT_GE(totals.visited, kLeastStates);
  EXPECT_GT(totals.recovery_crashes, 0u);
}

}  // namespace
}  // namespace protobase::crash
