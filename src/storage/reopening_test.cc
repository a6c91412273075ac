// A space after its process died: everything acknowledged is there, damage is named, nothing is
// guessed. A process crash is a copy of the files while the storage that writes them is open.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "format/record.h"
#include "format/root_file.h"
#include "format/wal_header.h"
#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"
#include "testing/counting_file_system.h"
#include "testing/expect_error.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

using testing::expect_error;

class ReopeningTest : public ::testing::Test {
 protected:
  std::string space() const { return directory_.at("space"); }
  /// A copy of the files as they are now: what a killed process leaves.
  std::string crash() {
    const std::string copy = directory_.at("crash" + std::to_string(++crashes_));
    testing::copy_directory(space(), copy);
    return copy;
  }
  static AtomPointer commit(SharedStorage& storage, const Atom& atom) {
    const auto root = storage.push_atom(atom);
    storage.set_current_root(root);
    return root;
  }
  static std::string root_path(const std::string& where) { return where + "/protobase.root"; }

  testing::TemporaryDirectory directory_;
  int crashes_ = 0;
};

TEST_F(ReopeningTest, EverythingAcknowledgedIsThereAfterACrash) {
  StandaloneFileStorage storage(space());
  std::vector<AtomPointer> pushed;
  for (int i = 0; i < 30; ++i) {
    for (int n = 0; n < 5; ++n) pushed.push_back(storage.push_atom(5 * i + n));
    storage.set_current_root(pushed.back());
    if (i % 10 != 9) continue;
    storage.push_atom("pushed, never acknowledged");
    StandaloneFileStorage reopened(crash());
    EXPECT_EQ(reopened.read_current_root(), pushed.back());
    EXPECT_EQ(reopened.root_history(100).size(), static_cast<std::size_t>(i + 1));
    for (std::size_t k = 0; k < pushed.size(); ++k) {
      EXPECT_EQ(reopened.get_atom(pushed[k])->as_uint64(), k);
    }
    EXPECT_EQ(reopened.verify({}).bad_places, 0u);
  }
}

TEST_F(ReopeningTest, TheWorkingDirectoryMayChange) {
  const std::filesystem::path here = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());
  StandaloneFileStorage storage("space");
  std::filesystem::current_path(here);
  const auto root = commit(storage, "where it was meant to be");
  storage.close();
  EXPECT_EQ(StandaloneFileStorage(space()).read_current_root(), root);
}

TEST_F(ReopeningTest, WhatWasFlushedIsThereWithoutARoot) {
  StandaloneFileStorage storage(space());
  const auto pointer = storage.push_atom("flushed");
  storage.flush_wal();
  StandaloneFileStorage reopened(crash());
  EXPECT_EQ(reopened.get_atom(pointer)->as_string(), "flushed");
  EXPECT_EQ(reopened.read_current_root(), std::nullopt);
}

TEST_F(ReopeningTest, ItGoesOnInTheSameWALAfterACrashAndAfterAClose) {
  StandaloneFileStorage storage(space());
  const auto first = commit(storage, 1);
  const std::string crashed = crash();
  AtomPointer second;
  {
    StandaloneFileStorage reopened(crashed);
    second = commit(reopened, 2);
    EXPECT_EQ(second.transaction_id, first.transaction_id);
  }
  StandaloneFileStorage again(crashed);
  EXPECT_EQ(commit(again, 3).transaction_id, first.transaction_id);
  EXPECT_EQ(again.root_history(10).size(), 3u);
  EXPECT_EQ(testing::wal_files(crashed).size(), 1u);
}

TEST_F(ReopeningTest, CutAnywhereInTheLastBatchTheRootBeforeItIsTheRoot) {
  AtomPointer first;
  AtomPointer second;
  std::uint64_t acknowledged = 0;
  std::uint64_t end = 0;
  {
    StandaloneFileStorage storage(space());
    first = commit(storage, "first");
    acknowledged = storage.stats().wal.offset;
    storage.push_atom("of the second batch");
    second = commit(storage, "second");
    end = storage.stats().wal.offset;
    crash();
  }
  const std::string crashed = directory_.at("crash1");
  for (std::uint64_t size = acknowledged; size <= end; size += 8) {
    const std::string cut = directory_.at("cut");
    testing::copy_directory(crashed, cut);
    std::filesystem::resize_file(testing::wal_path(cut, first.transaction_id), size);
    std::filesystem::remove(root_path(cut));  // the power went before anybody saw the second root
    {
      StandaloneFileStorage reopened(cut);
      EXPECT_EQ(reopened.read_current_root(), size < end ? first : second) << "cut at " << size;
      EXPECT_EQ(reopened.verify({}).bad_places, 0u) << "cut at " << size;
      const auto next = commit(reopened, "third");
      EXPECT_EQ(reopened.read_current_root(), next);
    }
    std::filesystem::remove_all(cut);
  }
}

