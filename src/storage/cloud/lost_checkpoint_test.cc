// A store in a bucket whose checkpoint object is gone, or is garbage.
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "protobase/errors.h"
#include "testing/cloud_machines.h"
#include "testing/expect_error.h"

namespace protobase {
namespace {

class LostCheckpointTest : public testing::CloudMachinesTest {};

/// A checkpoint saves requests. Without it the slots say the same, as long as all of them are
/// there.
TEST_F(LostCheckpointTest, ALostCheckpointIsReadAroundAndThenMadeAgain) {
  CloudStorageOptions options = cloud();
  options.object_size = 1 << 20;
  CloudStorageOptions reading = cloud();
  reading.access = SpaceAccess::kReadOnly;
  std::map<AtomPointer, std::string> pushed;
  for (const bool is_garbage : {false, true}) {
    for (const int commits : {1, 40}) {
      Machine writer = open(options);
      AtomPointer root;
      for (int i = 0; i < commits; ++i) {
        const std::string text(i % 10 == 9 ? 1'100'000 : 100, static_cast<char>('a' + i % 26));
        root = commit(writer, text);
        pushed[root] = text;
      }
      kill(writer);
      if (is_garbage) {
        bucket_->put("checkpoint", Bytes(100));
      } else {
        bucket_->remove("checkpoint");
      }
      const Machine reader = open(reading);
      EXPECT_EQ(reader->read_current_root(), root);
      for (const auto& [pointer, text] : pushed) EXPECT_EQ(get(reader, pointer), text);
      const VerifyReport damage = reader->verify({});
      ASSERT_EQ(damage.bad_places, 1u);
      EXPECT_EQ(damage.bad.front().reason,
                "object checkpoint is lost: the next writer puts it again");
      const Machine next = open();
      EXPECT_EQ(next->read_current_root(), root);
      pushed[commit(next, "next")] = "next";
      EXPECT_EQ(next->verify({}).bad_places, 0u);
      EXPECT_EQ(open()->verify({}).bad_places, 0u);
    }
  }
}

TEST_F(LostCheckpointTest, AFlippedBitInItsVersionIsDamageLikeAnyOther) {
  const AtomPointer root = commit(open(), "kept");
  for (int bit = 0; bit < 32; ++bit) {
    Bytes damaged = *bucket_->find("checkpoint")->bytes;
    damaged[static_cast<std::size_t>(8 + bit / 8)] ^= std::byte{1} << (bit % 8);
    bucket_->put("checkpoint", damaged);
    const Machine next = open();
    EXPECT_EQ(next->read_current_root(), root);
    next->flush_wal();
    next->push_bytes(as_bytes(std::string("makes it claim")));
    next->flush_wal();
    EXPECT_NE(*bucket_->find("checkpoint")->bytes, damaged) << "bit " << bit;
  }
}

TEST_F(LostCheckpointTest, AWriterGoesOnWithoutItAndMergesNothing) {
  Machine writer = open();
  const AtomPointer early = commit(writer, "early");
  bucket_->remove("checkpoint");
  testing::expect_error<CorruptionError>([&] { writer->merge(); }, {"checkpoint", "missing"});
  EXPECT_TRUE(bucket_->list("segments/", {}, 10).empty());
  for (int i = 0; i < 20; ++i) commit(writer, "as many as a checkpoint at close takes");
  const AtomPointer late = commit(writer, "late");
  writer->close();
  EXPECT_FALSE(bucket_->find("checkpoint")) << "by who may know an older state";
  const Machine next = open();
  EXPECT_EQ(get(next, early), "early");
  EXPECT_EQ(next->read_current_root(), late);
  commit(next, "and it is put again");
  EXPECT_EQ(next->merge().removed, 22u);
  EXPECT_EQ(get(open(), early), "early");
}

/// What was known before the others merged is no proof without the checkpoint.
TEST_F(LostCheckpointTest, WhoKnowsAStateBeforeAMergeNeitherClaimsNorPutsItAgain) {
  const Machine merged = open();
  commit(merged, "known to all");
  Machine sleeper = open();
  const Machine reader = open();
  const AtomPointer root = commit(merged, "not known to the others");
  merged->merge();
  const auto checkpoint = bucket_->find("checkpoint")->bytes;
  bucket_->remove("checkpoint");
  testing::expect_error<CorruptionError>([&] { commit(sleeper, "lost"); }, {"checkpoint"});
  testing::expect_error<CorruptionError>([&] { commit(sleeper, "again"); }, {"checkpoint"});
  kill(sleeper);
  EXPECT_THROW(reader->merge(), CorruptionError);
  EXPECT_FALSE(bucket_->find("checkpoint"));
  bucket_->put("checkpoint", *checkpoint);
  EXPECT_EQ(open()->read_current_root(), root);
  const AtomPointer next = commit(merged, "its writer was never deposed");
  EXPECT_EQ(open()->read_current_root(), next);
}

/// A merge by somebody who never claimed leaves no claim behind.
TEST_F(LostCheckpointTest, AWriterDoesNotPutAgainWhatIsOlderThanAMergeOfSomebodyElse) {
  const Machine writer = open();
  for (int i = 0; i < 20; ++i) commit(writer, "commit");
  const AtomPointer root = *writer->read_current_root();
  open()->merge();
  const auto checkpoint = bucket_->find("checkpoint")->bytes;
  bucket_->remove("checkpoint");
  writer->close();
  EXPECT_FALSE(bucket_->find("checkpoint"));
  EXPECT_THROW(open(), CorruptionError);
  bucket_->put("checkpoint", *checkpoint);
  EXPECT_EQ(get(open(), root), "commit");
}

TEST_F(LostCheckpointTest, ALostCheckpointThatTheSlotsDoNotMakeUpForIsRefused) {
  const auto expect_refused = [&](const char* why) {
    const auto checkpoint = bucket_->find("checkpoint")->bytes;
    bucket_->remove("checkpoint");
    SCOPED_TRACE(why);
    testing::expect_error<CorruptionError>([&] { open(); }, {"checkpoint", "missing"});
    bucket_->put("checkpoint", *checkpoint);
  };
  commit(open(), "root");
  bucket_->put(
      "segments/00000000-0000-4000-8000-000000000001/"
      "00000000000000004096-00000000000000004200",
      Bytes(104));
  expect_refused("a segment that no slot names");
  bucket_->remove(
      "segments/00000000-0000-4000-8000-000000000001/"
      "00000000000000004096-00000000000000004200");
  open()->merge();
  expect_refused("the slots are merged away, and claims are left");
  EXPECT_EQ(get(open(), *open()->read_current_root()), "root");
  for (const auto& [key, object] : bucket_->list("log/", {}, 10)) bucket_->remove(key);
  expect_refused("no slots at all");
}

/// Three machines that take over from each other while the checkpoint vanishes again and again, and
/// answers are lost.
TEST_F(LostCheckpointTest, HoweverOftenItVanishesEveryAcknowledgedCommitIsThere) {
  constexpr std::uint64_t kRuns = 100;
  std::size_t vanished = 0;
  for (std::uint64_t run = 1; run <= kRuns; ++run) {
    SCOPED_TRACE("seed " + std::to_string(run));
    std::mt19937_64 random(run);
    bucket_ = std::make_shared<cloud::MemoryBucket>("mock", clock_);
    plan_ = std::make_shared<testing::CloudFaultPlan>(run);
    testing::CloudFaultRule rule;
    rule.fault = testing::CloudFault::kLostAnswer;
    rule.probability = 0.05;
    plan_->add(rule);
    CloudStorageOptions options = cloud();
    options.merge_after_slots = 0;
    std::vector<Machine> machines(3);
    std::vector<AtomPointer> acknowledged;
    bool is_last_known = true;
    for (int step = 0; step < 60; ++step) {
      Machine& machine = machines[random() % machines.size()];
      const std::uint64_t what = random() % 10;
      if (what == 0 && bucket_->remove("checkpoint")) ++vanished;
      if (what == 1 && machine.storage) kill(machine);
      if (what == 2) machine.storage.reset();
      if (!machine.storage) machine = open(options);
      try {
        acknowledged.push_back(commit(machine, "step " + std::to_string(step)));
        is_last_known = true;
      } catch (const LockingError&) {  // another one took over
        machine.storage.reset();
      } catch (const OutcomeUnknownError&) {  // the answer was lost, and then the checkpoint
        machine.storage.reset();
        is_last_known = false;
      }
    }
    plan_->clear();
    std::set<AtomPointer> found;
    const Machine reader = open();
    for (const RootVersion& version : reader->root_history(1000)) found.insert(version.root);
    for (const AtomPointer& root : acknowledged) EXPECT_TRUE(found.contains(root));
    ASSERT_FALSE(acknowledged.empty());
    if (is_last_known) {
      EXPECT_EQ(reader->read_current_root(), acknowledged.back());
    }
  }
  EXPECT_GT(vanished, 100u);
}

}  // namespace
}  // namespace protobase
