// A store in a bucket whose checkpoint is an older one than the newest merge wrote: a backup that
// was put back, a bucket copied while it was in use. And merges under way, which look alike.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "protobase/cloud_copy.h"
#include "protobase/errors.h"
#include "testing/cloud_fault_client.h"
#include "testing/cloud_salvage_fixture.h"
#include "testing/expect_error.h"

namespace protobase {
namespace {

using testing::CloudCall;
using testing::expect_error;

class OlderCheckpointTest : public testing::CloudSalvageTest {
 protected:
  struct Machine {
    std::shared_ptr<testing::CloudFaultClient> client;
    std::unique_ptr<CloudFileStorage> storage;
  };

  std::shared_ptr<testing::CloudFaultClient> new_client() const {
    return std::make_shared<testing::CloudFaultClient>(
        std::make_shared<MockS3Client>(bucket_), std::make_shared<testing::CloudFaultPlan>(1));
  }
  Machine open_machine() const {
    CloudStorageOptions cloud;
    cloud.clock = clock_;
    cloud.poll_interval_ms = 0;
    Machine machine{new_client(), nullptr};
    machine.storage = std::make_unique<CloudFileStorage>(machine.client, cloud);
    return machine;
  }
  Bytes checkpoint() const { return *bucket_->find("checkpoint")->bytes; }
  /// The last of them merges, and puts the checkpoint that is then replaced by the one before.
  Bytes fill_and_roll_back(int writers) {
    Bytes older;
    for (int i = 0; i < writers; ++i) {
      const auto storage = open();
      commit(*storage, "makes the checkpoint");
      older = checkpoint();
      commit_some(*storage, 5);
      storage->merge();
    }
    remember();
    bucket_->put("checkpoint", older);
    return older;
  }
  /// By one version: the older one knows all slots but the newest, so no gap behind it tells.
  void merge_and_roll_back() {
    const Bytes older = checkpoint();
    ASSERT_GT(open()->merge().removed, 0u);
    remember();
    bucket_->put("checkpoint", older);
  }
  void expect_root_commit_merge_and_copy_refused() const {
    const std::initializer_list<std::string_view> words = {"checkpoint", "older", "salvage"};
    const Bytes before = checkpoint();
    const auto reader = open(SpaceAccess::kReadOnly);
    expect_error<CorruptionError>([&] { reader->read_current_root(); }, words);
    EXPECT_GE(reader->verify({}).bad_places, 1u);
    const auto writer = open();
    const AtomPointer root = writer->push_bytes(as_bytes(std::string("lost")));
    expect_error<CorruptionError>([&] { writer->set_current_root(root); }, words);
    expect_error<CorruptionError>([&] { open()->merge(); }, words);
    expect_error<CorruptionError>([&] { copy_to(target()); }, words);
    EXPECT_EQ(checkpoint(), before) << "the newest version could not be restored behind it";
    EXPECT_EQ(bucket_->object_count(), objects_.size());
  }
  void expect_all_is_well_when_restored() {
    restore();
    EXPECT_EQ(open()->verify({}).bad_places, 0u);
    commit(*open(), "behind all others");
    EXPECT_EQ(open()->root_history(100).size(), history_.size() + 1);
  }
  void copy_to(const std::string& place) const {
    CloudCopyOptions options;
    options.clock = clock_;
    copy_space({{}, std::make_shared<MockS3Client>(bucket_)}, {place}, options);
  }
  /// Puts segments, and stops before the checkpoint.
  static void merge_halfway(const Machine& machine) {
    machine.client->set_before([](CloudCall call, const std::string& key) {
      if (call == CloudCall::kPut && key == "checkpoint") throw std::runtime_error("broken off");
    });
    EXPECT_THROW(machine.storage->merge(), std::runtime_error);
    machine.client->set_before({});
  }
};

TEST_F(OlderCheckpointTest, NobodyWritesBehindItAndVerifyNamesIt) {
  for (const int writers : {1, 2}) {
    empty();
    const Bytes older = fill_and_roll_back(writers);
    const std::size_t objects = bucket_->object_count();
    const auto reader = open(SpaceAccess::kReadOnly);
    expect_error<CorruptionError>([&] { reader->root_history(100); },
                                  {"is missing though", "checkpoint is an older one"});
    const VerifyReport damage = reader->verify({});
    ASSERT_EQ(damage.bad_places, 1u);
    EXPECT_NE(damage.bad.front().reason.find("older than what was merged"), std::string::npos)
        << damage.bad.front().reason;
    for (int tries = 0; tries < 2; ++tries) {
      const auto writer = open();
      expect_error<CorruptionError>(
          [&] { writer->set_current_root(writer->push_bytes(as_bytes(std::string("lost")))); },
          {"checkpoint", "older than what was merged", "newest version", "protobase salvage"});
      expect_error<CorruptionError>([&] { open()->merge(); }, {"older than what was merged"});
    }
    expect_error<CorruptionError>([&] { copy_to(target()); }, {"older than what was merged"});
    EXPECT_EQ(checkpoint(), older);
    EXPECT_EQ(bucket_->object_count(), objects);
    expect_all_is_well_when_restored();
  }
}

TEST_F(OlderCheckpointTest, OfAWriterWithManyCommitsIsFoundWithoutAGap) {
  commit_some(*open(), 20);
  merge_and_roll_back();
  expect_root_commit_merge_and_copy_refused();
  salvage();
  expect_all_but({});
  expect_all_is_well_when_restored();
}

/// How much the older one knows differs from number to number: a process that closes puts one when
/// 16 slots lie behind the last.
TEST_F(OlderCheckpointTest, OfProcessesOfOneCommitEachIsFoundHoweverManyTheyWere) {
  for (int processes = 8; processes <= 24; ++processes) {
    SCOPED_TRACE(std::to_string(processes) + " processes");
    empty();
    for (int i = 0; i < processes; ++i) commit_some(*open(), 1);
    merge_and_roll_back();
    expect_root_commit_merge_and_copy_refused();
    if (processes % 8 == 0) {  // takes longer than all the rest
      salvage();
      expect_all_but({});
    }
    expect_all_is_well_when_restored();
  }
}

TEST_F(OlderCheckpointTest, AMergeThatRemovedNothingYetLeavesAnOlderOneThatIsStillWhole) {
  commit_some(*open(), 20);
  const Bytes older = checkpoint();
  const Machine merging = open_machine();
  merging.client->set_before([](CloudCall call, const std::string&) {
    if (call == CloudCall::kRemove) throw std::runtime_error("broken off");
  });
  EXPECT_THROW(merging.storage->merge(), std::runtime_error);
  merging.client->set_before({});
  ASSERT_NE(checkpoint(), older);
  bucket_->put("checkpoint", older);
  EXPECT_EQ(open()->verify({}).bad_places, 0u);
  commit(*open(), "behind all others");
  EXPECT_EQ(open()->root_history(100).size(), 21u);
}

/// Their bytes lie in segments of flushes, so that the merge made none: the slot that it left
/// tells.
TEST_F(OlderCheckpointTest, BehindLargeCommitsOnlyTheSlotThatTheMergeLeftTells) {
  const std::string large(kMiB + kMiB / 2, 'x');
  Bytes older;
  auto storage = open();  // one for all, because a claim behind a gap would tell too
  for (int merges = 0; merges < 2; ++merges) {
    for (int i = 0; i < 3; ++i) {
      storage->set_current_root(push(*storage, large));
      if (merges == 0 && i == 0) older = checkpoint();
    }
    EXPECT_GT(storage->merge().removed, 0u);
  }
  storage.reset();
  for (const auto& [key, object] : bucket_->list("segments/", {}, 100)) {
    ASSERT_FALSE(cloud::parse_segment_key(key)->id.is_nil()) << key << " tells as well";
  }
  remember();
  ASSERT_EQ(history_.size(), 6u);
  bucket_->put("checkpoint", older);
  const std::initializer_list<std::string_view> words = {"is missing though", "older", "salvage"};
  const auto reader = open(SpaceAccess::kReadOnly);
  expect_error<CorruptionError>([&] { reader->read_current_root(); }, words);
  EXPECT_GE(reader->verify({}).bad_places, 1u);
  const auto writer = open();
  expect_error<CorruptionError>(
      [&] { writer->set_current_root(writer->push_bytes(as_bytes(large))); }, words);
  expect_error<CorruptionError>([&] { open()->merge(); }, words);
  EXPECT_EQ(checkpoint(), older);
  const SalvageReport report = salvage();
  EXPECT_TRUE(names(report, "is missing") || names(report, "are missing")) << all(report);
  expect_all_but({});
  expect_all_is_well_when_restored();
}

TEST_F(OlderCheckpointTest, AMergeThatWasBrokenOffIsNoDamage) {
  const Machine deposed = open_machine();
  commit(*deposed.storage, "before");
  const Machine other = open_machine();
  for (int i = 0; i < 3; ++i) {
    commit_some(*other.storage, 3);
    merge_halfway(other);
    EXPECT_EQ(deposed.storage->verify({}).bad_places, 0u) << "it does not know that it is";
    EXPECT_EQ(other.storage->verify({}).bad_places, 0u);
    EXPECT_EQ(open(SpaceAccess::kReadOnly)->verify({}).bad_places, 0u);
  }
  remember();
  commit(*open(), "takes over");
  open()->merge();
  EXPECT_EQ(open()->root_history(100).size(), history_.size() + 1);
}

/// Other machines commit and merge in front of any request of the one that looks.
TEST_F(OlderCheckpointTest, WhatIsMergedMeanwhileIsNoDamage) {
  for (const bool is_halfway : {false, true}) {
    for (const int what : {0, 1, 2}) {
      bool was_reached = true;
      for (int step = 1; was_reached; ++step) {
        SCOPED_TRACE(std::to_string(what) + " at request " + std::to_string(step));
        ASSERT_LT(step, 100);
        empty();
        const Machine busy = open_machine();
        std::size_t commits = 0;
        const auto commit_twice = [&] {
          for (int i = 0; i < 2; ++i, ++commits) {
            busy.storage->set_current_root(busy.storage->push_bytes(as_bytes(std::string("busy"))));
          }
        };
        commit_twice();
        const Machine looking = open_machine();
        commit_twice();
        std::atomic<int> calls = 0;  // a merge reads with several threads
        const auto work = [&](CloudCall, const std::string&) {
          if (++calls != step) return;
          try {
            commit_twice();
            is_halfway ? merge_halfway(busy) : void(busy.storage->merge());
          } catch (const LockingError&) {  // it has been taken over
            EXPECT_EQ(what, 2);
          }
        };
        looking.client->set_before(work);
        if (what == 0) {
          EXPECT_EQ(looking.storage->verify({}).bad_places, 0u);
        } else if (what == 1) {
          try {
            looking.storage->merge();
          } catch (const CorruptionError& error) {  // the other one took the slot away
            EXPECT_NE(std::string(error.what()).find("nothing was merged"), std::string::npos)
                << error.what();
          }
        } else {
          looking.storage->push_bytes(as_bytes(std::string("taken over")));
          looking.storage->flush_wal();
        }
        was_reached = calls >= step;
        looking.client->set_before({});
        remember();
        EXPECT_EQ(open()->verify({}).bad_places, 0u);
        EXPECT_EQ(history_.size(), commits);
      }
    }
  }
}

}  // namespace
}  // namespace protobase
