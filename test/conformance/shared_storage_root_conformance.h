// The contract of SharedStorage, second part: roots, the root guard, the log.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "test/conformance/shared_storage_conformance.h"

namespace protobase::conformance {

TEST_P(SharedStorageConformance, FirstThereIsNoRoot) {
  EXPECT_EQ(storage_->read_current_root(), std::nullopt);
  EXPECT_TRUE(storage_->root_history(10).empty());
  storage_->push_atom("no root");
  EXPECT_EQ(storage_->read_current_root(), std::nullopt);
}

TEST_P(SharedStorageConformance, TheRootThatWasSetIsRead) {
  for (int i = 0; i < 3; ++i) {
    const auto root = storage_->push_atom(i);
    storage_->set_current_root(root);
    EXPECT_EQ(storage_->read_current_root(), root);
  }
}

TEST_P(SharedStorageConformance, AnyRecordMayBeTheRoot) {
  const auto old = storage_->push_atom("old");
  const auto raw = push("raw bytes");
  storage_->set_current_root(raw);
  storage_->set_current_root(old);
  storage_->set_current_root(old);  // the same once more is a commit too
  EXPECT_EQ(storage_->read_current_root(), old);
  EXPECT_EQ(storage_->root_history(10).size(), 3u);
}

TEST_P(SharedStorageConformance, CompareAndSetMovesOnlyFromTheExpected) {
  const auto first = storage_->push_atom(1);
  const auto second = storage_->push_atom(2);
  EXPECT_FALSE(storage_->compare_and_set_root(first, second)) << "there is no root yet";
  EXPECT_EQ(storage_->read_current_root(), std::nullopt);
  EXPECT_TRUE(storage_->compare_and_set_root(std::nullopt, first));
  EXPECT_FALSE(storage_->compare_and_set_root(std::nullopt, second));
  EXPECT_FALSE(storage_->compare_and_set_root(second, second));
  EXPECT_EQ(storage_->read_current_root(), first);
  EXPECT_TRUE(storage_->compare_and_set_root(first, second));
  EXPECT_EQ(storage_->read_current_root(), second);
  EXPECT_EQ(storage_->root_history(10).size(), 2u);
}

TEST_P(SharedStorageConformance, ARootThatPointsAtNothingIsRefused) {
  const auto good = storage_->push_atom("good");
  storage_->set_current_root(good);
  const auto commit = storage_->root_history(1).at(0).commit;
  for (const AtomPointer& bad :
       {AtomPointer{}, AtomPointer{*UUID::parse("99999999-9999-4999-8999-999999999999"), 4096},
        AtomPointer{good.transaction_id, good.offset + 8},
        AtomPointer{good.transaction_id, std::uint64_t{1} << 40}, commit}) {
    testing::expect_error<ValidationError>([&] { storage_->set_current_root(bad); },
                                           {"root", bad.transaction_id.to_string()});
    EXPECT_THROW(storage_->compare_and_set_root(good, bad), ValidationError);
  }
  EXPECT_EQ(storage_->read_current_root(), good);
  EXPECT_EQ(storage_->root_history(10).size(), 1u);
}

TEST_P(SharedStorageConformance, HistoryIsNewestFirstAndLinked) {
  const auto start = std::chrono::system_clock::now() - std::chrono::seconds(5);
  std::vector<AtomPointer> roots;
  for (int i = 0; i < 5; ++i) {
    roots.push_back(storage_->push_atom(i));
    storage_->set_current_root(roots.back());
  }
  const auto history = storage_->root_history(100);
  ASSERT_EQ(history.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(history[i].root, roots[4 - i]);
    EXPECT_GE(
        history[i].time_us,
        std::chrono::duration_cast<std::chrono::microseconds>(start.time_since_epoch()).count());
    if (i == 4) break;
    EXPECT_GT(history[i].sequence, history[i + 1].sequence);
    EXPECT_EQ(history[i].previous_sequence, history[i + 1].sequence);
    EXPECT_EQ(history[i].previous_commit, history[i + 1].commit);
  }
  EXPECT_EQ(history[4].previous_sequence, 0u);
  EXPECT_TRUE(history[4].previous_commit.transaction_id.is_nil());
}

TEST_P(SharedStorageConformance, HistoryKeepsToTheLimit) {
  for (int i = 0; i < 5; ++i) storage_->set_current_root(storage_->push_atom(i));
  const auto all = storage_->root_history(5);
  for (const std::size_t limit : {0, 1, 4, 5, 6}) {
    const auto some = storage_->root_history(limit);
    ASSERT_EQ(some.size(), std::min<std::size_t>(limit, 5));
    EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin()));
  }
  EXPECT_EQ(storage_->root_history(std::numeric_limits<std::size_t>::max()), all);
}

