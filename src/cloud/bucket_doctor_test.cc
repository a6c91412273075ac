#include "protobase/bucket_doctor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "cloud/log_checkpoint.h"
#include "cloud/memory_bucket.h"
#include "protobase/mock_google_cloud_client.h"
#include "protobase/mock_s3_client.h"
#include "testing/forwarding_cloud_client.h"
#include "testing/manual_clock.h"

namespace protobase::cloud {
namespace {

using Parts = std::span<const std::span<const std::byte>>;

/// A bucket that does everything right but for what a test puts in the place of one call.
class ChangedClient final : public testing::ForwardingCloudClient {
 public:
  ChangedClient() : ForwardingCloudClient(std::make_shared<MockS3Client>()) {}

  CloudGetResult get(const std::string& key, const CloudGetOptions& options,
                     const std::string& known_version) override {
    CloudGetResult result = inner().get(key, options, known_version);
    if (on_get) on_get(key, result);
    return result;
  }
  CloudPutResult put(const std::string& key, Parts parts,
                     const CloudPutCondition& condition) override {
    return on_put ? on_put(key, parts, condition) : inner().put(key, parts, condition);
  }
  CloudListPage list(const std::string& prefix, const std::string& start_after,
                     unsigned max_keys) override {
    return on_list ? on_list(prefix) : inner().list(prefix, start_after, max_keys);
  }
  void remove(std::span<const std::string> keys) override {
    if (!keeps_all) inner().remove(keys);
  }
  std::string location() const override { return place; }

