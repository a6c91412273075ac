// The contract of SharedStorage, fourth part: close() beside other calls.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "test/conformance/shared_storage_conformance.h"
#include "testing/calls_beside_close.h"

namespace protobase::conformance {

// All calls of the interface, each with a look at its answer. `kept`: a root, the atom "kept".

inline void add_pushes(testing::CallsBesideClose& calls, SharedStorage& storage) {
  const Bytes large(20'000, std::byte{'l'});
  calls.add("push_atom", [&storage] { storage.push_atom("y"); });
  calls.add("push_atom_msgpack", [&storage] { storage.push_atom_msgpack("y"); });
  calls.add("push_bytes", [&storage, large] { storage.push_bytes(large); });
  calls.add("push_bytes_msgpack", [&storage] { storage.push_bytes_msgpack("y"); });
  calls.add("push_bytes_many", [&storage, large] {
    const std::vector<std::span<const std::byte>> both{as_bytes("small"), large};
    EXPECT_EQ(storage.push_bytes_many(both).size(), 2u);
  });
}

inline void add_gets(testing::CallsBesideClose& calls, SharedStorage& storage,
                     const AtomPointer& kept) {
  const std::vector<AtomPointer> many(20, kept);
  const auto is_kept = [](const Atom& atom) { EXPECT_EQ(atom, Atom("kept")); };
  const auto is_text = [](const SharedBytes& bytes) { EXPECT_EQ(bytes.as_text(), "\"kept\""); };
  calls.add("get_atom", [=, &storage] { is_kept(*storage.get_atom(kept)); });
  calls.add("get_bytes", [=, &storage] { is_text(storage.get_bytes(kept)); });
  calls.add("get_format",
            [=, &storage] { EXPECT_EQ(storage.get_format(kept), RecordFormat::kJSON); });
  calls.add("get_atoms", [=, &storage] {
    for (const auto& atom : storage.get_atoms(many)) is_kept(*atom);
  });
  calls.add("get_bytes_many", [=, &storage] {
    for (const auto& bytes : storage.get_bytes_many(many)) is_text(bytes);
  });
  calls.add("get_atom_async", [=, &storage] { is_kept(*storage.get_atom_async(kept).get()); });
  calls.add("get_bytes_async", [=, &storage] { is_text(storage.get_bytes_async(kept).get()); });
}

inline void add_roots(testing::CallsBesideClose& calls, SharedStorage& storage,
                      const AtomPointer& kept) {
  calls.add("read_current_root", [=, &storage] { EXPECT_EQ(storage.read_current_root(), kept); });
  calls.add("set_current_root", [=, &storage] { storage.set_current_root(kept); });
  calls.add("compare_and_set_root",
            [=, &storage] { EXPECT_TRUE(storage.compare_and_set_root(kept, kept)); });
  calls.add("root_context_manager", [=, &storage] {
    const RootGuard guard = storage.root_context_manager();
    EXPECT_EQ(storage.read_current_root(), kept);
  });
  calls.add("root_history", [=, &storage] {
    for (const RootVersion& version : storage.root_history(3)) EXPECT_EQ(version.root, kept);
  });
}

inline void add_log(testing::CallsBesideClose& calls, SharedStorage& storage,
                    const AtomPointer& kept) {
  const UUID wal = kept.transaction_id;
  calls.add("flush_wal", [&storage] { storage.flush_wal(); });
  calls.add("reserve", [&storage] { storage.reserve(100'000); });
  calls.add("stats", [&storage] { EXPECT_GT(storage.stats().commits, 0u); });
  calls.add("list_wals", [=, &storage] {
    bool is_listed = false;
    for (const WALDescription& one : storage.list_wals()) {
      if (one.transaction_id != wal) continue;
      is_listed = true;
      EXPECT_GT(one.durable, kept.offset);
      EXPECT_GE(one.end, one.durable);
    }
    EXPECT_TRUE(is_listed);
  });
  calls.add("scan_wal", [=, &storage] {
    bool is_met = false;
    storage.scan_wal(wal, [&](const RecordInfo& info) {
      is_met |= info.pointer == kept;
      EXPECT_NE(info.kind, RecordKind::kBad) << info.reason;
      return true;
    });
    EXPECT_TRUE(is_met);
  });
  calls.add("verify", [&storage] {
    const VerifyReport report = storage.verify({});
    EXPECT_EQ(report.bad_places, 0u) << report.bad.front().reason;
    EXPECT_GT(report.commits, 0u);
  });
}

TEST_P(SharedStorageConformance, EachCallBesideCloseIsAnsweredOrSaysThatItIsClosed) {
  for (int round = 0; round < 4; ++round) {
    SetUp();
    StorageOptions options = round % 2 == 0 ? without_caches() : StorageOptions{};
    options.buffer_size = 16'384;
    options.max_unflushed_bytes = 65'536;
    options.wal_max_size = round < 2 ? 400'000 : std::uint64_t{1} << 30;
    reopen(options);
    const AtomPointer kept = storage_->push_atom("kept");
    storage_->set_current_root(kept);
    testing::CallsBesideClose calls;
    add_pushes(calls, *storage_);
    add_gets(calls, *storage_, kept);
    add_roots(calls, *storage_, kept);
    add_log(calls, *storage_, kept);
    calls.close([&] { storage_->close(); });
  }
}

/// Whoever waits behind a guard hears of the end at once, and not of a guard that was kept.
TEST_P(SharedStorageConformance, WhoWaitsForAGuardToEndIsToldThatItIsClosed) {
  const AtomPointer root = storage_->push_atom("x");
  const RootGuard guard = storage_->root_context_manager();
  std::atomic<int> begun{0};
  std::vector<std::jthread> waiting;
  const std::vector<std::function<void()>> calls = {
      [&] { storage_->set_current_root(root); },
      [&] { storage_->compare_and_set_root(std::nullopt, root); },
      [&] { storage_->root_context_manager(); },
  };
  for (const auto& call : calls) {
    waiting.emplace_back([&begun, &call] {
      ++begun;
      testing::expect_error<ValidationError>(call, {"closed"});
    });
  }
  while (begun < 3) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  storage_->close();
}

TEST_P(SharedStorageConformance, ClosingWhileBatchesAreReadEndsEveryCall) {
  for (int round = 0; round < 20; ++round) {
    StorageOptions options = without_caches();
    options.max_workers = 64;
    reopen(options);
    std::vector<AtomPointer> pointers;
    for (int i = 0; i < 2000; ++i) pointers.push_back(storage_->push_atom(i));
    std::atomic<int> unexpected{0};
    std::atomic<int> running{0};
    std::vector<std::jthread> readers;
    for (int t = 0; t < 4; ++t) {
      readers.emplace_back([&] {
        try {
          ++running;
          while (true) storage_->get_atoms(pointers);
        } catch (const ValidationError&) {
          return;  // it was closed
        } catch (const ProtoBaseError&) {
          ++unexpected;
        }
      });
    }
    while (running < 4) std::this_thread::yield();
    storage_->close();
    readers.clear();
    EXPECT_EQ(unexpected, 0);
  }
}

TEST_P(DurableStorageConformance, ClosingWhileOthersPushKeepsWhatTheyWereTold) {
  std::vector<std::vector<AtomPointer>> pushed(4);
  std::atomic<int> unexpected{0};
  std::vector<std::jthread> writers;
  for (auto& mine : pushed) {
    writers.emplace_back([&] {
      try {
        while (true) mine.push_back(storage_->push_atom("pushed before the end"));
      } catch (const ValidationError&) {
        return;  // it was closed
      } catch (const ProtoBaseError&) {
        ++unexpected;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  storage_->close();
  writers.clear();
  EXPECT_EQ(unexpected, 0);
  reopen();
  for (const auto& mine : pushed) {
    for (const auto& pointer : mine) storage_->get_atom(pointer);
  }
}

/// A second close() returns when all is given back, too, whichever of them does the work.
TEST_P(DurableStorageConformance, BehindEachOfTwoClosesTheSameCanBeOpenedAgain) {
  for (int round = 0; round < 20; ++round) {
    SetUp();
    const AtomPointer pushed = push(std::string(100'000, 'p'));
    std::atomic<bool> is_closing{false};
    std::jthread other([&] {
      is_closing = true;
      storage_->close();
    });
    while (!is_closing) std::this_thread::yield();
    storage_->close();
    EXPECT_EQ(open_({})->get_bytes(pushed).size(), 100'000u);
  }
}

}  // namespace protobase::conformance