TEST_P(DurableStorageConformance, RootsAndHistorySurviveReopening) {
  storage_->set_current_root(storage_->push_atom(1));
  const auto root = storage_->push_atom(2);
  storage_->set_current_root(root);
  const auto history = storage_->root_history(10);
  reopen();
  EXPECT_EQ(storage_->read_current_root(), root);
  EXPECT_EQ(storage_->root_history(10), history);
  storage_->set_current_root(storage_->push_atom(3));
  EXPECT_GT(storage_->root_history(1)[0].sequence, history[0].sequence);
  EXPECT_EQ(storage_->root_history(10).size(), 3u);
}

TEST_P(SharedStorageConformance, TheGuardShutsOutOtherThreads) {
  const auto first = storage_->push_atom(1);
  const auto second = storage_->push_atom(2);
  std::atomic<bool> moved{false};
  std::jthread other;
  {
    const RootGuard guard = storage_->root_context_manager();
    other = std::jthread([&] {
      storage_->set_current_root(second);
      moved = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_FALSE(moved);
    EXPECT_EQ(storage_->read_current_root(), std::nullopt);
    storage_->set_current_root(first);  // its holder may
    EXPECT_EQ(storage_->read_current_root(), first);
    EXPECT_FALSE(moved);
  }
  other.join();
  EXPECT_EQ(storage_->read_current_root(), second);
}

TEST_P(SharedStorageConformance, TheGuardIsReentrantInItsThread) {
  const auto root = storage_->push_atom("root");
  RootGuard outer = storage_->root_context_manager();
  {
    const RootGuard inner = storage_->root_context_manager();
    storage_->set_current_root(root);
  }
  std::atomic<bool> moved{false};
  std::jthread other([&] { moved = storage_->compare_and_set_root(root, root); });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_FALSE(moved) << "the outer guard still lives";
  outer.release();
  other.join();
  EXPECT_TRUE(moved);
}

TEST_P(SharedStorageConformance, AGuardIsMovable) {
  std::optional<RootGuard> kept;
  {
    RootGuard guard = storage_->root_context_manager();
    kept.emplace(std::move(guard));
  }
  std::atomic<bool> got{false};
  std::jthread other([&] {
    const auto guard = storage_->root_context_manager();
    got = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(got);
  RootGuard moved = std::move(*kept);
  kept.reset();
  EXPECT_FALSE(got);
  moved.release();
  moved.release();  // once is enough, twice is harmless
  other.join();
  EXPECT_TRUE(got);
}

TEST_P(SharedStorageConformance, WaitingForAGuardEndsAfterTheTimeout) {
  StorageOptions options;
  options.root_lock_timeout_ms = 100;
  reopen(options);
  RootGuard guard = storage_->root_context_manager();
  std::atomic<bool> timed_out{false};
  std::jthread other([&] {
    try {
      const auto second = storage_->root_context_manager();
    } catch (const LockingError&) {
      timed_out = true;
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_TRUE(timed_out);
  guard.release();
}

TEST_P(SharedStorageConformance, AGuardMayOutliveItsStorage) {
  RootGuard guard = storage_->root_context_manager();
  storage_.reset();
  guard.release();
  reopen();
  storage_->set_current_root(storage_->push_atom("the lock was given back"));
}

TEST_P(SharedStorageConformance, ClosingUnderAGuardGivesTheLockBack) {
  const RootGuard guard = storage_->root_context_manager();
  storage_->close();
  reopen();
  storage_->set_current_root(storage_->push_atom("the lock was given back"));
}

TEST_P(SharedStorageConformance, FlushTellsWhatItMadeDurable) {
  EXPECT_EQ(storage_->flush_wal().operations, 0u);
  push("12345678");
  push("123456789");
  EXPECT_EQ(storage_->stats().wal.buffered_operations, 2u);
  const auto result = storage_->flush_wal();
  EXPECT_EQ(result.operations, 2u);
  EXPECT_EQ(result.bytes, 24u + 32u);
  EXPECT_EQ(storage_->stats().wal.buffered_operations, 0u);
  EXPECT_EQ(storage_->stats().wal.buffered_bytes, 0u);
  EXPECT_EQ(storage_->flush_wal().operations, 0u);
  EXPECT_EQ(storage_->flush_wal().bytes, 0u);
}

TEST_P(SharedStorageConformance, ACommitIsOneSync) {
  storage_->set_current_root(storage_->push_atom(0));
  const auto before = storage_->stats();
  for (int i = 0; i < 10; ++i) storage_->set_current_root(storage_->push_atom(i));
  const auto after = storage_->stats();
  EXPECT_EQ(after.syncs - before.syncs, 10u);
  EXPECT_EQ(after.commits - before.commits, 10u);
  EXPECT_EQ(after.pushed_records - before.pushed_records, 10u);
  EXPECT_EQ(after.pushed_bytes - before.pushed_bytes, 10u);
}

TEST_P(SharedStorageConformance, TheLogListsWhatWasPushed) {
  const auto json = storage_->push_atom("json");
  const auto msgpack = storage_->push_atom_msgpack(7);
  const auto raw = push("raw");
  storage_->set_current_root(json);
  const auto wals = storage_->list_wals();
  ASSERT_EQ(wals.size(), 1u);
  std::vector<RecordInfo> found;
  storage_->scan_wal(wals[0].transaction_id, [&](const RecordInfo& info) {
    found.push_back(info);
    return true;
  });
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].pointer, json);
  EXPECT_EQ(found[0].format, RecordFormat::kJSON);
  EXPECT_EQ(found[0].payload_size, 6u);
  EXPECT_EQ(found[0].stored_size, 24u);
  EXPECT_EQ(found[1].pointer, msgpack);
  EXPECT_EQ(found[1].format, RecordFormat::kMsgPack);
  EXPECT_EQ(found[2].pointer, raw);
  EXPECT_EQ(found[2].format, RecordFormat::kRaw);
  EXPECT_EQ(found[3].kind, RecordKind::kCommit);
  int visits = 0;
  storage_->scan_wal(wals[0].transaction_id, [&](const RecordInfo&) { return ++visits < 2; });
  EXPECT_EQ(visits, 2);
}

TEST_P(SharedStorageConformance, ScanningAnUnknownWALIsNotFound) {
  const UUID stranger = *UUID::parse("99999999-9999-4999-8999-999999999999");
  EXPECT_THROW(storage_->scan_wal(stranger, [](const RecordInfo&) { return true; }), NotFoundError);
}

TEST_P(SharedStorageConformance, VerifyReadsEverything) {
  std::uint64_t bytes = 0;
  for (int i = 0; i < 50; ++i) {
    const std::string payload(static_cast<std::size_t>(10 * i + 1), 'v');
    push(payload);
    bytes += payload.size();
    if (i % 10 == 9) storage_->set_current_root(push("root"));
  }
  std::uint64_t last = 0;
  std::uint64_t all = 1;
  const auto report = storage_->verify([&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GE(done, last);
    EXPECT_LE(done, total);
    last = done;
    all = total;
  });
  EXPECT_EQ(report.wals, 1u);
  EXPECT_EQ(report.records, 55u);
  EXPECT_EQ(report.payload_bytes, bytes + 20);
  EXPECT_EQ(report.commits, 5u);
  EXPECT_EQ(report.bad_places, 0u);
  EXPECT_TRUE(report.bad.empty());
  EXPECT_TRUE(report.torn_tails.empty());
  EXPECT_EQ(last, all) << "the last call says that all is done";
}

}  // namespace protobase::conformance
