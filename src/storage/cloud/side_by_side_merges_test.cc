// What happens beside a merge: another one that is faster, a commit, a look for damage.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cloud/log_checkpoint.h"
#include "cloud/slot.h"
#include "testing/cloud_machines.h"
#include "testing/stopped_merge.h"

namespace protobase {
namespace {

using testing::CloudCall;

bool is_put_of_merge(CloudCall call, const std::string& key) {
  const auto segment = cloud::parse_segment_key(key);
  return call == CloudCall::kPut && segment && segment->id.is_nil();
}

class SideBySideMergesTest : public testing::CloudMachinesTest {
 protected:
  AtomPointer push(const Machine& machine) {
    ++commits_;
    return commit(machine, "commit " + std::to_string(commits_));
  }
  void push_some(const Machine& machine, int count) {
    for (int i = 0; i < count; ++i) push(machine);
  }
  /// A process for each commit, as of the command line.
  void push_by_processes(int count) {
    for (int i = 0; i < count; ++i) push(open());
  }
  /// Of the first such request, once.
  template <typename Fits>
  static void before_first(const Machine& machine, const Fits& fits,
                           const std::function<void()>& work) {
    machine.client->set_before([fits, work, is_done = std::make_shared<std::atomic<bool>>(false)](
                                   CloudCall call, const std::string& key) {
      if (fits(call, key) && !is_done->exchange(true)) work();
    });
  }
  std::size_t slots_with_bytes() const {
    const auto slots = bucket_->list("log/", {}, 1000);
    return static_cast<std::size_t>(std::ranges::count_if(slots, [](const auto& slot) {
      return slot.second.bytes->size() > cloud::kSlotHeaderSize;
    }));
  }
  void expect_all_there() {
    const Machine reader = open();
    EXPECT_EQ(reader->root_history(1000).size(), commits_);
    EXPECT_EQ(reader->verify({}).bad_places, 0u);
  }

  std::size_t commits_ = 0;
};

TEST_F(SideBySideMergesTest, WhatAnotherOneMergedIsNotReportedAsOurs) {
  push_by_processes(20);
  CloudMergeReport faster;
  const Machine merging = open();
  const auto is_checkpoint = [](CloudCall call, const std::string& key) {
    return call == CloudCall::kPut && key == "checkpoint";
  };
  before_first(merging, is_checkpoint, [&] {
    push_by_processes(1);
    faster = open()->merge();
  });
  const CloudMergeReport report = merging->merge();
  EXPECT_EQ(faster.slots, 21u);
  EXPECT_EQ(report.slots, 0u) << "the other one did it all";
  EXPECT_EQ(report.segments, 0u);
  EXPECT_EQ(report.bytes, 0u);
  EXPECT_EQ(open()->unnamed_segments().objects, 0u);
  expect_all_there();
}

/// One that knows newer slots makes longer segments, and is stopped when it has one.
TEST_F(SideBySideMergesTest, WhereAStoppedOneMadeLongerSegmentsItBeginsAgain) {
  constexpr unsigned kNoWorkers = 0;  // a second one might end its segment, too
  const Machine writer = open();
  push_some(writer, 9);
  std::uint64_t stopped = 0;
  const Machine merging = open();
  before_first(merging, is_put_of_merge, [&] {
    push_some(writer, 5);
    push_by_processes(1);
    stopped = testing::merge_and_stop(new_client(), clock_, 1, kNoWorkers).value().slots;
  });
  const CloudMergeReport report = merging->merge();
  EXPECT_EQ(stopped, 14u);
  EXPECT_EQ(report.slots, 1u) << "the process that came later";
  EXPECT_EQ(report.segments, 1u);
  EXPECT_EQ(slots_with_bytes(), 1u) << "the newest, which a merge leaves";
  EXPECT_EQ(open()->unnamed_segments().objects, 1u) << "the shorter one";
  expect_all_there();
}

/// In front of each of its looks the others make and merge what it has just come to know.
TEST_F(SideBySideMergesTest, VerifyTakesNothingForDamageThatOthersMergeBehindItsBack) {
  const Machine writer = open();
  push_some(writer, 30);
  const Machine looking = open();
  looking->read_current_root();
  open()->merge();
  int rounds = 0;
  looking.client->set_before([&](CloudCall call, const std::string& key) {
    if (call == CloudCall::kGet && key == "checkpoint" && rounds++ < 6) push_some(writer, 3);
  });
  looking.client->set_after([&](CloudCall call, const std::string& key) {
    if (call == CloudCall::kList && key.starts_with("log/") && rounds < 6) open()->merge();
  });
  const VerifyReport report = looking->verify({});
  EXPECT_GT(rounds, 1) << "nothing happened behind its back";
  EXPECT_EQ(report.bad_places, 0u) << report.bad.front().reason;
  looking.client->set_before({});
  looking.client->set_after({});
  open()->merge();
  expect_all_there();
}

/// All threads of the storage wait in the merge until the commit is done.
TEST_F(SideBySideMergesTest, ACommitWithSegmentsDoesNotWaitForTheMergeOfItsOwnStorage) {
  constexpr unsigned kThreads = 4;
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  push_by_processes(40);
  CloudStorageOptions options = cloud();
  options.object_size = kMiB;
  options.max_parallel_requests = kThreads;
  const Machine writer = open(options);
  std::mutex mutex;
  std::condition_variable changed;
  unsigned in_merge = 0;
  bool is_committed = false, has_waited = true;
  const auto wait_for = [&](const auto& condition) {
    std::unique_lock lock(mutex);
    changed.notify_all();
    const auto is_over = [&] { return condition() || !has_waited; };
    has_waited &= changed.wait_for(lock, std::chrono::seconds(20), is_over);
  };
  writer.client->set_before([&](CloudCall call, const std::string& key) {
    if (!is_put_of_merge(call, key)) return;
    {
      const std::lock_guard lock(mutex);
      ++in_merge;
    }
    wait_for([&] { return is_committed; });
  });
  std::jthread merging([&] { EXPECT_GT(writer->merge().segments, 0u); });
  wait_for([&] { return in_merge == kThreads; });
  for (int i = 0; i < 4; ++i) writer->push_bytes(as_bytes(std::string(kMiB, 'x')));
  push(writer);
  {
    const std::lock_guard lock(mutex);
    is_committed = true;
  }
  changed.notify_all();
  merging.join();
  EXPECT_TRUE(has_waited) << "the commit came to its end when the merge was given up";
  EXPECT_GE(writer.client->counts().puts, 5u) << "four segments and a slot";
  writer.client->set_before({});
  open()->merge();
  expect_all_there();
}

}  // namespace
}  // namespace protobase
