// Several storages on one directory: each its own WAL, one root, no lost update, and what happens
// to the work of one that died. Two storages in one process share no state; they are to each other
// as two processes are (test/system/sharing_test.py does it with real ones).
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "file/space_directory.h"
#include "format/record.h"
#include "format/root_file.h"
#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"
#include "testing/temporary_directory.h"
#include "wal/log_buffer.h"

namespace protobase {
namespace {

class SharingTest : public ::testing::Test {
 protected:
  std::string space() const { return directory_.at("space"); }
  static AtomPointer commit(SharedStorage& storage, const Atom& atom) {
    const auto root = storage.push_atom(atom);
    storage.set_current_root(root);
    return root;
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(SharingTest, EachWriterHasItsOwnWAL) {
  StandaloneFileStorage first(space());
  const auto one = commit(first, 1);
  StandaloneFileStorage second(space());
  const auto two = commit(second, 2);
  EXPECT_NE(one.transaction_id, two.transaction_id);
  EXPECT_EQ(commit(first, 3).transaction_id, one.transaction_id);
  EXPECT_EQ(first.list_wals().size(), 2u);
}

TEST_F(SharingTest, RootsAndAtomsAreVisibleToEachOther) {
  StandaloneFileStorage first(space());
  StandaloneFileStorage second(space());
  EXPECT_EQ(second.read_current_root(), std::nullopt);
  for (int i = 0; i < 5; ++i) {
    const auto one = commit(first, 2 * i);
    EXPECT_EQ(second.read_current_root(), one);
    EXPECT_EQ(second.get_atom(one)->as_int64(), 2 * i);
    const auto two = commit(second, 2 * i + 1);
    EXPECT_EQ(first.read_current_root(), two);
    EXPECT_EQ(first.get_atom(two)->as_int64(), 2 * i + 1);
  }
  EXPECT_EQ(first.root_history(100), second.root_history(100));
  EXPECT_EQ(first.root_history(100).size(), 10u);
}

TEST_F(SharingTest, OneMayPublishWhatAnotherPushed) {
  StandaloneFileStorage first(space());
  StandaloneFileStorage second(space());
  const auto pushed = first.push_atom("by the first");
  first.flush_wal();
  second.set_current_root(pushed);
  EXPECT_EQ(first.read_current_root(), pushed);
  EXPECT_TRUE(first.compare_and_set_root(pushed, first.push_atom("next")));
}

TEST_F(SharingTest, WhatAnotherHasNotFlushedCannotBeTheRoot) {
  StandaloneFileStorage first(space());
  commit(first, 0);
  StandaloneFileStorage second(space());
  const auto unflushed = first.push_atom("still in the first one's memory");
  EXPECT_THROW(second.set_current_root(unflushed), ValidationError);
}

TEST_F(SharingTest, ComparingStoragesLoseNoUpdate) {
  constexpr int kStorages = 3;
  constexpr int kIncrements = 20;
  {
    StandaloneFileStorage storage(space());
    commit(storage, 0);
  }
  std::vector<std::jthread> threads;
  for (int t = 0; t < kStorages; ++t) {
    threads.emplace_back([&] {
      StandaloneFileStorage storage(space());
      for (int done = 0; done < kIncrements;) {
        const auto root = storage.read_current_root();
        const auto next = storage.push_atom(storage.get_atom(*root)->as_int64() + 1);
        done += storage.compare_and_set_root(root, next);
      }
    });
  }
  threads.clear();
  StandaloneFileStorage storage(space());
  EXPECT_EQ(storage.get_atom(*storage.read_current_root())->as_int64(), kStorages * kIncrements);
  const auto history = storage.root_history(1000);
  EXPECT_EQ(history.size(), 1u + kStorages * kIncrements);
  std::set<std::uint64_t> sequences;
  for (const auto& version : history) sequences.insert(version.sequence);
  EXPECT_EQ(sequences.size(), history.size());
  EXPECT_EQ(storage.verify({}).bad_places, 0u);
}

TEST_F(SharingTest, TheGuardHoldsAgainstOtherStorages) {
  StorageOptions impatient;
  impatient.root_lock_timeout_ms = 50;
  StandaloneFileStorage first(space());
  const auto root = commit(first, 0);
  StandaloneFileStorage second(space(), impatient);
  {
    const auto guard = first.root_context_manager();
    EXPECT_THROW(second.set_current_root(root), LockingError);
    commit(first, 1);
  }
  EXPECT_TRUE(second.compare_and_set_root(first.read_current_root(), root));
}

TEST_F(SharingTest, AReaderSeesTheNewestRootOfAWriter) {
  StandaloneFileStorage writer(space());
  commit(writer, 0);
  StandaloneFileStorage reader(space(), {}, SpaceAccess::kReadOnly);
  for (int i = 1; i < 5; ++i) {
    const auto root = commit(writer, i);
    EXPECT_EQ(reader.read_current_root(), root);
    EXPECT_EQ(reader.get_atom(root)->as_int64(), i);
  }
}

TEST_F(SharingTest, AReaderIsNoObstacleToAWriter) {
  {
    StandaloneFileStorage writer(space());
    commit(writer, 0);
  }
  StandaloneFileStorage reader(space(), {}, SpaceAccess::kReadOnly);
  StandaloneFileStorage writer(space());
  const auto root = commit(writer, 1);
  EXPECT_EQ(reader.get_atom(root)->as_int64(), 1);
}

TEST_F(SharingTest, TheWALOfAWriterThatDiedIsTakenUp) {
  StandaloneFileStorage survivor(space());
  commit(survivor, "survivor");
  UUID abandoned;
  AtomPointer acknowledged;
  {
    auto provider = std::make_shared<FileBlockProvider>(space());
    StandaloneFileStorage dying(provider);
    acknowledged = commit(dying, "acknowledged");
    abandoned = acknowledged.transaction_id;
    provider->close();  // its locks are gone, nothing was closed
    EXPECT_THROW(dying.close(), ProtoBaseError);
  }
  EXPECT_EQ(survivor.read_current_root(), acknowledged);
  StandaloneFileStorage heir(space());
  const auto next = commit(heir, "heir");
  EXPECT_EQ(next.transaction_id, abandoned);
  EXPECT_GT(next.offset, acknowledged.offset);
  EXPECT_EQ(survivor.get_atom(acknowledged)->as_string(), "acknowledged");
  EXPECT_EQ(survivor.get_atom(next)->as_string(), "heir");
  EXPECT_EQ(survivor.root_history(10).size(), 3u);
}

TEST_F(SharingTest, ACloserTakesNothingFromTheOthers) {
  StandaloneFileStorage stays(space());
  commit(stays, 0);
  for (int i = 0; i < 3; ++i) {
    StandaloneFileStorage goes(space());
    commit(goes, i);
  }
  const auto root = commit(stays, 1);
  StandaloneFileStorage late(space());
  EXPECT_EQ(late.read_current_root(), root);
  EXPECT_EQ(testing::wal_files(space()).size(), 2u)
      << "each short-lived writer took up the same WAL";
}

/// A process that dies between writing its commit and publishing it, while another one is running.
class DyingCommitTest : public SharingTest {
 protected:
  enum class Died { kBeforeWriting, kHalfWay, kAfterTheSync, kAfterAbandoning };

  /// Returns the root that was being committed.
  AtomPointer die(Died when) {
    FileBlockProvider provider(space());
    auto& root = provider.root_register();
    const auto lock = root.lock(1000);
    const auto current = root.read();
    wal::LogBuffer buffer(65'536);
    buffer.start_wal(provider.claim_wal());
    RootVersion version;
    version.sequence = root.next_sequence();
    version.previous_sequence = current->sequence;
    version.previous_commit = current->commit;
    root.prepare(version.sequence, version.sequence, buffer.next());
    const auto payload = as_bytes("\"dying\"");
    version.root = buffer.append(format::RecordType::kData, RecordFormat::kJSON, payload,
                                 format::hash_payload(payload));
    buffer.append_commit(version);
    auto operation = *buffer.next_operation();
    if (when == Died::kHalfWay) {
      const auto half = operation.segments[0].span().first(operation.size() - 40);
      operation.segments[0] = SharedBytes::copy_of(half);
    }
    if (when != Died::kBeforeWriting) provider.write(operation);
    if (when == Died::kAfterTheSync) provider.sync(version.commit.transaction_id);
    if (when == Died::kAfterAbandoning) root.abandon();
    last_sequence_ = version.sequence;
    return version.root;
  }

  std::uint64_t last_sequence_ = 0;
};

TEST_F(DyingCommitTest, WhatWasWrittenWholeIsPublishedByTheNextHolderOfTheLock) {
  StandaloneFileStorage survivor(space());
  commit(survivor, "before");
  const auto dying = die(Died::kAfterTheSync);
  {
    const auto guard = survivor.root_context_manager();
    EXPECT_EQ(survivor.read_current_root(), dying);
  }
  EXPECT_EQ(survivor.get_atom(dying)->as_string(), "dying");
  commit(survivor, "after");
  const auto history = survivor.root_history(10);
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history[1].root, dying);
}

TEST_F(DyingCommitTest, ACompareAndSetAgainstTheRootBeforeItLoses) {
  StandaloneFileStorage survivor(space());
  const auto before = commit(survivor, "before");
  const auto dying = die(Died::kAfterTheSync);
  EXPECT_FALSE(survivor.compare_and_set_root(before, before));
  EXPECT_EQ(survivor.read_current_root(), dying);
}

TEST_F(DyingCommitTest, WhatWasNotWrittenWholeNeverHappened) {
  for (const auto when : {Died::kBeforeWriting, Died::kHalfWay}) {
    StandaloneFileStorage survivor(space());
    const auto before = commit(survivor, "before");
    const auto history = survivor.root_history(100).size();
    die(when);
    { const auto guard = survivor.root_context_manager(); }
    EXPECT_EQ(survivor.read_current_root(), before);
    const auto after = commit(survivor, "after");
    EXPECT_EQ(survivor.read_current_root(), after);
    EXPECT_GT(survivor.root_history(1)[0].sequence, last_sequence_) << "its sequence is burnt";
    EXPECT_EQ(survivor.root_history(100).size(), history + 1);
    StandaloneFileStorage heir(space());  // takes up the dead one's WAL
    EXPECT_EQ(heir.read_current_root(), after);
    commit(heir, "heir");
    EXPECT_EQ(heir.verify({}).bad_places, 0u);
  }
}

TEST_F(DyingCommitTest, ALostCommitStaysLostAfterEverybodyReopens) {
  AtomPointer after;
  {
    StandaloneFileStorage survivor(space());
    commit(survivor, "before");
    die(Died::kHalfWay);
    after = commit(survivor, "after");
  }
  StandaloneFileStorage reopened(space());
  EXPECT_EQ(reopened.read_current_root(), after);
  EXPECT_EQ(reopened.root_history(10).size(), 2u);
}

TEST_F(DyingCommitTest, TheFirstToOpenAfterwardsFindsItInTheWAL) {
  AtomPointer dying;
  {
    StandaloneFileStorage storage(space());
    commit(storage, "before");
  }
  dying = die(Died::kAfterTheSync);
  StandaloneFileStorage reopened(space());
  EXPECT_EQ(reopened.read_current_root(), dying);
}

}  // namespace
}  // namespace protobase
