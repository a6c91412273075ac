// Merges of stores that short-lived writers made, each a WAL of its own: their requests go side by
// side, and what is done when they are stopped counts.
#include "testing/stopped_merge.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/log_checkpoint.h"
#include "cloud/slot.h"
#include "testing/cloud_machines.h"

namespace protobase {
namespace {

using testing::CloudCall;

class StoppedMergeTest : public testing::CloudMachinesTest {
 protected:
  /// A process for each commit, as of the command line.
  void push_by_processes(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string text = "process " + std::to_string(i);
      pushed_.push_back(commit(open(), text));
    }
  }
  cloud::LogCheckpoint checkpoint() const {
    return cloud::read_checkpoint(*bucket_->find("checkpoint")->bytes, "bucket");
  }
  std::size_t slots() const { return bucket_->list("log/", {}, 1000).size(); }
  void expect_all_there() {
    const Machine reader = open();
    for (std::size_t i = 0; i < pushed_.size(); ++i) {
      EXPECT_EQ(get(reader, pushed_[i]), "process " + std::to_string(i));
    }
    EXPECT_EQ(reader->root_history(1000).size(), pushed_.size());
    EXPECT_EQ(reader->verify({}).bad_places, 0u);
  }

  std::vector<AtomPointer> pushed_;
};

/// It said that the checkpoint of a store is missing.
TEST_F(StoppedMergeTest, WhereNobodyHasCommittedThereIsNothingToMerge) {
  const Machine first = open();
  EXPECT_EQ(first->merge().slots, 0u);
  commit(first, "now there is");
  EXPECT_EQ(first->merge().slots, 1u);
}

TEST_F(StoppedMergeTest, WhatIsCompleteThenIsMergedAndTheNextOneGoesOn) {
  constexpr int kProcesses = 40;
  push_by_processes(kProcesses);
  const std::size_t before = slots();
  ASSERT_EQ(before, 2u * kProcesses) << "a claim and a commit each";
  std::uint64_t boundary = 1;
  std::uint64_t merged = 0;
  for (int stops = 0; stops < 3; ++stops) {
    const CloudMergeReport report = testing::merge_and_stop(new_client(), clock_, 1, 3).value();
    EXPECT_GT(report.slots, 0u);
    EXPECT_LT(report.slots, 20u) << "those under way were ended, no more begun";
    EXPECT_EQ(report.removed, 0u);
    EXPECT_EQ(slots(), before);
    EXPECT_GT(checkpoint().boundary, boundary);
    boundary = checkpoint().boundary;
    merged += report.slots;
    expect_all_there();
  }
  std::uint64_t calls = 0, last = 0, total = 0;
  const CloudMergeReport rest = open()->merge([&](std::uint64_t done, std::uint64_t all) {
    EXPECT_GT(done, last);
    last = done;
    total = all;
    ++calls;
  });
  EXPECT_EQ(calls, rest.slots);
  EXPECT_EQ(last, total);
  EXPECT_EQ(merged + rest.slots, static_cast<std::uint64_t>(kProcesses));
  EXPECT_EQ(rest.removed, kProcesses - 1u) << "claims and the newest slot stay";
  EXPECT_EQ(open()->unnamed_segments().objects, 0u);
  expect_all_there();
}

TEST_F(StoppedMergeTest, WALsOfFewSlotsAreMergedSideBySide) {
  push_by_processes(20);
  Machine merging = open();
  std::mutex mutex;
  std::condition_variable changed;
  int under_way = 0;
  bool were_two = false;
  merging.client->set_before([&](CloudCall call, const std::string& key) {
    if (call != CloudCall::kPut || !key.starts_with("segments/")) return;
    std::unique_lock lock(mutex);
    were_two |= ++under_way > 1;
    changed.notify_all();
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return were_two; });
    --under_way;
  });
  EXPECT_EQ(merging->merge().segments, 20u);
  EXPECT_TRUE(were_two);
  merging.client->set_before({});
  expect_all_there();
}

}  // namespace
}  // namespace protobase
