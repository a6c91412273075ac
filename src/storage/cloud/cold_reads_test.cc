// What many threads ask of the bucket that read, at the same time, what no
// cache has yet.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "protobase/errors.h"
#include "testing/cloud_machines.h"

namespace protobase {
namespace {

using testing::CloudCall;
using testing::CloudFault;

const std::string kAtom(200, 'c');
constexpr std::uint64_t kBlock = std::uint64_t{64} << 10;
constexpr std::uint64_t kCommitted = 2 * kBlock;  // behind what opening reads
constexpr std::size_t kReadWhole = 2 << 20;
constexpr int kThreads = 8;

class ColdReadsTest : public testing::CloudMachinesTest {
 protected:
  std::vector<AtomPointer> write_neighbours(int count) {
    Machine writer = open();
    std::vector<AtomPointer> pointers;
    while (static_cast<int>(pointers.size()) < count) {
      const AtomPointer pointer = writer->push_bytes(as_bytes(kAtom));
      if (pointer.offset >= kCommitted) pointers.push_back(pointer);
    }
    commit(writer, std::string(kReadWhole,
                               'r'));  // so opening reads the slot's beginning only
    kill(writer);
    return pointers;
  }
  /// A request takes as long as others need to ask for the same.
  Machine open_reader(std::uint64_t cache_size = CloudStorageOptions().cache_size) {
    CloudStorageOptions options = cloud();
    options.access = SpaceAccess::kReadOnly;
    options.cache_size = cache_size;
    Machine reader = open_with_hook(options, [this](CloudCall call, const std::string&) {
      if (call == CloudCall::kGet && is_slow_) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    });
    is_slow_ = true;
    return reader;
  }
  Machine open_with_hook(const CloudStorageOptions& options, testing::CloudFaultClient::Hook hook) {
    Machine machine{new_client(), nullptr};
    machine.client->set_before(std::move(hook));
    machine.storage = std::make_unique<CloudFileStorage>(machine.client, options, without_caches());
    return machine;
  }
  /// `work(i)` in each of the threads, begun together.
  template <typename Work>
  static void together(const Work& work) {
    std::latch all_here(kThreads);
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        all_here.arrive_and_wait();
        work(i);
      });
    }
  }

  std::atomic<bool> is_slow_{false};
};

TEST_F(ColdReadsTest, NeighboursReadTogetherShareTheRequestsOfTheirBlocks) {
  const std::vector<AtomPointer> pointers = write_neighbours(100);
  const Machine reader = open_reader();
  const CloudRequestCounts made = requests(reader, [&] {
    for (const SharedBytes& bytes : reader->get_bytes_many(pointers)) {
      EXPECT_EQ(bytes.as_text(), kAtom);
    }
  });
  EXPECT_LE(made.gets, 2u) << "they lie in one block or two";
  EXPECT_LE(made.bytes_received, 2 * kBlock);
}

TEST_F(ColdReadsTest, ThreadsThatReadOneBlockShareItsRequest) {
  const std::vector<AtomPointer> pointers = write_neighbours(kThreads);
  const Machine reader = open_reader();
  const CloudRequestCounts made = requests(reader, [&] {
    together([&](int i) { EXPECT_EQ(get(reader, pointers[static_cast<std::size_t>(i)]), kAtom); });
  });
  EXPECT_EQ(made.gets, 1u);
  EXPECT_LE(made.bytes_received, kBlock);
}

TEST_F(ColdReadsTest, WithoutACacheTheyShareItToo) {
  const std::vector<AtomPointer> pointers = write_neighbours(kThreads);
  const Machine reader = open_reader(/*cache_size=*/0);
  const CloudRequestCounts made = requests(reader, [&] {
    together([&](int i) { EXPECT_EQ(get(reader, pointers[static_cast<std::size_t>(i)]), kAtom); });
  });
  EXPECT_LT(made.gets, static_cast<std::uint64_t>(kThreads));
}

TEST_F(ColdReadsTest, SmallObjectsSideBySideInABlockAreReadSideBySide) {
  Machine writer = open();
  std::vector<AtomPointer> pointers;
  for (int i = 0; i <= kThreads + 1; ++i) pointers.push_back(commit(writer, kAtom));
  kill(writer);
  const Machine reader = open_reader(/*cache_size=*/0);
  std::atomic<int> at_once{0}, most{0};
  reader.client->set_after([&](CloudCall, const std::string&) {
    const int now = ++at_once;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    --at_once;
  });
  together([&](int i) { EXPECT_EQ(get(reader, pointers[static_cast<std::size_t>(i)]), kAtom); });
  EXPECT_GT(most, 1);
}

TEST_F(ColdReadsTest, WhyABlockCannotBeReadIsToldToAllAndNotKept) {
  const std::vector<AtomPointer> pointers = write_neighbours(kThreads);
  const std::string key = "log/00000000000000000002";
  const Machine reader = open_reader();
  const Bytes whole = *bucket_->find(key)->bytes;
  bucket_->put(key, Bytes(100));
  std::atomic<int> told{0};
  together([&](int i) {
    try {
      get(reader, pointers[static_cast<std::size_t>(i)]);
    } catch (const CorruptionError&) {
      ++told;
    }
  });
  EXPECT_EQ(told, kThreads);
  bucket_->put(key, whole);
  EXPECT_EQ(get(reader, pointers[0]), kAtom);
}

/// Its pieces are read by the threads that the look for news needs too.
TEST_F(ColdReadsTest, ALongRecordWhoseReadLooksForNewsComes) {
  Machine writer = open();
  const std::string text(20'000'000, 'H');
  const AtomPointer huge = commit(writer, text);
  commit(writer, kAtom);
  CloudStorageOptions options = cloud();
  options.max_parallel_requests = 2;
  std::latch both_here(2);  // one of the pool, and the caller
  std::atomic<int> asked{0};
  const Machine reader = open_with_hook(options, [&](CloudCall, const std::string& key) {
    if (!key.starts_with("segments/")) return;
    const int call = ++asked;  // the first brings the record's header
    if (call == 2 || call == 3) both_here.arrive_and_wait();
  });
  for (int i = 0; i < 3; ++i) {  // each takes over, so each one's newest slot is read
    kill(writer);
    writer = open();
    commit(writer, kAtom);
  }
  testing::CloudFaultRule rule;
  rule.fault = CloudFault::kShortBody;
  rule.only = CloudCall::kGet;
  rule.key_prefix = "segments/";
  for (rule.at_call = 2; rule.at_call <= 3; ++rule.at_call) plan_->add(rule);
  EXPECT_EQ(get(reader, huge), text);
  EXPECT_EQ(plan_->hits(CloudFault::kShortBody), 2u);
}

}  // namespace
}  // namespace protobase