  std::string place = inner().location();
  std::function<void(const std::string& key, CloudGetResult& result)> on_get;
  std::function<CloudPutResult(const std::string&, Parts, const CloudPutCondition&)> on_put;
  std::function<CloudListPage(const std::string& prefix)> on_list;
  bool keeps_all = false;
};

using Kind = CloudPutCondition::Kind;

/// The one check that failed; "" when all went well.
std::string failed_check(CloudStorageClient& client, const BucketDoctorOptions& options = {}) {
  std::string failed;
  for (const DoctorFinding& finding : examine_bucket(client, options)) {
    EXPECT_FALSE(finding.detail.empty()) << finding.check;
    if (finding.is_ok) continue;
    EXPECT_EQ(failed, "") << "a second one: " << finding.check << ": " << finding.detail;
    failed = finding.check;
  }
  return failed;
}

TEST(BucketDoctorTest, APrefixThatIsTooLongForAStoreIsToldBeforeOneIsMade) {
  const auto bucket = MockS3Client().bucket();
  MockS3Client client(bucket, std::string(904, 'p'));
  EXPECT_EQ(failed_check(client), "prefix");
  MockS3Client shorter(bucket, std::string(903, 'p'));
  EXPECT_EQ(failed_check(shorter), "");
}

TEST(BucketDoctorTest, GoodBucketsAreHealthyAndLeftAsTheyWere) {
  MockS3Client s3;
  EXPECT_EQ(failed_check(s3), "");
  EXPECT_EQ(s3.bucket()->object_count(), 0u);
  MockGoogleCloudClient google;
  EXPECT_EQ(failed_check(google), "");
  EXPECT_EQ(google.bucket()->object_count(), 0u);
}

TEST(BucketDoctorTest, TheRacesAreRun) {
  MockS3Client client;
  const auto findings = examine_bucket(client, {.threads = 4, .rounds = 3});
  EXPECT_EQ(findings.size(), 10u);
  EXPECT_GE(client.counts().puts, 2u * 3 * 4);
}

TEST(BucketDoctorTest, WhatIsThereIsLookedAtAndNotTouched) {
  MockS3Client client;
  const auto prefix = [&] {
    const auto findings = examine_bucket(client);
    return std::pair(findings.at(2).is_ok, findings.at(2).detail);
  };
  EXPECT_EQ(prefix(), std::pair(true, std::string("it is free: a store can be made there")));
  LogCheckpoint store;
  store.store = UUID{1, 2};
  store.slot = 7;
  client.bucket()->put("checkpoint", write_checkpoint(store));
  EXPECT_EQ(prefix(), std::pair(true, std::string("there is a store, 7 commits and claims long")));
  client.bucket()->put("checkpoint", Bytes(3));
  client.bucket()->put("log/1", Bytes(5));
  EXPECT_EQ(failed_check(client), "prefix");
  EXPECT_EQ(client.bucket()->object_count(), 2u);
  EXPECT_EQ(client.bucket()->total_bytes(), 8u);
}

TEST(BucketDoctorTest, IgnoredCreateIfAbsentIsFound) {
  ChangedClient client;
  client.on_put = [&](const auto& key, Parts parts, const auto& condition) {
    const bool ignored = condition.kind == Kind::kAbsent;
    return client.inner().put(key, parts, ignored ? CloudPutCondition::overwrite() : condition);
  };
  EXPECT_EQ(failed_check(client), "create if absent");
}

TEST(BucketDoctorTest, TheConditionIsCalledAsTheStoreCallsIt) {
  for (const bool is_google : {true, false}) {
    ChangedClient client;
    client.on_put = [&](const auto& key, Parts parts, const auto& /*condition*/) {
      return client.inner().put(key, parts, CloudPutCondition::overwrite());
    };
    if (is_google) client.place = "gs://bucket";
    std::string all;
    for (const auto& finding : examine_bucket(client, {})) all += finding.detail + "\n";
    EXPECT_EQ(all.find("ifGenerationMatch") != std::string::npos, is_google) << all;
    EXPECT_EQ(all.find("If-None-Match") != std::string::npos, !is_google) << all;
  }
}

TEST(BucketDoctorTest, IgnoredIfVersionMatchesIsFound) {
  ChangedClient client;
  client.on_put = [&](const auto& key, Parts parts, const auto& condition) {
    const bool ignored = condition.kind == Kind::kVersion;
    return client.inner().put(key, parts, ignored ? CloudPutCondition::overwrite() : condition);
  };
  EXPECT_EQ(failed_check(client), "replace if unchanged");
}

TEST(BucketDoctorTest, AStoreThatLooksFirstAndPutsThenIsFound) {
  // Right for one client, wrong for two: the first waits until another one has looked too.
  ChangedClient client;
  std::atomic<int> looking{0};
  client.on_put = [&](const auto& key, Parts parts, const auto& condition) {
    if (condition.kind != Kind::kAbsent) return client.inner().put(key, parts, condition);
    const bool is_there = client.inner().head(key).has_value();
    ++looking;
    while (looking < 2) std::this_thread::yield();
    if (is_there) return CloudPutResult{};
    return client.inner().put(key, parts, CloudPutCondition::overwrite());
  };
  EXPECT_EQ(failed_check(client), "create if absent");
}

TEST(BucketDoctorTest, ALoserWhoOverwroteIsFound) {
  ChangedClient client;
  client.on_put = [&](const auto& key, Parts parts, const auto& condition) {
    const CloudPutResult result = client.inner().put(key, parts, condition);
    if (!result.stored) client.inner().put(key, parts, CloudPutCondition::overwrite());
    return result;
  };
  const auto findings = examine_bucket(client);
  EXPECT_EQ(std::ranges::count(findings, false, &DoctorFinding::is_ok), 2);
}

TEST(BucketDoctorTest, AStoreThatRefusesEveryConditionIsFound) {
  for (const Kind kind : {Kind::kAbsent, Kind::kVersion}) {
    ChangedClient client;
    client.on_put = [&](const auto& key, Parts parts, const auto& condition) {
      if (condition.kind == kind) return CloudPutResult{};
      return client.inner().put(key, parts, condition);
    };
    EXPECT_EQ(failed_check(client),
              kind == Kind::kAbsent ? "create if absent" : "replace if unchanged");
  }
}

TEST(BucketDoctorTest, ReplacingWhatIsNotThereIsFound) {
  ChangedClient client;
  client.on_put = [&](const auto& key, Parts parts, const auto& condition) {
    const bool creates = condition.kind == Kind::kVersion && !client.inner().head(key);
    return client.inner().put(key, parts, creates ? CloudPutCondition::overwrite() : condition);
  };
  EXPECT_EQ(failed_check(client), "replace if unchanged");
}

TEST(BucketDoctorTest, ThrottledLosersProveNothingAgainstTheStore) {
  ChangedClient client;
  std::atomic<unsigned> throttled{0};
  client.on_put = [&](const auto& key, Parts parts, const auto& condition) {
    const CloudPutResult result = client.inner().put(key, parts, condition);
    const bool is_racer = parts.front().size() > std::string_view("late").size();
    if (result.stored || !is_racer) return result;
    ++throttled;
    throw CloudStorageError(CloudFailure::kNotNow, 409, "conflict");
  };
  EXPECT_EQ(failed_check(client), "");
  EXPECT_EQ(throttled, 2u * 8 * 7);
}

TEST(BucketDoctorTest, RacesThatNeverEndAreNoProofOfHealth) {
  ChangedClient client;
  client.on_put = [&](const auto& key, Parts parts, const auto& condition) {
    if (condition.kind != Kind::kAbsent) return client.inner().put(key, parts, condition);
    throw CloudStorageError(CloudFailure::kNotNow, 503, "busy");
  };
  EXPECT_EQ(failed_check(client), "create if absent");
}

TEST(BucketDoctorTest, AStoreThatIsNotConsistentIsFound) {
  ChangedClient stale;
  stale.on_get = [](const std::string&, CloudGetResult& result) {
    result = {CloudGetStatus::kAbsent};
  };
  EXPECT_EQ(failed_check(stale), "get");
  ChangedClient forgetful;
  forgetful.on_list = [](const std::string&) { return CloudListPage{}; };
  const auto findings = examine_bucket(forgetful);
  EXPECT_TRUE(std::ranges::any_of(findings, [](const DoctorFinding& finding) {
    return finding.check == "list" && !finding.is_ok;
  }));
}

TEST(BucketDoctorTest, WhatCannotBeRemovedIsNamed) {
  ChangedClient client;
  client.keeps_all = true;
  EXPECT_EQ(failed_check(client), "remove");
  const auto findings = examine_bucket(client);
  EXPECT_NE(findings.back().detail.find("/doctor/"), std::string::npos);
}

TEST(BucketDoctorTest, WhatAnotherCheckLeftIsNamedAndNotTouched) {
  MockS3Client client;
  client.bucket()->put("doctor/00000000-0000-4000-8000-000000000001/create-0", Bytes(3));
  const auto findings = examine_bucket(client);
  EXPECT_TRUE(findings.back().is_ok);
  EXPECT_NE(findings.back().detail.find("; 1 objects of other checks"), std::string::npos)
      << findings.back().detail;
  EXPECT_EQ(client.bucket()->object_count(), 1u) << "it may be running";
}

TEST(BucketDoctorTest, WhoMayNotListIsToldAtOnce) {
  ChangedClient client;
  client.on_list = [](const std::string&) -> CloudListPage {
    throw NotAuthorizedError("list: no");
  };
  const auto findings = examine_bucket(client);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].check, "credentials");
}

