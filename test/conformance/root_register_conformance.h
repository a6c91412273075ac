// The contract of RootRegister (include/protobase/root_register.h) as tests, run by every
// implementation: give INSTANTIATE_TEST_SUITE_P a RootRegisterCase.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "protobase/errors.h"
#include "test/conformance/durable_commits.h"
#include "testing/expect_error.h"

namespace protobase::conformance {

struct RootRegisterCase {
  std::string name;
  /// Makes a new, empty place and returns what opens it: each call as another process would.
  std::function<std::function<std::shared_ptr<BlockProvider>()>()> new_place;
};

inline std::ostream& operator<<(std::ostream& out, const RootRegisterCase& value) {
  return out << value.name;
}

class RootRegisterConformance : public ::testing::TestWithParam<RootRegisterCase> {
 protected:
  void SetUp() override {
    open_ = GetParam().new_place();
    provider_ = open_();
    writer_ = std::make_unique<DurableCommits>(*provider_);
  }

  RootRegister& root() { return provider_->root_register(); }

  /// Closes while another thread waits for the lock, which somebody has: neither that this took too
  /// long, nor anything else that is not so, is what the thread hears.
  void expect_told_that_it_is_closed() {
    std::atomic<bool> begun{false};
    std::jthread waiting([&] {
      begun = true;
      testing::expect_error<ValidationError>([&] { root().lock(20'000); }, {"closed"});
    });
    while (!begun) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    provider_->close();
  }

  std::function<std::shared_ptr<BlockProvider>()> open_;
  std::shared_ptr<BlockProvider> provider_;
  std::unique_ptr<DurableCommits> writer_;
};

TEST_P(RootRegisterConformance, FirstThereIsNoRoot) { EXPECT_EQ(root().read(), std::nullopt); }

TEST_P(RootRegisterConformance, WhatWasSetIsRead) {
  const auto version = writer_->commit();
  ASSERT_TRUE(version);
  EXPECT_EQ(root().read(), *version);
}

TEST_P(RootRegisterConformance, SettingTheFirstNeedsThatThereIsNone) {
  ASSERT_TRUE(writer_->commit());
  const auto lock = root().lock(1000);
  const auto late = writer_->write(std::nullopt);
  EXPECT_FALSE(root().compare_and_set(std::nullopt, late));
  EXPECT_NE(root().read(), late);
}

TEST_P(RootRegisterConformance, AnotherSequenceThanExpectedIsAConflict) {
  const auto first = writer_->commit();
  const auto second = writer_->commit();
  const auto lock = root().lock(1000);
  const auto late = writer_->write(second);
  EXPECT_FALSE(root().compare_and_set(first->sequence, late));
  EXPECT_FALSE(root().compare_and_set(second->sequence + 1, late));
  EXPECT_EQ(root().read(), *second);
  EXPECT_TRUE(root().compare_and_set(second->sequence, late));
  EXPECT_EQ(root().read(), late);
}

TEST_P(RootRegisterConformance, SequencesGrow) {
  std::uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    const auto version = writer_->commit();
    EXPECT_GT(version->sequence, last);
    last = version->sequence;
  }
}

TEST_P(RootRegisterConformance, AnAbandonedCommitBurnsItsSequences) {
  writer_->commit();
  std::uint64_t tried = 0;
  {
    const auto lock = root().lock(1000);
    tried = root().next_sequence() + 9;
    root().prepare(tried - 9, tried, writer_->next());
    root().abandon();
  }
  const auto before = root().read();
  EXPECT_LT(before->sequence, tried);
  const auto version = writer_->commit();
  EXPECT_GT(version->sequence, tried) << "larger than that of any commit ever tried";
  EXPECT_EQ(version->previous_sequence, before->sequence);
}

TEST_P(RootRegisterConformance, TheLockShutsOutOtherHolders) {
  auto held = root().lock(1000);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(root().lock(50), LockingError);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(50));
  held.reset();
  EXPECT_NE(root().lock(50), nullptr);
}

TEST_P(RootRegisterConformance, AWaitingHolderGetsTheLockWhenItIsFree) {
  auto held = root().lock(1000);
  std::atomic<bool> got{false};
  std::jthread waiter([&] {
    const auto lock = root().lock(10'000);
    got = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(got);
  held.reset();
  waiter.join();
  EXPECT_TRUE(got);
}

TEST_P(RootRegisterConformance, WhoWaitsForTheLockIsToldThatItIsClosed) {
  const auto held = root().lock(1000);
  expect_told_that_it_is_closed();
}

/// Instantiated for registers that a second opening of the same place sees too.
class SharedRootRegisterConformance : public RootRegisterConformance {};

TEST_P(SharedRootRegisterConformance, AnotherOpeningIsShutOutToo) {
  const auto other = open_();
  auto held = root().lock(1000);
  EXPECT_THROW(other->root_register().lock(50), LockingError);
  held.reset();
  EXPECT_NE(other->root_register().lock(1000), nullptr);
}

TEST_P(SharedRootRegisterConformance, TheLockOfAHolderThatIsGoneGoesWithIt) {
  auto other = open_();
  auto held = other->root_register().lock(1000);
  other->close();
  EXPECT_NE(root().lock(1000), nullptr);
}

TEST_P(SharedRootRegisterConformance, WhoWaitsForAnotherHolderIsToldThatItIsClosed) {
  const auto other = open_();
  auto held = other->root_register().lock(1000);
  expect_told_that_it_is_closed();
  held.reset();
  EXPECT_NE(other->root_register().lock(1000), nullptr);
}

TEST_P(SharedRootRegisterConformance, OthersReadWhatWasSet) {
  const auto other = open_();
  for (int i = 0; i < 3; ++i) {
    const auto version = writer_->commit();
    EXPECT_EQ(other->root_register().read(), *version);
  }
}

TEST_P(SharedRootRegisterConformance, ARegisterOpenedLaterReadsTheNewest) {
  writer_->commit();
  const auto newest = writer_->commit();
  writer_.reset();
  provider_->close();
  const auto later = open_();
  EXPECT_EQ(later->root_register().read(), *newest);
  const auto lock = later->root_register().lock(1000);
  EXPECT_GT(later->root_register().next_sequence(), newest->sequence);
}

TEST_P(RootRegisterConformance, TheRootNeverGoesBack) {
  std::atomic<bool> stop{false};
  std::atomic<int> went_back{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!stop) {
        const auto version = root().read();
        const std::uint64_t now = version ? version->sequence : 0;
        went_back += now < last;
        last = now;
      }
    });
  }
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(writer_->commit());
  stop = true;
  readers.clear();
  EXPECT_EQ(went_back, 0);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RootRegisterConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SharedRootRegisterConformance);

}  // namespace protobase::conformance
