// How long a bucket is waited for that gives some objects late or never.
#include "cloud/damaged_bucket.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "cloud/memory_bucket.h"
#include "os/random.h"
#include "protobase/mock_s3_client.h"
#include "testing/cloud_fault_client.h"
#include "testing/expect_error.h"
#include "testing/manual_clock.h"

namespace protobase::cloud {
namespace {

using testing::CloudCall;

constexpr std::uint64_t kPatienceMs = 60'000;

class DamagedBucketTest : public ::testing::Test {
 protected:
  DamagedBucketTest() {
    bucket_->put("there", Bytes(1));
    client_->set_before([this](CloudCall call, const std::string& key) {
      if (call != CloudCall::kGet) return;
      ++gets_;
      if (clock_->monotonic_ns() >= gives_from_ns_ && !key.starts_with("dead ")) return;
      throw CloudStorageError(CloudFailure::kUnknown, 500, "status 500, InternalError");
    });
  }
  /// Whether it is given when the store begins to give so long from now on.
  bool get(std::uint64_t gives_after_ms, const std::string& key = "there") {
    gives_from_ns_ = clock_->monotonic_ns() + gives_after_ms * 1'000'000;
    return damaged_.get(key, {}).status == CloudGetStatus::kFound;
  }
  /// Whatever key: another one each time.
  bool get_dead() { return get(0, "dead " + std::to_string(gets_)); }

  const std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
  const std::shared_ptr<MemoryBucket> bucket_ = std::make_shared<MemoryBucket>("mock", clock_);
  const std::shared_ptr<testing::CloudFaultClient> client_ =
      std::make_shared<testing::CloudFaultClient>(std::make_shared<MockS3Client>(bucket_),
                                                  std::make_shared<testing::CloudFaultPlan>(1));
  DamagedBucket damaged_{Bucket(client_, {clock_, os::system_random(), kPatienceMs})};
  std::uint64_t gives_from_ns_ = 0;
  std::uint64_t gets_ = 0;
};

/// What it gave is asked for again when it gives nothing else; a merge may have removed it.
TEST_F(DamagedBucketTest, WhatWasMergedAwayMeanwhileIsNotTakenForARefusal) {
  bucket_->put("there as well", Bytes(1));
  ASSERT_TRUE(get(0));
  bucket_->remove("there");
  for (int i = 0; i < 20; ++i) get_dead();
  EXPECT_TRUE(get(0, "there as well"));
}

TEST_F(DamagedBucketTest, AStoreThatListsAndGivesNothingIsLeftAfterAFewObjects) {
  const auto get_many = [&] {
    for (int i = 0; i < 4096; ++i) get_dead();
  };
  testing::expect_error<CloudStorageError>(get_many, {"InternalError"});
  EXPECT_LT(clock_->monotonic_ns(), 4 * kPatienceMs * 1'000'000);
  const std::uint64_t gets = gets_;
  testing::expect_error<CloudStorageError>([&] { get_dead(); }, {"InternalError"});
  EXPECT_EQ(gets_, gets) << "nothing more is asked for";
}

TEST_F(DamagedBucketTest, AStoreThatGaveSomethingAndThenFailsIsNotTakenForOneThatLostAll) {
  EXPECT_TRUE(get(0));
  const auto get_many = [&] {
    for (int i = 0; i < 4096; ++i) get(std::uint64_t{1} << 32, "later " + std::to_string(i));
  };
  testing::expect_error<CloudStorageError>(get_many, {"InternalError"});
  EXPECT_LT(clock_->monotonic_ns(), 5 * kPatienceMs * 1'000'000);
}

TEST_F(DamagedBucketTest, WhereAPartOfTheObjectsIsDeadEachOneTakesLittleTime) {
  EXPECT_TRUE(get(0));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(get_dead());
  EXPECT_LT(clock_->monotonic_ns(), 20 * kPatienceMs * 1'000'000);
}

TEST_F(DamagedBucketTest, WhatComesByWaitingIsWaitedForAgain) {
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(get_dead());
  EXPECT_FALSE(get(kPatienceMs / 2, "late"));
  EXPECT_TRUE(get(kPatienceMs / 20));
  EXPECT_TRUE(get(kPatienceMs / 2));
}

}  // namespace
}  // namespace protobase::cloud
