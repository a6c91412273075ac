// A store in a bucket whose checkpoint object is gone, or is garbage.
#include <map>
#include <string>

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

TEST_F(LostCheckpointTest, AWriterPutsALostCheckpointAgainAndADeposedOneDoesNot) {
  const Machine writer = open();
  const AtomPointer early = commit(writer, "early");
  bucket_->remove("checkpoint");
  EXPECT_EQ(writer->merge().removed, 1u);
  EXPECT_EQ(get(open(), early), "early");
  const Machine next = open();
  const AtomPointer root = commit(next, "next");
  bucket_->remove("checkpoint");
  EXPECT_EQ(writer->merge().removed, 0u);
  EXPECT_FALSE(bucket_->find("checkpoint")) << "by who knows an older state";
  EXPECT_THROW(commit(writer, "deposed"), LockingError);
  for (int i = 0; i < 20; ++i) commit(next, "as many as a checkpoint at close takes");
  next->close();
  EXPECT_EQ(get(open(), early), "early");
  EXPECT_EQ(get(open(), root), "next");
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

}  // namespace
}  // namespace protobase
