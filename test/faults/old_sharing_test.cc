// The faults that ProtoBase's Python storage has between processes and between threads, one test
// each, named after its line in test/golden/legacy/DEFECTS.md (8, 9, 10, 12).
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "os/clock.h"
#include "protobase/file_block_provider.h"
#include "test/faults/child_process.h"
#include "test/faults/faults_fixture.h"

namespace protobase::faults {
namespace {

/// Sleeping takes no time, but the clock goes on by it.
class LeapingClock final : public os::Clock {
 public:
  std::int64_t unix_us() override { return 1'700'000'000'000'000 + slept_us_; }
  std::uint64_t monotonic_ns() override { return static_cast<std::uint64_t>(slept_us_) * 1000; }
  void sleep_us(std::uint64_t duration_us) override {
    slept_us_ += static_cast<std::int64_t>(duration_us);
  }

 private:
  std::atomic<std::int64_t> slept_us_{0};
};

TEST_F(OldFaults, D08_WhatWasAskedForTooEarlyIsReadableAfterTheOtherProcessFlushed) {
  // "a page read before the other process flushed stays cached for ever"
  constexpr std::size_t kRounds = 30;
  ChildProcess child([&](Line& line) {
    StandaloneFileStorage storage(space());
    Pushed pushed;
    commit(storage, pushed);
    for (std::size_t i = 0; i < kRounds; ++i) {
      line.say(push(storage, pushed).to_string());
      line.hear();
      storage.flush_wal();
      line.say("flushed");
    }
    line.hear();
  });
  std::vector<std::unique_ptr<SharedStorage>> readers;
  Pushed pushed;
  for (std::size_t i = 1; i <= kRounds; ++i) {
    const auto pointer = AtomPointer::parse(child.line().hear());
    if (readers.empty()) {
      for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
        readers.push_back(
            std::make_unique<StandaloneFileStorage>(space(), StorageOptions{}, access));
      }
    }
    for (auto& reader : readers) {
      EXPECT_THROW(reader->get_bytes(pointer), NotFoundError) << "round " << i;
    }
    child.line().say("flush");
    EXPECT_EQ(child.line().hear(), "flushed");
    pushed.emplace(pointer, payload(i));
    for (auto& reader : readers) EXPECT_EQ(find_wrong(*reader, pushed), "") << "round " << i;
  }
  child.line().say("end");
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(OldFaults, D09_TheRootLockOfAnotherProcessDoesNotGiveWay) {
  // "the root lock gives way silently after five seconds"
  ChildProcess child([&](Line& line) {
    StandaloneFileStorage storage(space());
    Pushed pushed;
    const auto root = commit(storage, pushed);
    {
      const auto guard = storage.root_context_manager();
      line.say(root.to_string());
      line.hear();
    }
    line.say("released");
    line.hear();
  });
  const auto root = AtomPointer::parse(child.line().hear());
  const auto clock = std::make_shared<LeapingClock>();
  FileBlockProviderOptions provider;
  provider.clock = clock;
  StorageOptions options;
  options.root_lock_timeout_ms = 60'000;
  StandaloneFileStorage storage(std::make_shared<FileBlockProvider>(space(), provider), options);
  const auto next = storage.push_bytes(as_bytes("next"));
  const std::uint64_t before_ns = clock->monotonic_ns();
  EXPECT_THROW(storage.set_current_root(next), LockingError);
  EXPECT_GE(clock->monotonic_ns() - before_ns, 60'000'000'000u) << "it did not wait its time";
  EXPECT_EQ(storage.read_current_root(), root);
  child.line().say("release");
  child.line().hear();
  storage.set_current_root(next);
  EXPECT_EQ(storage.read_current_root(), next);
  child.line().say("end");
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(OldFaults, D09_TheRootLockGoesWithAKilledProcess) {
  // The other side of it: what never gives way must not outlive its holder.
  ChildProcess child([&](Line& line) {
    StandaloneFileStorage storage(space());
    Pushed pushed;
    commit(storage, pushed);
    const auto guard = storage.root_context_manager();
    line.say("held");
    line.hear();
  });
  child.line().hear();
  StandaloneFileStorage storage(space());
  ASSERT_EQ(child.kill(), -SIGKILL);
  Pushed pushed;
  const auto root = commit(storage, pushed);
  EXPECT_EQ(storage.read_current_root(), root);
}

TEST_F(OldFaults, D09_TheRootLockExcludesThreadsAndLeaksNoDescriptors) {
  // "between threads it excludes nobody and leaks descriptors: updates lost"
  constexpr int kThreads = 4;
  constexpr int kIncrements = 25;
  StandaloneFileStorage storage(space());
  storage.set_current_root(storage.push_atom(0));
  const std::size_t before = open_descriptors();
  std::atomic<int> inside{0};
  std::atomic<int> most_inside{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kIncrements; ++i) {
        const auto guard = storage.root_context_manager();
        most_inside = std::max(most_inside.load(), ++inside);
        const auto count = storage.get_atom(*storage.read_current_root())->as_int64();
        storage.set_current_root(storage.push_atom(count + 1));
        --inside;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(most_inside, 1);
  EXPECT_EQ(storage.get_atom(*storage.read_current_root())->as_int64(), kThreads * kIncrements);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(OldFaults, D10_EverythingIsReadableWhileAFlushRuns) {
  // "reading while a flush runs makes thousands of records unreadable for that process"
  constexpr std::uint64_t kReads = 5000;
  StorageOptions options = without_caches();
  options.buffer_size = 4096;
  StandaloneFileStorage storage(space(), options);
  std::mutex mutex;
  std::vector<std::pair<AtomPointer, std::string>> pushed;
  std::atomic<std::uint64_t> reads{0};
  std::atomic<std::uint64_t> flushes{0};
  std::atomic<bool> stop{false};
  std::string wrong;
  const auto read_on = [&](unsigned seed) {
    std::mt19937 dice(seed);
    while (!stop) {
      std::pair<AtomPointer, std::string> one;
      {
        const std::lock_guard lock(mutex);
        if (pushed.empty()) continue;
        one = pushed[dice() % pushed.size()];
      }
      const std::string found = find_wrong(storage, {one});
      ++reads;
      if (found.empty()) continue;
      const std::lock_guard lock(mutex);
      wrong = found;
    }
  };
  std::vector<std::jthread> readers;
  for (unsigned seed = 1; seed <= 2; ++seed) readers.emplace_back(read_on, seed);
  for (std::size_t n = 0; reads < kReads || flushes < 20; ++n) {
    std::string text = payload(n);
    const auto pointer = storage.push_bytes(as_bytes(text));
    {
      const std::lock_guard lock(mutex);
      pushed.emplace_back(pointer, std::move(text));
    }
    if (n % 100 == 99) {
      storage.flush_wal();
      ++flushes;
    }
  }
  stop = true;
  readers.clear();
  EXPECT_EQ(wrong, "");
  EXPECT_GE(reads, kReads);
  storage.close();
  expect_intact({pushed.begin(), pushed.end()}, std::nullopt);
}

TEST_F(OldFaults, D12_ConcurrentPushesGetPointersOfTheirOwn) {
  // "concurrent pushes can get the same pointer, or loop for ever"
  constexpr std::size_t kThreads = 8;
  constexpr std::size_t kPushes = 1000;
  StorageOptions options = without_caches();
  options.buffer_size = 4096;
  options.wal_max_size = 256 * 1024;  // rolls over under them
  std::vector<std::pair<AtomPointer, std::string>> pushed[kThreads];
  {
    StandaloneFileStorage storage(space(), options);
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t i = 0; i < kPushes; ++i) {
          std::string text = payload(t * kPushes + i, 20 + i % 200);
          const auto pointer = storage.push_bytes(as_bytes(text));
          pushed[t].emplace_back(pointer, std::move(text));
        }
      });
    }
  }
  Pushed all;
  for (const auto& of_one : pushed) all.insert(of_one.begin(), of_one.end());
  EXPECT_EQ(all.size(), kThreads * kPushes) << "a pointer was given twice";
  EXPECT_GT(testing::wal_files(space()).size(), 2u);
  expect_intact(all, std::nullopt);
}

}  // namespace
}  // namespace protobase::faults
