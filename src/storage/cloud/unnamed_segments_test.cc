// What dead writers leave in a bucket is counted, and nothing else is.
#include <string>

#include "testing/cloud_machines.h"

namespace protobase {
namespace {

class UnnamedSegmentsTest : public testing::CloudMachinesTest {};

TEST_F(UnnamedSegmentsTest, OfAFlushThatNeverEndedTheyAreCounted) {
  CloudStorageOptions options = cloud();
  options.object_size = 1 << 20;
  options.merge_after_slots = 0;
  const std::string large(1'500'000, 'x');
  Machine writer = open(options);
  const AtomPointer root = commit(writer, large);
  EXPECT_EQ(writer->unnamed_segments().objects, 0u);
  const std::size_t before = bucket_->object_count();
  writer->push_bytes(as_bytes(large));
  writer->push_bytes(as_bytes(large));
  const auto client = writer.client;
  plan_->add({.fault = testing::CloudFault::kNotSent,
              .probability = 1,
              .only = testing::CloudCall::kPut,
              .key_prefix = "log/"});
  EXPECT_THROW(writer->flush_wal(), ProtoBaseError);
  kill(writer);
  plan_->clear();
  const std::size_t left = bucket_->object_count() - before;
  ASSERT_GE(left, 2u);
  const Machine next = open(options);
  EXPECT_EQ(next->unnamed_segments().objects, left);
  EXPECT_GE(next->unnamed_segments().bytes, 2 * large.size());
  commit(next, large);
  commit(next, "small");
  next->merge();
  EXPECT_EQ(next->unnamed_segments().objects, left);
  EXPECT_EQ(get(next, root), large);
  EXPECT_EQ(next->verify({}).bad_places, 0u) << "they are no damage";
}

}  // namespace
}  // namespace protobase
