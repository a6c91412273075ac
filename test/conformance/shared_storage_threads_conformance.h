// The contract of SharedStorage, third part: all of it from several threads at once.
#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "test/conformance/shared_storage_conformance.h"

namespace protobase::conformance {

TEST_P(SharedStorageConformance, ThreadsPushReadAndCommitSideBySide) {
  StorageOptions options = without_caches();
  options.buffer_size = 8192;
  options.max_unflushed_bytes = 65'536;
  reopen(options);
  constexpr int kThreads = 4;
  constexpr int kAtoms = 400;
  std::vector<std::vector<AtomPointer>> pointers(kThreads);
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      auto& mine = pointers[static_cast<std::size_t>(t)];
      for (int i = 0; i < kAtoms; ++i) {
        const std::string text(static_cast<std::size_t>(i % 300), static_cast<char>('a' + t));
        mine.push_back(storage_->push_atom(text));
        const auto& earlier = mine[static_cast<std::size_t>(i / 2)];
        wrong += storage_->get_atom(earlier)->as_string().size() !=
                 static_cast<std::size_t>(i / 2 % 300);
        if (i % 50 == t) storage_->set_current_root(mine.back());
        if (i % 70 == t) storage_->flush_wal();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  std::set<AtomPointer> distinct;
  for (const auto& mine : pointers) distinct.insert(mine.begin(), mine.end());
  EXPECT_EQ(distinct.size(), static_cast<std::size_t>(kThreads * kAtoms));
  const auto report = storage_->verify({});
  EXPECT_EQ(report.bad_places, 0u);
}

TEST_P(SharedStorageConformance, NoUpdateIsLostBetweenComparingThreads) {
  constexpr int kThreads = 4;
  constexpr int kIncrements = 25;
  storage_->set_current_root(storage_->push_atom(0));
  std::atomic<int> lost_races{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int done = 0; done < kIncrements;) {
        const auto root = storage_->read_current_root();
        const auto next = storage_->push_atom(storage_->get_atom(*root)->as_int64() + 1);
        storage_->compare_and_set_root(root, next) ? ++done : ++lost_races;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(storage_->get_atom(*storage_->read_current_root())->as_int64(), kThreads * kIncrements);
  EXPECT_EQ(storage_->root_history(1000).size(), 1u + kThreads * kIncrements);
  EXPECT_EQ(storage_->stats().commits, 1u + kThreads * kIncrements);
}

TEST_P(SharedStorageConformance, NoUpdateIsLostUnderTheGuard) {
  constexpr int kThreads = 4;
  constexpr int kIncrements = 15;
  storage_->set_current_root(storage_->push_atom(0));
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kIncrements; ++i) {
        const auto guard = storage_->root_context_manager();
        const auto now = storage_->get_atom(*storage_->read_current_root())->as_int64();
        storage_->set_current_root(storage_->push_atom(now + 1));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(storage_->get_atom(*storage_->read_current_root())->as_int64(), kThreads * kIncrements);
}

TEST_P(SharedStorageConformance, CommittingThreadsShareSyncs) {
  constexpr int kThreads = 8;
  constexpr int kCommits = 30;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCommits; ++i) storage_->set_current_root(storage_->push_atom(i));
    });
  }
  threads.clear();
  const auto stats = storage_->stats();
  EXPECT_EQ(stats.commits, static_cast<std::uint64_t>(kThreads * kCommits));
  EXPECT_LE(stats.syncs, stats.commits);
  const auto history = storage_->root_history(10'000);
  EXPECT_EQ(history.size(), static_cast<std::size_t>(kThreads * kCommits));
  std::set<std::uint64_t> sequences;
  for (const auto& version : history) sequences.insert(version.sequence);
  EXPECT_EQ(sequences.size(), history.size());
}

TEST_P(SharedStorageConformance, ReadersOfTheNewestRecordsRunBesideItsWriter) {
  StorageOptions options = without_caches();
  options.buffer_size = 4096;  // the buffer's chunks are given away and used again all the time
  options.max_unflushed_bytes = 16'384;
  reopen(options);
  std::mutex mutex;
  AtomPointer newest = storage_->push_atom(std::string(200, 's'));
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      while (!stop) {
        AtomPointer pointer;
        {
          const std::lock_guard lock(mutex);
          pointer = newest;
        }
        wrong += storage_->get_atom(pointer)->as_string().size() != 200;
      }
    });
  }
  for (int i = 0; i < 3000; ++i) {
    const auto pointer = storage_->push_atom(std::string(200, static_cast<char>('a' + i % 26)));
    const std::lock_guard lock(mutex);
    newest = pointer;
  }
  stop = true;
  readers.clear();
  EXPECT_EQ(wrong, 0);
}

}  // namespace protobase::conformance