TEST_F(ReopeningTest, TheRootFileIsAHintThatIsMadeAnew) {
  AtomPointer root;
  std::string stale;
  {
    StandaloneFileStorage storage(space());
    commit(storage, 1);
    stale = testing::read_file(root_path(space()));
    root = commit(storage, 2);
  }
  const std::string good = testing::read_file(root_path(space()));
  std::string torn = good;
  torn.replace(0, 60, stale, 0, 60);
  for (const std::string& content : {std::string(4096, '\0'), std::string(4096, 'g'), stale, torn,
                                     std::string(), std::string("short")}) {
    testing::write_file(root_path(space()), content);
    {
      StandaloneFileStorage reader(space(), {}, SpaceAccess::kReadOnly);
      EXPECT_EQ(reader.read_current_root(), root);
    }
    StandaloneFileStorage storage(space());
    EXPECT_EQ(storage.read_current_root(), root);
    storage.close();
    EXPECT_EQ(testing::read_file(root_path(space())).substr(0, 136), good.substr(0, 136))
        << "made anew";
  }
  std::filesystem::remove(root_path(space()));
  StandaloneFileStorage storage(space());
  EXPECT_EQ(storage.read_current_root(), root);
  EXPECT_EQ(storage.root_history(10).size(), 2u);
}

TEST_F(ReopeningTest, ADamagedNewestCommitIsCorruptionAndTheRestIsReadable) {
  AtomPointer atom;
  RootVersion newest;
  {
    StandaloneFileStorage storage(space());
    atom = commit(storage, "readable");
    commit(storage, "root");
    newest = storage.root_history(1).at(0);
  }
  const auto path = testing::wal_path(space(), newest.commit.transaction_id);
  testing::flip_bit(path, newest.commit.offset + format::kRecordHeaderSize);
  const auto before = testing::snapshot(space());
  for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
    StandaloneFileStorage storage(space(), {}, access);
    expect_error<CorruptionError>(
        [&] { storage.read_current_root(); },
        {newest.commit.transaction_id.to_string(), std::to_string(newest.commit.offset)});
    EXPECT_EQ(storage.get_atom(atom)->as_string(), "readable");
    EXPECT_EQ(storage.get_atom(newest.root)->as_string(), "root");
    EXPECT_GE(storage.verify({}).bad_places, 1u);
    EXPECT_THROW(storage.root_history(5), CorruptionError);
  }
  const auto after = testing::snapshot(space());
  EXPECT_EQ(after.at(newest.commit.transaction_id.to_string() + ".wal"),
            before.at(newest.commit.transaction_id.to_string() + ".wal"))
      << "evidence is left as it is";
}

TEST_F(ReopeningTest, AMissingWALWithTheNewestRootIsCorruptionNeverAnOlderRoot) {
  AtomPointer old_root;
  UUID newest;
  {
    StandaloneFileStorage first(space());
    old_root = commit(first, "old");
    StandaloneFileStorage second(space());
    newest = commit(second, "new").transaction_id;
  }
  ASSERT_NE(newest, old_root.transaction_id);
  std::filesystem::remove(testing::wal_path(space(), newest));
  for (const auto access :
       {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite, SpaceAccess::kReadOnly}) {
    StandaloneFileStorage storage(space(), {}, access);
    expect_error<CorruptionError>([&] { storage.read_current_root(); }, {newest.to_string()});
    EXPECT_EQ(storage.get_atom(old_root)->as_string(), "old");
    EXPECT_GE(storage.verify({}).bad_places, 1u);
    if (access == SpaceAccess::kReadWrite) {
      EXPECT_THROW(storage.set_current_root(old_root), CorruptionError);
    }
  }
}

