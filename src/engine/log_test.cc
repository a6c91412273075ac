#include "engine/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "protobase/errors.h"
#include "testing/breakable_block_provider.h"

namespace protobase::engine {
namespace {

using testing::BreakableBlockProvider;

class LogTest : public ::testing::Test {
 protected:
  static StorageOptions options() {
    StorageOptions options;
    options.wal_max_size = 65'536;
    return options;
  }
  AtomPointer push(std::size_t size) {
    return log_.append(RecordFormat::kRaw, std::vector<std::byte>(size, std::byte{'x'}));
  }
  RootVersion commit(std::uint64_t sequence) {
    std::vector<RootVersion> versions(1);
    versions[0].sequence = sequence;
    log_.commit(versions, [](const AtomPointer&) {});
    return versions[0];
  }

  BreakableBlockProvider provider_;
  Log log_{provider_, options()};
};

TEST_F(LogTest, AppendingTouchesNoMedium) {
  push(100);
  EXPECT_EQ(provider_.writes, 0);
  EXPECT_EQ(log_.state().buffered_operations, 1u);
}

TEST_F(LogTest, ACommitIsOneWriteAndOneSync) {
  push(100);
  push(100);
  commit(1);
  EXPECT_EQ(provider_.steps, "ws");
  EXPECT_EQ(log_.counts().syncs, 1u);
  EXPECT_EQ(log_.state().buffered_bytes, 0u);
}

TEST_F(LogTest, TheCallerHearsWhereTheCommitWillBegin) {
  push(100);
  const auto expected = log_.state().offset;
  std::vector<RootVersion> versions(2);
  AtomPointer begin;
  log_.commit(versions, [&](const AtomPointer& where) {
    begin = where;
    EXPECT_EQ(provider_.writes, 0) << "before a byte of it is written";
  });
  EXPECT_EQ(begin.offset, expected);
  EXPECT_EQ(versions[0].commit, begin);
  EXPECT_EQ(versions[1].previous_commit, versions[0].commit);
}

TEST_F(LogTest, AnOldWALIsDurableBeforeTheNewOneIsWritten) {
  push(70'000);
  push(100);  // in the next WAL
  commit(1);
  EXPECT_EQ(provider_.steps, "wsfws") << "write, sync, finish the full one, write, sync the next";
}

TEST_F(LogTest, ManyAreAppendedABatchAtATimeWithinWhatMayWait) {
  StorageOptions options;
  options.buffer_size = 16'384;
  options.max_unflushed_bytes = 65'536;
  BreakableBlockProvider provider;
  Log log(provider, options);
  provider.full = true;
  const std::vector<std::byte> payload(200, std::byte{'x'});
  const std::vector<std::span<const std::byte>> many(1000, payload);
  std::vector<AtomPointer> where(many.size());
  EXPECT_THROW(log.append_many(RecordFormat::kRaw, many, where), NoSpaceError);
  const std::uint64_t waiting = log.state().buffered_bytes;
  EXPECT_GE(waiting, 65'536u);
  EXPECT_LE(waiting, 65'536u + 32'768u) << "and one batch";
  provider.full = false;
  log.append_many(RecordFormat::kRaw, many, where);
  log.flush();
  for (const AtomPointer& pointer : where) {
    std::byte header[16];
    provider.read(pointer.transaction_id, pointer.offset, header, 16);
    ASSERT_EQ(header[4], std::byte{1}) << pointer.to_string();
  }
}

TEST_F(LogTest, AFullMediumTakesTheCommitBackAndKeepsTheData) {
  const auto pointer = push(100);
  provider_.full = true;
  EXPECT_THROW(commit(1), NoSpaceError);
  EXPECT_TRUE(log_.find_unflushed(pointer));
  EXPECT_THROW(log_.flush(), NoSpaceError);
  provider_.full = false;
  const auto version = commit(2);
  EXPECT_EQ(log_.state().buffered_bytes, 0u);
  std::byte found[16];
  provider_.read(pointer.transaction_id, pointer.offset, found, 16);
  EXPECT_EQ(found[4], std::byte{1}) << "the data record arrived";
  provider_.read(pointer.transaction_id, pointer.offset + 120, found, 16);
  EXPECT_EQ(found[4], std::byte{4}) << "the first commit is void";
  EXPECT_GT(version.commit.offset, pointer.offset + 120);
}

TEST_F(LogTest, AfterAFailedSyncNothingIsEverWrittenAgain) {
  push(100);
  commit(1);
  push(100);
  provider_.broken = true;
  EXPECT_THROW(commit(2), UnexpectedError);
  provider_.broken = false;
  const auto steps = provider_.steps;
  EXPECT_THROW(push(100), UnexpectedError);
  EXPECT_THROW(commit(3), UnexpectedError);
  EXPECT_THROW(log_.flush(), UnexpectedError);
  EXPECT_THROW(log_.close(), UnexpectedError);
  EXPECT_EQ(provider_.steps, steps) << "no retry, and the WAL was not closed as if all were well";
}

TEST_F(LogTest, ClosingFlushesMarksAndReleases) {
  push(100);
  log_.close();
  EXPECT_EQ(provider_.steps, "wsr");
  log_.close();
  EXPECT_THROW(push(100), ValidationError);
  EXPECT_THROW(log_.flush(), ValidationError);
}

TEST_F(LogTest, ClosingAnUnusedLogTouchesNothing) {
  log_.close();
  EXPECT_EQ(provider_.steps, "");
  EXPECT_TRUE(provider_.list_wals().empty());
}

/// With room for large pushes; a write ahead is waited for, by what the provider counts.
class WritingAheadTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kMuch = 600'000;

  AtomPointer push(std::size_t size) {
    return log_.append(RecordFormat::kRaw, std::vector<std::byte>(size, std::byte{'x'}));
  }
  void commit(std::uint64_t sequence) {
    std::vector<RootVersion> versions(1);
    versions[0].sequence = sequence;
    log_.commit(versions, [](const AtomPointer&) {});
  }
  void wait_for_writes(int count) {
    while (provider_.writes < count) std::this_thread::yield();
  }

  BreakableBlockProvider provider_;
  Log log_{provider_, StorageOptions{}};
};

TEST_F(WritingAheadTest, MuchIsWrittenBeforeTheCommitAndSyncedOnceByIt) {
  const auto early = push(kMuch);
  wait_for_writes(1);
  const auto late = push(100);
  commit(1);
  EXPECT_EQ(provider_.steps, "wws");
  EXPECT_EQ(log_.state().buffered_bytes, 0u);
  EXPECT_EQ(log_.counts().syncs, 1u);
  for (const AtomPointer& pointer : {early, late}) {
    std::byte header[16];
    provider_.read(pointer.transaction_id, pointer.offset, header, 16);
    EXPECT_EQ(header[4], std::byte{1}) << pointer.to_string();
  }
}

TEST_F(WritingAheadTest, WhatIsWrittenAndNotDurableIsStillBuffered) {
  const auto pointer = push(kMuch);
  wait_for_writes(1);
  EXPECT_TRUE(log_.find_unflushed(pointer));
  EXPECT_EQ(log_.state().buffered_operations, 1u);
  EXPECT_EQ(log_.flush().operations, 1u);
  EXPECT_EQ(provider_.steps, "wws") << "the mark is written, then both are synced";
}

TEST_F(WritingAheadTest, AMediumThatWasFullMeanwhileCostsNothing) {
  provider_.full = true;
  const auto pointer = push(kMuch);
  EXPECT_THROW(commit(1), NoSpaceError);
  provider_.full = false;
  commit(2);
  std::byte header[16];
  provider_.read(pointer.transaction_id, pointer.offset, header, 16);
  EXPECT_EQ(header[4], std::byte{1});
  EXPECT_EQ(log_.state().buffered_bytes, 0u);
}

TEST_F(WritingAheadTest, TheDiskIsNeverMoreThanABoundAhead) {
  constexpr int kPushes = 60;  // 36 MB
  StorageOptions options;
  options.max_unflushed_bytes = std::uint64_t{1} << 30;
  BreakableBlockProvider provider;
  Log log(provider, options);
  for (int i = 0; i < kPushes; ++i) {
    log.append(RecordFormat::kRaw, std::vector<std::byte>(kMuch));
  }
  log.close();
  EXPECT_EQ(provider.steps.substr(provider.steps.size() - 3), "wsr");
  EXPECT_EQ(std::count(provider.steps.begin(), provider.steps.end(), 's'), 1);
  EXPECT_LE(std::count(provider.steps.begin(), provider.steps.end(), 'w'), 16);
}

TEST_F(LogTest, ThreadsThatFlushTogetherShareTheSync) {
  constexpr int kThreads = 8;
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const auto pointer = push(50);
        log_.flush();
        std::byte header[16];
        provider_.read(pointer.transaction_id, pointer.offset, header, 16);
        wrong += header[4] != std::byte{1};
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0) << "flush returned before the record was with the medium";
  EXPECT_EQ(log_.state().buffered_operations, 0u);
  EXPECT_LE(log_.counts().syncs, 800u);
}

}  // namespace
}  // namespace protobase::engine