TEST(BucketDoctorTest, WhoMayOnlyReadIsToldAndNothingIsLeft) {
  ChangedClient client;
  client.on_put = [](const auto&, Parts, const auto&) -> CloudPutResult {
    throw NotAuthorizedError("put: no");
  };
  EXPECT_EQ(failed_check(client), "put");
}

TEST(BucketDoctorTest, AnEndpointThatIsSilentIsGivenUpInTheWordsOfTheClient) {
  ChangedClient client;
  client.on_list = [](const std::string&) -> CloudListPage {
    throw CloudStorageError(CloudFailure::kNotSent, 0, "no connection; look there");
  };
  const auto findings = examine_bucket(client, {.clock = std::make_shared<testing::ManualClock>()});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].check, "answer");
  EXPECT_EQ(findings[0].detail, "no connection; look there");
}

TEST(BucketDoctorTest, AWrongClockIsFound) {
  const auto stores_clock = std::make_shared<testing::ManualClock>();
  const auto our_clock = std::make_shared<testing::ManualClock>();
  const std::int64_t now = our_clock->unix_us();
  MockS3Client client(std::make_shared<MemoryBucket>("mock", stores_clock));
  for (const auto& [seconds, expected] :
       {std::pair(-30, ""), {30, ""}, {-62, "clock"}, {62, "clock"}}) {
    stores_clock->set_unix_us(now + seconds * std::int64_t{1'000'000});
    EXPECT_EQ(failed_check(client, {.clock = our_clock}), expected) << seconds;
  }
}

TEST(BucketDoctorTest, OptionsAreChecked) {
  MockS3Client client;
  EXPECT_THROW(examine_bucket(client, {.threads = 1}), ValidationError);
  EXPECT_THROW(examine_bucket(client, {.rounds = 0}), ValidationError);
  EXPECT_EQ(client.counts().lists, 0u);
}

}  // namespace
}  // namespace protobase::cloud