TEST_F(ReopeningTest, ADamagedAtomIsNamedAndEverythingElseIsReadable) {
  StorageOptions options;
  options.enable_atom_bytes_cache = false;
  std::vector<AtomPointer> atoms;
  AtomPointer root;
  {
    StandaloneFileStorage storage(space(), options);
    for (int i = 0; i < 10; ++i) atoms.push_back(storage.push_atom(std::to_string(i)));
    root = commit(storage, "root");
  }
  testing::flip_bit(testing::wal_path(space(), root.transaction_id), atoms[4].offset + 17);
  StandaloneFileStorage storage(space(), options);
  for (int i = 0; i < 10; ++i) {
    const auto& pointer = atoms[static_cast<std::size_t>(i)];
    if (i != 4) {
      EXPECT_EQ(storage.get_atom(pointer)->as_string(), std::to_string(i));
      continue;
    }
    expect_error<CorruptionError>(
        [&] { storage.get_atom(pointer); },
        {pointer.transaction_id.to_string(), std::to_string(pointer.offset), "expected", "found"});
    EXPECT_THROW(storage.set_current_root(pointer), CorruptionError);
  }
  const auto report = storage.verify({});
  ASSERT_EQ(report.bad_places, 1u);
  EXPECT_EQ(report.bad[0].pointer, atoms[4]);
  EXPECT_EQ(report.records, 10u);
  EXPECT_EQ(storage.read_current_root(), root);
}

TEST_F(ReopeningTest, ADamagedFileHeaderIsFoundAndTheRecordsStayReadable) {
  AtomPointer root;
  {
    StandaloneFileStorage storage(space());
    root = commit(storage, "root");
  }
  const auto path = testing::wal_path(space(), root.transaction_id);
  testing::flip_bit(path, 20);
  StandaloneFileStorage storage(space());
  EXPECT_EQ(storage.get_atom(root)->as_string(), "root");
  const auto report = storage.verify({});
  ASSERT_GE(report.bad_places, 1u);
  EXPECT_EQ(report.bad[0].pointer.offset, 0u);
  const auto next = storage.push_atom("goes elsewhere");
  EXPECT_NE(next.transaction_id, root.transaction_id) << "a damaged WAL is not appended to";
}

TEST_F(ReopeningTest, DamagedCheckpointsCostReadingNotData) {
  AtomPointer root;
  {
    StandaloneFileStorage storage(space());
    for (int i = 0; i < 3; ++i) root = commit(storage, i);
  }
  {
    StandaloneFileStorage storage(space());  // so that both slots are in use
    root = commit(storage, 3);
  }
  const auto path = testing::wal_path(space(), root.transaction_id);
  const std::string good = testing::read_file(path);
  for (const auto& slots : std::vector<std::vector<std::size_t>>{{0}, {1}, {0, 1}}) {
    std::string bad = good;
    for (const auto slot : slots) bad[format::kSlotPlaces[slot] + 8] ^= 1;
    testing::write_file(path, bad);
    StandaloneFileStorage storage(space());
    EXPECT_EQ(storage.read_current_root(), root);
    EXPECT_EQ(storage.root_history(10).size(), 4u);
    EXPECT_EQ(commit(storage, root.to_string()).transaction_id, root.transaction_id);
    storage.close();
    std::filesystem::remove(root_path(space()));
  }
}

