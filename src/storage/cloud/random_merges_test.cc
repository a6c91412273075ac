// Merges of all kinds in front of the requests of merges, commits and reads of others, which may
// fail: drawn from a seed that reproduces the run, as everything happens in one thread.
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "protobase/errors.h"
#include "testing/cloud_machines.h"
#include "testing/seeded_random.h"
#include "testing/stopped_merge.h"

namespace protobase {
namespace {

using testing::CloudCall;
using testing::CloudFault;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRuns = 30;  // each takes 20 times as long
#else
constexpr std::uint64_t kRuns = 200;
#endif
constexpr int kMaxDepth = 3;

class RandomMergesTest : public testing::CloudMachinesTest {
 protected:
  void begin(std::uint64_t seed) {
    random_.seed(seed);
    ids_ = std::make_shared<testing::SeededRandom>(seed);
    bucket_ = std::make_shared<cloud::MemoryBucket>("mock", clock_);
    plan_ = std::make_shared<testing::CloudFaultPlan>(seed);
    acknowledged_.clear();
    depth_ = kMaxDepth;  // the store is made in peace
    push();
    depth_ = 0;
    for (const CloudFault fault :
         {CloudFault::kLostRequest, CloudFault::kLostAnswer, CloudFault::kDelayed,
          CloudFault::kDuplicated, CloudFault::kInternalErrorApplied, CloudFault::kUnavailable}) {
      plan_->add({.fault = fault, .probability = seed % 3 == 0 ? 0.06 : 0.02, .span = 20});
    }
  }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  /// What some machine does. The requests of two are interrupted by others; faults may end it.
  void act() {
    ++depth_;
    try {
      switch (below(5)) {
        case 0:
        case 1: push(); break;
        case 2: merge(); break;
        case 3: stop_a_merge(); break;
        default: read();
      }
    } catch (const CloudStorageError&) {
    } catch (const LockingError&) {
    } catch (const OutcomeUnknownError&) {
    }
    --depth_;
  }
  Machine open_interrupted() {
    CloudStorageOptions options = cloud();
    options.max_parallel_requests = 1;  // all in this thread
    options.random = ids_;
    Machine machine{new_client(), nullptr};
    machine.client->set_before([this](CloudCall, const std::string&) { interrupt(); });
    machine.storage = std::make_unique<CloudFileStorage>(machine.client, options, without_caches());
    return machine;
  }
  void interrupt() {
    if (depth_ == kMaxDepth || below(6) != 0) return;
    ++interruptions_;
    act();
  }

  void push() {
    const Machine writer = open_interrupted();
    for (std::uint64_t commits = 1 + below(4); commits > 0; --commits) {
      const std::string text =
          std::string(below(3) == 0 ? 2'000 : 1, 'x') + std::to_string(acknowledged_.size());
      acknowledged_.emplace_back(commit(writer, text), text);
    }
  }
  /// Whole, or cut off in front of some request.
  void merge() {
    const Machine merging = open_interrupted();
    if (below(3) == 0) {
      merging.client->set_before([this, left = below(40)](CloudCall, const std::string&) mutable {
        interrupt();
        if (left-- == 0) throw CloudStorageError(CloudFailure::kRefused, 0, "broken off");
      });
    }
    slots_merged_ += merging->merge().slots;
  }
  void stop_a_merge() {
    try {
      const auto report = testing::merge_and_stop(new_client(), clock_, 1 + below(8), 0);
      if (report) slots_merged_ += report->slots;
    } catch (const CorruptionError&) {  // another one took its slots away: it would begin again
    }
  }
  void read() {
    const Machine reader = open_interrupted();
    for (std::uint64_t reads = 0; reads < 4 && !acknowledged_.empty(); ++reads) {
      const auto [root, text] = acknowledged_[below(acknowledged_.size())];
      EXPECT_EQ(get(reader, root), text);
    }
  }
  /// Each acknowledged commit once.
  void expect_all_there() {
    const Machine reader = open();
    std::map<AtomPointer, int> times;
    for (const RootVersion& version : reader->root_history(10'000)) ++times[version.root];
    for (const auto& [root, text] : acknowledged_) {
      EXPECT_EQ(times[root], 1) << text;
      EXPECT_EQ(get(reader, root), text);
    }
    const VerifyReport report = reader->verify({});
    EXPECT_EQ(report.bad_places, 0u) << report.bad.front().reason;
  }

  std::mt19937_64 random_;
  std::shared_ptr<os::Random> ids_;  // their order decides what comes first
  std::vector<std::pair<AtomPointer, std::string>> acknowledged_;
  int depth_ = 0;
  std::uint64_t interruptions_ = 0;
  std::uint64_t slots_merged_ = 0;
};

TEST_F(RandomMergesTest, LoseNothingThatWasAcknowledgedAndNothingIsTakenForDamage) {
  std::uint64_t faults = 0, acknowledged = 0;
  for (std::uint64_t seed = 1; seed <= kRuns && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    begin(seed);
    for (int i = 0; i < 9; ++i) ASSERT_NO_THROW(act());
    faults += plan_->hits();
    plan_->clear();
    plan_->settle();
    expect_all_there();
    open()->merge();
    expect_all_there();
    acknowledged += acknowledged_.size();
  }
  EXPECT_GT(faults, 10 * kRuns);
  EXPECT_GT(interruptions_, 10 * kRuns);
  EXPECT_GT(acknowledged, 10 * kRuns);
  EXPECT_GT(slots_merged_, acknowledged / 4) << "those in front of a request, not the last ones";
}

}  // namespace
}  // namespace protobase
