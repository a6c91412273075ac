// A prefix that holds somebody else's objects where a store would have its own: no store is made
// there, and the message says what to do.
#include <memory>
#include <string>

#include "cloud/log_checkpoint.h"
#include "protobase/errors.h"
#include "protobase/mock_s3_client.h"
#include "testing/cloud_machines.h"
#include "testing/expect_error.h"

namespace protobase {
namespace {

class ForeignThingsTest : public testing::CloudMachinesTest {
 protected:
  void expect_refused_because_of(const std::string& key) {
    const std::size_t objects = bucket_->object_count();
    testing::expect_error<ValidationError>([&] { open(); },
                                           {"other things", key, "choose an empty prefix"});
    EXPECT_EQ(bucket_->object_count(), objects) << "something was put beside it";
  }
};

TEST_F(ForeignThingsTest, ACheckpointOfAnotherProgramHoweverLarge) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{100}, cloud::kMaxCheckpointSize + 1}) {
    SCOPED_TRACE(std::to_string(size) + " bytes");
    bucket_->put("checkpoint", Bytes(size));
    expect_refused_because_of("checkpoint");
  }
}

TEST_F(ForeignThingsTest, WhatOnlyBeginsAsTheTestsOfConditionsDo) {
  const std::string test = "probe/00000000-0000-4000-8000-000000000001";
  for (const std::string& key : {std::string("probe/of/somebody/else.mp4"), test + ".mp4",
                                 test + "/of/somebody/else.mp4", std::string("probe/")}) {
    bucket_->put(test, Bytes(10));  // passed over
    bucket_->put(key, Bytes(10));
    expect_refused_because_of(key);
    bucket_->remove(key);
  }
  commit(open(), "beside what a test left");
}

// Such a store could be committed to, but neither merged nor take a large atom.
TEST_F(ForeignThingsTest, APrefixThatLeavesNoRoomForTheLongestKeyIsRefusedBeforeAnythingIsPut) {
  constexpr std::size_t kLongest = 903;  // docs/internals/cloud_format.md
  const auto open_at = [&](std::size_t length) {
    return std::make_unique<CloudFileStorage>(
        std::make_shared<MockS3Client>(bucket_, std::string(length, 'p')), cloud());
  };
  const auto commit_to = [](CloudFileStorage& storage) {
    storage.set_current_root(storage.push_bytes(as_bytes("text")));
  };
  testing::expect_error<ValidationError>([&] { commit_to(*open_at(kLongest + 1)); },
                                         {"prefix is too long", "120 bytes", "choose a shorter"});
  EXPECT_EQ(bucket_->object_count(), 0u);

  const auto fitting = open_at(kLongest);
  commit_to(*fitting);
  fitting->push_bytes(Bytes(20 << 20));
  fitting->flush_wal();
  EXPECT_GT(fitting->merge().segments, 0u);
}

}  // namespace
}  // namespace protobase