TEST_F(ReopeningTest, AWALThatWasCutShortIsNamedByVerify) {
  AtomPointer atom;
  {
    StandaloneFileStorage storage(space());
    atom = storage.push_atom(std::string(10'000, 'x'));
    storage.flush_wal();
  }
  const auto path = testing::wal_path(space(), atom.transaction_id);
  const std::string whole = testing::read_file(path);
  for (const std::uint64_t size : {2000, 4096, 4104, 9000}) {
    testing::write_file(path, whole.substr(0, size));
    {
      StandaloneFileStorage storage(space());
      const auto report = storage.verify({});
      EXPECT_GE(report.bad_places, 1u) << "cut to " << size << " bytes";
      EXPECT_THROW(storage.get_atom(atom), ProtoBaseError);
    }
    ASSERT_TRUE(std::filesystem::exists(path))
        << "the rest of a cut WAL (" << size << " bytes) was removed";
    EXPECT_EQ(testing::read_file(path), whole.substr(0, size)) << "it was changed";
  }
}

TEST_F(ReopeningTest, AFileWhoseCreationWasCutShortIsNoDamageAndLeftAlone) {
  AtomPointer root;
  {
    StandaloneFileStorage storage(space());
    root = commit(storage, "root");
  }
  const UUID stillborn = *UUID::parse("99999999-9999-4999-8999-999999999999");
  const auto header = format::make_wal_header(stillborn);
  const std::string whole(reinterpret_cast<const char*>(header.data()), header.size());
  for (const std::string& content :
       {std::string(), whole.substr(0, 20), whole.substr(0, 3000), std::string(4096, '\0')}) {
    testing::write_file(testing::wal_path(space(), stillborn), content);
    StandaloneFileStorage storage(space());
    EXPECT_EQ(storage.read_current_root(), root);
    EXPECT_EQ(storage.verify({}).bad_places, 0u);
    EXPECT_NE(commit(storage, "on").transaction_id, stillborn) << "never appended to";
    storage.set_current_root(root);
    storage.close();
    EXPECT_EQ(testing::read_file(testing::wal_path(space(), stillborn)), content);
  }
}

TEST_F(ReopeningTest, OpeningReadsTheTailOnly) {
  std::vector<std::uint64_t> costs;
  for (const int atoms : {500, 25'000}) {
    const std::string where = directory_.at("store" + std::to_string(atoms));
    {
      StandaloneFileStorage storage(where);
      AtomPointer last;
      for (int i = 0; i < atoms; ++i) {
        last = storage.push_bytes(as_bytes(std::string(1000, 's')));
        if (i % 500 == 499) storage.set_current_root(last);
      }
    }
    for (const auto access : {SpaceAccess::kReadWrite, SpaceAccess::kReadOnly}) {
      const auto counting = std::make_shared<testing::CountingFileSystem>();
      FileBlockProviderOptions options;
      options.file_system = counting;
      options.access = access;
      StandaloneFileStorage storage(std::make_shared<FileBlockProvider>(where, options));
      ASSERT_TRUE(storage.read_current_root());
      costs.push_back(counting->counts().bytes_read);
    }
  }
  EXPECT_LT(costs[2], costs[0] + 8192) << "50 times the store, closed: " << costs[0] << " bytes";
  EXPECT_LT(costs[3], costs[1] + 8192);
}

TEST_F(ReopeningTest, OpeningAfterACrashReadsNoMoreThanTheCheckpointInterval) {
  StandaloneFileStorage storage(space());
  for (int i = 0; i < 30'000; ++i) {
    const auto last = storage.push_bytes(as_bytes(std::string(1000, 's')));
    if (i % 500 == 499) storage.set_current_root(last);
  }
  const std::string crashed = crash();
  const auto counting = std::make_shared<testing::CountingFileSystem>();
  FileBlockProviderOptions options;
  options.file_system = counting;
  StandaloneFileStorage reopened(std::make_shared<FileBlockProvider>(crashed, options));
  EXPECT_EQ(reopened.read_current_root(), storage.read_current_root());
  EXPECT_LT(counting->counts().bytes_read, std::uint64_t{24} << 20) << "the WAL has 30 MB";
  EXPECT_GT(counting->counts().bytes_read, 0u);
}

TEST_F(ReopeningTest, ACommitCostsOneSyncOfOneFile) {
  const auto counting = std::make_shared<testing::CountingFileSystem>();
  FileBlockProviderOptions options;
  options.file_system = counting;
  StandaloneFileStorage storage(std::make_shared<FileBlockProvider>(space(), options));
  commit(storage, 0);
  const auto before = counting->counts().syncs.load();
  const auto directories = counting->counts().directory_syncs.load();
  const auto opens = counting->counts().opens.load();
  for (int i = 0; i < 100; ++i) commit(storage, i);
  EXPECT_EQ(counting->counts().syncs - before, 100u);
  EXPECT_EQ(counting->counts().directory_syncs, directories);
  EXPECT_LE(counting->counts().opens, opens + 1);
}

}  // namespace
}  // namespace protobase
