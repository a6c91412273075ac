// A store in a bucket that is closed beside calls that talk to the bucket, and beside its own
// threads.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "protobase/cloud_block_provider.h"
#include "protobase/errors.h"
#include "testing/calls_beside_close.h"
#include "testing/cloud_machines.h"
#include "testing/expect_error.h"
#include "testing/memory_file_system.h"

namespace protobase {
namespace {

using testing::CloudCall;

constexpr std::uint64_t kForEverMs = 86'400'000;

class CloudClosingTest : public testing::CloudMachinesTest {
 protected:
  CloudStorageOptions local() const {
    CloudStorageOptions options = cloud();
    options.commit_timeout_ms = 2'000;
    options.commit_durability = CommitDurability::kLocal;
    options.journal_dir = "/journal";
    options.file_system = files_;
    return options;
  }
  /// Until it waits, as far as one can tell.
  static void wait_for(const std::atomic<bool>& begun) {
    while (!begun) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  const std::shared_ptr<testing::MemoryFileSystem> files_ =
      std::make_shared<testing::MemoryFileSystem>();
};

/// Else one that is closed would shut out the next writer.
TEST_F(CloudClosingTest, NothingIsTakenOverBehindIt) {
  commit(open(), "something");
  for (const bool by_guard : {true, false}) {
    const Machine writer = open();
    std::atomic<bool> is_claiming{false};
    writer.client->set_before([&](CloudCall call, const std::string& key) {
      if (call != CloudCall::kPut || !key.starts_with("log/")) return;
      is_claiming = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    });
    std::jthread committing([&] {
      try {
        by_guard ? void(writer->root_context_manager()) : void(commit(writer, "late"));
      } catch (const ValidationError&) {  // closed
      }
    });
    while (!is_claiming) std::this_thread::yield();
    writer->close();
    const std::uint64_t puts = writer.client->counts().puts;
    committing.join();
    EXPECT_EQ(writer.client->counts().puts, puts);
  }
}

TEST_F(CloudClosingTest, WhoWaitsForAnUploadThatCannotBeIsToldThatItIsClosed) {
  const Machine writer = open(local());
  commit(writer, "in the bucket");
  EXPECT_TRUE(writer->wait_until_uploaded(kForEverMs));
  writer.client->cut_off(true);
  commit(writer, "here only");
  std::atomic<bool> begun{false};
  std::jthread waiting([&] {
    begun = true;
    testing::expect_error<ValidationError>([&] { writer->wait_until_uploaded(kForEverMs); },
                                           {"closed"});
  });
  wait_for(begun);
  writer->close();
}

TEST_F(CloudClosingTest, ASyncThatWaitsForRoomInTheJournalIsToldThatItIsClosed) {
  constexpr std::size_t kSize = std::size_t{1} << 20;
  CloudStorageOptions options = local();
  options.max_journal_bytes = kSize;
  options.commit_timeout_ms = 20'000;
  const auto client = new_client();
  CloudBlockProvider provider(client, options);
  const AtomPointer begin = provider.claim_wal();
  const UUID& wal = begin.transaction_id;
  const SharedBytes bytes = SharedBytes::copy_of(Bytes(kSize));
  provider.root_register().lock(1000);  // takes over
  client->cut_off(true);
  provider.write({wal, begin.offset, {bytes}});
  provider.sync(wal);
  provider.write({wal, begin.offset + kSize, {bytes}});
  std::atomic<bool> begun{false};
  std::jthread syncing([&] {
    begun = true;
    testing::expect_error<ValidationError>([&] { provider.sync(wal); }, {"closed"});
  });
  wait_for(begun);
  provider.close();
}

TEST_F(CloudClosingTest, WhatFlushesInTheBackgroundEndsWithoutAWord) {
  std::mutex mutex;
  std::vector<std::string> messages;
  CloudStorageOptions options = cloud();
  options.upload_interval_ms = 2;
  options.logger = [&](LogLevel, std::string_view message) {
    const std::lock_guard lock(mutex);
    messages.emplace_back(message);
  };
  const Machine writer = open(options);
  writer->push_bytes(as_bytes("flushed"));
  writer->close();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const std::lock_guard lock(mutex);
  EXPECT_TRUE(messages.empty()) << messages.front();
}

TEST_F(CloudClosingTest, EachCallOfItsOwnIsAnsweredOrSaysThatItIsClosed) {
  for (int round = 0; round < 10; ++round) {
    bucket_ = std::make_shared<cloud::MemoryBucket>("mock", clock_);
    CloudStorageOptions options = round % 2 == 0 ? cloud() : local();
    options.merge_after_slots = 5;
    options.upload_interval_ms = 2;
    const Machine writer = open(options);
    std::mutex mutex;
    std::vector<AtomPointer> committed{commit(writer, "committed")};
    EXPECT_TRUE(writer->wait_until_uploaded(kForEverMs));
    testing::CallsBesideClose calls;
    calls.add("commit", [&] {
      const AtomPointer root = commit(writer, "committed");
      const std::lock_guard lock(mutex);
      committed.push_back(root);
    });
    calls.add("push", [&] { writer->push_bytes(as_bytes("pushed")); });
    calls.add("merge", [&] { writer->merge(); });
    calls.add("unnamed_segments", [&] { writer->unnamed_segments(); });
    calls.add("wait_until_uploaded", [&] { EXPECT_TRUE(writer->wait_until_uploaded(kForEverMs)); });
    calls.close([&] { writer->close(); },
                [&] {
                  const Machine next = open(options);
                  const std::lock_guard lock(mutex);
                  for (const AtomPointer& root : committed) EXPECT_EQ(get(next, root), "committed");
                  EXPECT_EQ(next->verify({}).bad_places, 0u);
                },
                /*at_least=*/3);
  }
}

}  // namespace
}  // namespace protobase
