#include "engine/committer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "os/clock.h"
#include "protobase/errors.h"
#include "testing/breakable_block_provider.h"

namespace protobase::engine {
namespace {

class CommitterTest : public ::testing::Test {
 protected:
  AtomPointer push() { return log_.append(RecordFormat::kRaw, as_bytes(std::string("atom"))); }

  testing::BreakableBlockProvider provider_;
  Log log_{provider_, StorageOptions{}};
  Committer committer_{provider_.root_register(), log_, os::system_clock(), 60'000};
};

TEST_F(CommitterTest, EverybodyWhoWaitedForAGuardIsCommitted) {
  std::vector<std::jthread> threads;
  {
    const RootGuard guard = committer_.guard(nullptr);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { EXPECT_TRUE(committer_.commit(push(), std::nullopt)); });
    }
  }
  threads.clear();
  EXPECT_EQ(committer_.commits(), 4u);
}

// Were it told "false", it would believe in a root that never was.
TEST_F(CommitterTest, NobodyLosesToACommitThatFailed) {
  const AtomPointer first = push();
  committer_.commit(first, std::nullopt);
  std::atomic<int> waiting{0};
  bool lost = false;
  {
    std::jthread setter;
    std::jthread comparer;
    const RootGuard guard = committer_.guard(nullptr);
    setter = std::jthread([&] {
      const AtomPointer root = push();
      ++waiting;
      EXPECT_THROW(committer_.commit(root, std::nullopt), ProtoBaseError);
    });
    while (waiting < 1) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // until it stands in the queue
    comparer = std::jthread([&] {
      const AtomPointer root = push();
      ++waiting;
      try {
        lost = !committer_.commit(root, first);
      } catch (const ProtoBaseError&) {
        lost = false;  // it was told that nothing happened
      }
    });
    while (waiting < 2) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    provider_.broken = true;
  }
  EXPECT_FALSE(lost);
  EXPECT_EQ(provider_.root_register().read()->root, first);
}

TEST_F(CommitterTest, WhoGivesUpBehindAGuardLeavesTheOthersTheirTurn) {
  Committer impatient(provider_.root_register(), log_, os::system_clock(), 20);
  {
    const RootGuard guard = impatient.guard(nullptr);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        EXPECT_THROW(impatient.commit(push(), std::nullopt), LockingError);
        EXPECT_THROW(impatient.guard(nullptr), LockingError);
      });
    }
    threads.clear();
    EXPECT_TRUE(impatient.commit(push(), std::nullopt)) << "the holder of the guard";
  }
  EXPECT_TRUE(impatient.commit(push(), std::nullopt));
  EXPECT_NO_THROW(impatient.guard(nullptr));
  EXPECT_EQ(impatient.commits(), 2u);
}

/// A medium whose syncs take a while.
class SlowSyncs final : public testing::BreakableBlockProvider {
 public:
  std::uint64_t sync(const UUID& wal) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    return BreakableBlockProvider::sync(wal);
  }
};

TEST(CommitterBesideSlowSyncs, AGuardThatWaitsItselfMakesNobodyGiveUp) {
  SlowSyncs provider;
  Log log(provider, StorageOptions{});
  Committer committer(provider.root_register(), log, os::system_clock(), 100);
  const auto push = [&] { return log.append(RecordFormat::kRaw, as_bytes(std::string("atom"))); };
  const auto settle = [] { std::this_thread::sleep_for(std::chrono::milliseconds(15)); };
  std::jthread first([&] { EXPECT_TRUE(committer.commit(push(), std::nullopt)); });
  settle();
  std::jthread guard([&] { EXPECT_NO_THROW(committer.guard(nullptr)); });
  settle();
  std::jthread behind([&] { EXPECT_TRUE(committer.commit(push(), std::nullopt)); });
  first.join();
  guard.join();
  behind.join();
  EXPECT_EQ(committer.commits(), 2u);
}

TEST_F(CommitterTest, AnyMixOfCommitsGuardsAndGivingUpComesToItsEnd) {
  Committer hasty(provider_.root_register(), log_, os::system_clock(), 1);
  std::atomic<std::uint64_t> committed{0};
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 300; ++i) {
        try {
          if ((i * 7 + t) % 5 != 0) {
            committed += hasty.commit(push(), std::nullopt);
            continue;
          }
          const RootGuard guard = hasty.guard(nullptr);
          committed += hasty.commit(push(), std::nullopt);
          if (i % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        } catch (const LockingError&) {
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(hasty.commits(), committed);
  EXPECT_GT(committed, 0u);
}

/// A medium that takes a while to say that it is full.
class SlowlyFull final : public testing::BreakableBlockProvider {
 public:
  void write(const WALWriteOperation&) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    throw NoSpaceError("the medium is full");
  }
};

TEST(CommitterOfAFullMedium, EverybodyInAGroupIsToldWhy) {
  SlowlyFull provider;
  Log log(provider, StorageOptions{});
  Committer committer(provider.root_register(), log, os::system_clock(), 60'000);
  const AtomPointer root = log.append(RecordFormat::kRaw, as_bytes(std::string("atom")));
  std::atomic<int> told{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < t + 20; ++i) {
        try {
          committer.commit(root, std::nullopt);
        } catch (const NoSpaceError& error) {
          told += std::string_view(error.what()) == "the medium is full";
          if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(told, 160);
  EXPECT_EQ(committer.commits(), 0u);
}

TEST_F(CommitterTest, ClosedItTakesNoMore) {
  const AtomPointer root = push();
  committer_.close();
  EXPECT_THROW(committer_.commit(root, std::nullopt), ValidationError);
  EXPECT_EQ(committer_.commits(), 0u);
}

}  // namespace
}  // namespace protobase::engine
