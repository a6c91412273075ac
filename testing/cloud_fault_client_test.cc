// Each fault does to the bucket and tells the caller what it says, and is seen to be hit.
#include "testing/cloud_fault_client.h"

#include <gtest/gtest.h>

#include "protobase/errors.h"
#include "protobase/mock_s3_client.h"

namespace protobase::testing {
namespace {

const auto kAbsent = CloudPutCondition::if_absent();

struct CloudFaultClientTest : ::testing::Test {
  std::shared_ptr<MockS3Client> bucket = std::make_shared<MockS3Client>();
  std::shared_ptr<CloudFaultPlan> plan = std::make_shared<CloudFaultPlan>(7);
  CloudFaultClient client{bucket, plan};

  CloudPutResult put(const std::string& key, std::string_view text,
                     const CloudPutCondition& condition = {}) {
    const auto bytes = as_bytes(text);
    return client.put(key, {&bytes, 1}, condition);
  }

  /// What really lies there, past the faults.
  std::string content(const std::string& key) {
    return std::string(bucket->get(key).object.bytes.as_text());
  }

  std::pair<CloudFailure, int> failure_of_put(const std::string& key) {
    try {
      put(key, "x");
    } catch (const CloudStorageError& error) {
      return {error.failure(), error.http_status()};
    }
    ADD_FAILURE() << "the put went well";
    return {};
  }
};

struct Outcome {
  CloudFault fault;
  bool applied;
  CloudFailure failure;
  int status;
};

TEST_F(CloudFaultClientTest, FailuresTakeEffectOrDoNot) {
  const Outcome outcomes[] = {
      {CloudFault::kNotSent, false, CloudFailure::kNotSent, 0},
      {CloudFault::kLostRequest, false, CloudFailure::kUnknown, 0},
      {CloudFault::kLostAnswer, true, CloudFailure::kUnknown, 0},
      {CloudFault::kInternalError, false, CloudFailure::kUnknown, 500},
      {CloudFault::kInternalErrorApplied, true, CloudFailure::kUnknown, 500},
      {CloudFault::kUnavailable, false, CloudFailure::kNotNow, 503},
      {CloudFault::kUnavailableApplied, true, CloudFailure::kNotNow, 503},
      {CloudFault::kThrottled, false, CloudFailure::kNotNow, 429},
      {CloudFault::kThrottledApplied, true, CloudFailure::kNotNow, 429},
      {CloudFault::kConflict, false, CloudFailure::kNotNow, 409},
      {CloudFault::kConflictApplied, true, CloudFailure::kNotNow, 409},
  };
  for (const Outcome& outcome : outcomes) {
    SCOPED_TRACE(to_text(outcome.fault));
    const std::string key(to_text(outcome.fault));
    plan->add({.fault = outcome.fault, .at_call = 1, .key_prefix = key});
    EXPECT_EQ(failure_of_put(key), std::pair(outcome.failure, outcome.status));
    EXPECT_EQ(bucket->head(key).has_value(), outcome.applied);
    EXPECT_EQ(plan->hits(outcome.fault), 1u);
    put(key, "again");
    EXPECT_EQ(content(key), "again") << "it strikes once";
  }
}

TEST_F(CloudFaultClientTest, ALostAnswerOfACreateMakesTheRetryCollideWithItself) {
  plan->add({.fault = CloudFault::kLostAnswer, .at_call = 1});
  EXPECT_THROW(put("slot", "mine", kAbsent), CloudStorageError);
  EXPECT_FALSE(put("slot", "mine", kAbsent).stored);
  EXPECT_EQ(content("slot"), "mine");
}

TEST_F(CloudFaultClientTest, ADelayedPutArrivesWhileOthersGoOn) {
  plan->add({.fault = CloudFault::kDelayed, .at_call = 1, .span = 1});
  EXPECT_THROW(put("slot", "late", kAbsent), CloudStorageError);
  EXPECT_FALSE(bucket->head("slot"));
  CloudFaultClient other(bucket, plan);
  EXPECT_TRUE(other.head("slot")) << "it came just before the other's request";
  EXPECT_EQ(plan->arrived(), 1u);
  EXPECT_EQ(plan->delayed(), 0u);
}

TEST_F(CloudFaultClientTest, ADelayedPutKeepsItsCondition) {
  plan->add({.fault = CloudFault::kDelayed, .at_call = 1, .span = 1000});
  EXPECT_THROW(put("slot", "late", kAbsent), CloudStorageError);
  EXPECT_TRUE(put("slot", "first", kAbsent).stored);
  plan->settle();
  EXPECT_EQ(plan->arrived(), 1u);
  EXPECT_EQ(content("slot"), "first");
}

TEST_F(CloudFaultClientTest, ADuplicateOverwritesWhatCameAfterIt) {
  plan->add({.fault = CloudFault::kDuplicated, .at_call = 1, .span = 1000});
  put("hint", "old");
  put("hint", "new");
  plan->settle();
  EXPECT_EQ(content("hint"), "old");
  EXPECT_EQ(plan->hits(CloudFault::kDuplicated), 1u);
}

TEST_F(CloudFaultClientTest, ADelayedRemovalArrivesToo) {
  put("a", "x");
  plan->add({.fault = CloudFault::kDelayed, .at_call = 1, .only = CloudCall::kRemove});
  const std::string key = "a";
  EXPECT_THROW(client.remove({&key, 1}), CloudStorageError);
  EXPECT_TRUE(bucket->head("a"));
  plan->settle();
  EXPECT_FALSE(bucket->head("a"));
}

TEST_F(CloudFaultClientTest, BodiesAreCutOrTurnedWithoutAWord) {
  put("a", "0123456789");
  plan->add({.fault = CloudFault::kShortBody, .at_call = 1});
  plan->add({.fault = CloudFault::kCorruptBody, .at_call = 2});
  EXPECT_LT(client.get("a").object.bytes.size(), 10u);
  const auto corrupt = client.get("a").object.bytes;
  EXPECT_EQ(corrupt.size(), 10u);
  EXPECT_NE(corrupt.as_text(), "0123456789");
  EXPECT_EQ(client.get("a").object.bytes.as_text(), "0123456789");
  EXPECT_EQ(plan->hits(), 2u);
}

TEST_F(CloudFaultClientTest, ABodyThatIsNotThereCannotBeDamaged) {
  plan->add({.fault = CloudFault::kCorruptBody, .at_call = 1});
  EXPECT_EQ(client.get("nothing").status, CloudGetStatus::kAbsent);
  EXPECT_EQ(plan->hits(), 0u) << "a test that counts on it must see that it was not hit";
}

TEST_F(CloudFaultClientTest, AStaleListLacksTheLastPuts) {
  for (const char* key : {"a", "b", "c"}) put(key, "x");
  plan->add({.fault = CloudFault::kStaleList, .at_call = 1, .span = 2});
  EXPECT_EQ(client.list("", "", 10).objects.size(), 1u);
  EXPECT_EQ(client.list("", "", 10).objects.size(), 3u);
  EXPECT_EQ(plan->hits(CloudFault::kStaleList), 1u);
}

TEST_F(CloudFaultClientTest, CredentialsExpireOnce) {
  plan->add({.fault = CloudFault::kExpiredCredentials, .at_call = 2});
  put("a", "x");
  EXPECT_THROW(client.head("a"), NotAuthorizedError);
  EXPECT_TRUE(client.head("a"));
}

TEST_F(CloudFaultClientTest, AMachineThatIsCutOffReachesNothing) {
  client.cut_off(true);
  EXPECT_EQ(failure_of_put("a"), std::pair(CloudFailure::kNotSent, 0));
  client.cut_off(false);
  EXPECT_TRUE(put("a", "x").stored);
}

TEST_F(CloudFaultClientTest, HooksSeeEachCallBeforeAndAfterItsEffect) {
  std::string story;
  client.set_before([&](CloudCall, const std::string& key) {
    story += "before " + key + (bucket->head(key) ? " there; " : " not there; ");
  });
  client.set_after([&](CloudCall, const std::string& key) {
    story += "after " + key + (bucket->head(key) ? " there; " : " not there; ");
  });
  put("a", "x");
  EXPECT_EQ(story, "before a not there; after a there; ");
}

std::string story_of(std::uint64_t seed) {
  const auto plan = std::make_shared<CloudFaultPlan>(seed);
  plan->add({.fault = CloudFault::kLostAnswer, .probability = 0.3});
  plan->add({.fault = CloudFault::kDelayed, .probability = 0.3});
  CloudFaultClient client(std::make_shared<MockS3Client>(), plan);
  std::string story;
  for (int i = 0; i < 100; ++i) {
    try {
      client.put(std::to_string(i), {}, {});
      story += ".";
    } catch (const CloudStorageError&) {
      story += "!";
    }
  }
  return story + plan->report().substr(plan->report().find(':'));
}

TEST(CloudFaultPlanTest, TheSameSeedDrawsTheSameFaults) {
  EXPECT_EQ(story_of(1), story_of(1));
  EXPECT_NE(story_of(1), story_of(2));
}

TEST_F(CloudFaultClientTest, TheReportNamesSeedAndFaults) {
  plan->add({.fault = CloudFault::kLostAnswer, .at_call = 1});
  EXPECT_THROW(put("a", "x"), CloudStorageError);
  EXPECT_EQ(plan->report(), "seed 7: lost answer 1");
}

TEST_F(CloudFaultClientTest, AClearedPlanDisturbsNothing) {
  plan->add({.fault = CloudFault::kLostAnswer, .probability = 1});
  plan->clear();
  EXPECT_TRUE(put("a", "x").stored);
  EXPECT_EQ(plan->hits(), 0u);
}

}  // namespace
}  // namespace protobase::testing
