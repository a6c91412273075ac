#include "cloud/s3_credentials.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <thread>
#include <vector>

#include "protobase/errors.h"
#include "testing/expect_error.h"
#include "testing/manual_clock.h"

namespace protobase::cloud {
namespace {

using testing::expect_error;
using testing::ManualClock;

constexpr std::int64_t kMinuteUs = 60'000'000;

class S3Cache : public ::testing::Test {
 protected:
  class Source final : public S3CredentialsSource {
   public:
    explicit Source(S3Cache& test) : test_(test) {}
    std::string name() const override { return "the test"; }
    std::optional<S3Credentials> load() override {
      ++test_.loads_;
      return test_.answer_();
    }

   private:
    S3Cache& test_;
  };

  S3Cache() {
    std::vector<std::unique_ptr<S3CredentialsSource>> sources;
    sources.push_back(std::make_unique<Source>(*this));
    cache_ = std::make_unique<S3CredentialsCache>(
        std::move(sources), clock_,
        [this](LogLevel, std::string_view message) { logged_ += std::string(message) + "\n"; });
    answer_ = [this] { return lasting(60); };
  }

  /// New ones with each load, for so many minutes from now.
  std::optional<S3Credentials> lasting(std::int64_t minutes) {
    const std::string number = std::to_string(loads_.load());
    return S3Credentials{{"KEY" + number, "SECRET", "TOKEN" + number},
                         clock_->unix_us() + minutes * kMinuteUs};
  }
  std::string key() { return cache_->get()->keys.access_key; }
  void pass_minutes(std::uint64_t minutes) {
    clock_->advance_us(minutes * static_cast<std::uint64_t>(kMinuteUs));
  }

  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  std::atomic<int> loads_{0};
  std::function<std::optional<S3Credentials>()> answer_;
  std::string logged_;
  std::unique_ptr<S3CredentialsCache> cache_;
};

TEST_F(S3Cache, LoadsOnceAndAgainBeforeTheyExpire) {
  EXPECT_EQ(loads_, 0) << "not before somebody needs them";
  EXPECT_EQ(key(), "KEY1");
  pass_minutes(54);
  EXPECT_EQ(key(), "KEY1");
  pass_minutes(2);
  EXPECT_EQ(key(), "KEY2");
  EXPECT_EQ(loads_, 2);
}

TEST_F(S3Cache, WhatLastsIsLoadedOnce) {
  answer_ = [] { return S3Credentials{{"KEY", "SECRET", ""}}; };
  EXPECT_EQ(key(), "KEY");
  pass_minutes(1'000'000);
  EXPECT_EQ(key(), "KEY");
  EXPECT_EQ(loads_, 1);
}

TEST_F(S3Cache, AFailedLoadKeepsWhatStillLivesAndIsTriedAgainLater) {
  EXPECT_EQ(key(), "KEY1");
  pass_minutes(56);
  answer_ = []() -> std::optional<S3Credentials> { throw NotAuthorizedError("not today"); };
  EXPECT_EQ(key(), "KEY1");
  EXPECT_EQ(key(), "KEY1");
  EXPECT_EQ(loads_, 2) << "not with every request";
  EXPECT_NE(logged_.find("not today"), std::string::npos) << logged_;
  pass_minutes(1);
  EXPECT_EQ(key(), "KEY1");
  EXPECT_EQ(loads_, 3);
  pass_minutes(4);
  expect_error<NotAuthorizedError>([&] { key(); }, {"not today"});
}

TEST_F(S3Cache, AfterAFailureTheNextOneTriesAgain) {
  answer_ = []() -> std::optional<S3Credentials> { throw NotAuthorizedError("not today"); };
  expect_error<NotAuthorizedError>([&] { key(); });
  answer_ = [this] { return lasting(60); };
  EXPECT_EQ(key(), "KEY2");
}

TEST_F(S3Cache, WhatOurClockTakesForExpiredIsUsedAndNotAskedForWithEveryRequest) {
  answer_ = [this] { return lasting(-600); };  // our clock is ten hours ahead
  EXPECT_EQ(key(), "KEY1");
  EXPECT_EQ(key(), "KEY1");
  pass_minutes(1);
  EXPECT_EQ(key(), "KEY2");
}

TEST_F(S3Cache, OneThreadLoadsAndTheOthersWaitForIt) {
  constexpr int kThreads = 8;
  std::latch all_started(kThreads);
  answer_ = [&] {
    all_started.wait();
    return lasting(60);
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      all_started.count_down();
      EXPECT_EQ(key(), "KEY1");
    });
  }
  threads.clear();
  EXPECT_EQ(loads_, 1);
}

TEST_F(S3Cache, WhileTheOldOnesLiveNobodyWaits) {
  EXPECT_EQ(key(), "KEY1");
  pass_minutes(56);
  std::latch is_loading(1), may_end(1);
  answer_ = [&] {
    is_loading.count_down();
    may_end.wait();
    return lasting(60);
  };
  std::jthread loader([&] { EXPECT_EQ(key(), "KEY2"); });
  is_loading.wait();
  EXPECT_EQ(key(), "KEY1") << "without waiting";
  may_end.count_down();
  loader.join();
  EXPECT_EQ(key(), "KEY2");
}

TEST_F(S3Cache, WhatTheStoreCallsExpiredIsReplaced) {
  const auto used = cache_->get();
  EXPECT_TRUE(cache_->renew(used));
  EXPECT_EQ(key(), "KEY2");
  EXPECT_TRUE(cache_->renew(used)) << "another thread has done it";
  EXPECT_EQ(loads_, 2);
}

TEST_F(S3Cache, TheSameOnesAgainAreNoneToTryAgainWith) {
  answer_ = [] { return S3Credentials{{"KEY", "SECRET", ""}}; };
  EXPECT_FALSE(cache_->renew(cache_->get()));
}

TEST_F(S3Cache, WithoutAnySaysWhereItLooked) {
  answer_ = [] { return std::nullopt; };
  expect_error<NotAuthorizedError>([&] { key(); }, {"the test", "AWS_ACCESS_KEY_ID"});
}

TEST_F(S3Cache, NothingSecretIsLogged) {
  key();
  pass_minutes(56);
  answer_ = []() -> std::optional<S3Credentials> { throw NotAuthorizedError("not today"); };
  key();
  EXPECT_NE(logged_, "");
  EXPECT_EQ(logged_.find("SECRET"), std::string::npos);
  EXPECT_EQ(logged_.find("TOKEN"), std::string::npos);
  EXPECT_EQ(logged_.find("KEY1"), std::string::npos);
}

}  // namespace
}  // namespace protobase::cloud
