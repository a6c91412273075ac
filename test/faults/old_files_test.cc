// The faults that ProtoBase's Python storage has with one process on its files, one test each,
// named after its line in test/golden/legacy/DEFECTS.md (1 to 7, 11, 13, 14).
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <set>

#include "format/record.h"
#include "protobase/file_block_provider.h"
#include "test/faults/child_process.h"
#include "test/faults/faults_fixture.h"
#include "testing/counting_file_system.h"
#include "testing/expect_error.h"
#include "testing/fault_file_system.h"
#include "testing/memory_file_system.h"

namespace protobase::faults {
namespace {

using testing::CountingFileSystem;
using testing::expect_error;
using testing::Fault;
using testing::FaultFileSystem;
using testing::FileCall;
using testing::MemoryFileSystem;
using testing::Outcome;

TEST_F(OldFaults, D01_EveryFlushIsKeptNotOnlyTheFirst) {
  // "flush works once per WAL file; everything after the first flush is lost"
  Pushed pushed;
  {
    StandaloneFileStorage storage(space());
    for (int flush = 0; flush < 5; ++flush) {
      for (int n = 0; n < 3; ++n) push(storage, pushed);
      EXPECT_EQ(storage.flush_wal().operations, 3u);
    }
    push(storage, pushed);
    storage.close();
  }
  EXPECT_EQ(testing::wal_files(space()).size(), 1u) << "all of it in one WAL";
  expect_intact(pushed, std::nullopt);
}

TEST_F(OldFaults, D01_CloseTellsThatItCouldNotWrite) {
  // "close hides the error"
  const auto files = std::make_shared<FaultFileSystem>(os::posix_file_system());
  StandaloneFileStorage storage(make_provider(files, space()));
  Pushed acknowledged;
  const auto root = commit(storage, acknowledged);
  storage.push_bytes(as_bytes("never to be written"));
  files->set_fault(Fault{1, Fault::Error::kIO, /*for_good=*/true, false});
  EXPECT_THROW(storage.close(), UnexpectedError);
  EXPECT_GT(files->hits(), 0u);
  expect_intact(acknowledged, root);
}

TEST_F(OldFaults, D02_KilledBeforeCloseEverythingCommittedIsThere) {
  // "kill -9 after three commits, before close: 0 records; the space can never be opened again"
  ChildProcess child([&](Line& line) {
    StandaloneFileStorage storage(space());
    Pushed pushed;
    for (int i = 0; i < 3; ++i) line.say(commit(storage, pushed).to_string());
    line.hear();  // never comes
  });
  Pushed pushed;
  AtomPointer root;
  for (std::size_t i = 0; i < 3; ++i) {
    root = AtomPointer::parse(child.line().hear());
    pushed.emplace(root, payload(i));
  }
  ASSERT_EQ(child.kill(), -SIGKILL);
  expect_intact(pushed, root);
  {
    StandaloneFileStorage again(space());
    EXPECT_EQ(again.root_history(10).size(), 3u);
    root = commit(again, pushed);
  }
  expect_intact(pushed, root);
}

TEST_F(OldFaults, D03_WhatTheRootFileNamesIsOnStableStorageBeforeIt) {
  // "WAL bytes are never fsynced; the root file is, before the data it names"
  const auto files = std::make_shared<MemoryFileSystem>();
  StandaloneFileStorage storage(make_provider(files, "/space"));
  Pushed pushed;
  std::optional<AtomPointer> acknowledged;
  int looks = 0;
  // The worst power cut: of all that is not synced only the root file reaches the disk.
  const auto look = [&] {
    std::vector<Outcome> outcomes;
    for (const auto& unsure : files->uncertainties()) {
      const bool kept = unsure.path.ends_with("/protobase.root");
      outcomes.push_back({kept ? Outcome::Fate::kKept : Outcome::Fate::kLost, 0});
    }
    const auto left = files->crash_clone(outcomes);
    if (!left->kind_of("/space")) {
      EXPECT_EQ(acknowledged, std::nullopt);
      return;
    }
    ++looks;
    StandaloneFileStorage after(make_provider(left, "/space"));
    const auto root = after.read_current_root();
    if (root != acknowledged) {
      ASSERT_TRUE(root) << "an acknowledged root is lost";
      EXPECT_EQ(*root, pushed.rbegin()->first) << "neither the acknowledged root nor the next";
    }
    if (root) {
      EXPECT_EQ(after.get_bytes(*root).as_text(), pushed.at(*root));
    }
  };
  files->set_before_change([&](const std::string&) { look(); });
  for (int i = 0; i < 5; ++i) {
    push(storage, pushed);
    acknowledged = commit(storage, pushed);
    look();
  }
  EXPECT_GT(looks, 20);
  files->set_before_change({});
}

TEST_F(OldFaults, D04_ARecordCutByAKillIsNotReadShort) {
  // "kill during a flush: the record that was cut comes back short, without an error"
  ChildProcess child([&](Line& line) {
    const auto files = std::make_shared<FaultFileSystem>(os::posix_file_system());
    StandaloneFileStorage storage(make_provider(files, space()));
    Pushed pushed;
    line.say(commit(storage, pushed).to_string());
    line.say(push(storage, pushed, 500'000).to_string());
    files->set_on_hit([] { ::raise(SIGKILL); });  // when half of the record is in the file
    files->set_fault(Fault{1, Fault::Error::kIO, false, true, FileCall::kWrite});
    storage.flush_wal();
    throw std::runtime_error("the flush went through");
  });
  const auto kept = AtomPointer::parse(child.line().hear());
  const auto cut = AtomPointer::parse(child.line().hear());
  ASSERT_EQ(child.wait(), -SIGKILL);
  const std::string bytes = testing::read_file(wal_of(cut));
  EXPECT_NE(bytes.find(payload(1, 200'000).substr(0, 100'000)), std::string::npos)
      << "the kill came before any of the record was written";
  EXPECT_EQ(bytes.find(payload(1, 500'000)), std::string::npos);

  for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
    StandaloneFileStorage storage(space(), {}, access);
    EXPECT_THROW(storage.get_bytes(cut), ProtoBaseError);
    EXPECT_EQ(storage.get_bytes(kept).as_text(), payload(0));
  }
  expect_intact({{kept, payload(0)}}, kept);
}

TEST_F(OldFaults, D05_ADamagedLengthIsRefusedAtOnce) {
  // "lengths read from the file are believed: a damaged one spins for a minute or returns others"
  Pushed pushed;
  {
    StandaloneFileStorage storage(space());
    for (int i = 0; i < 999; ++i) push(storage, pushed, 1000);
    commit(storage, pushed, 1000);
  }
  const auto damaged = std::next(pushed.begin(), 500)->first;
  const std::string path = wal_of(damaged);
  const std::string whole = testing::read_file(path);
  Pushed others = pushed;
  others.erase(damaged);
  for (const std::uint32_t length :
       {0u, 1u, 999u, 1001u, 1500u, 100'000u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    testing::overwrite(path, damaged.offset, std::as_bytes(std::span(&length, 1)));
    const auto counting = std::make_shared<CountingFileSystem>();
    StandaloneFileStorage storage(make_provider(counting, space()), without_caches());
    const std::uint64_t before = counting->counts().bytes_read;
    expect_error<CorruptionError>(
        [&] { storage.get_bytes(damaged); },
        {damaged.transaction_id.to_string(), "offset " + std::to_string(damaged.offset)});
    EXPECT_LT(counting->counts().bytes_read - before, 2 * whole.size()) << "length " << length;
    EXPECT_EQ(find_wrong(storage, others), "") << "length " << length;
    storage.close();
    testing::write_file(path, whole);
  }
  expect_intact(pushed, pushed.rbegin()->first);
}

TEST_F(OldFaults, D05_ADamagedLengthOfALegacyRecordIsRefusedToo) {
  // The same in a WAL that the Python storage wrote: u64 length, format byte, payload.
  const auto id = UUID::parse("11111111-2222-4333-8444-555555555555").value();
  std::filesystem::create_directory(space());
  for (const std::uint64_t length : {std::uint64_t{1} << 20, std::uint64_t{1} << 31,
                                     std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    std::string file(8, '\0');
    file[0] = 7;
    file += '\1' + std::string("{\"a\":1}");
    file.append(reinterpret_cast<const char*>(&length), 8);
    file += '\1' + std::string("{\"b\":2}");
    testing::write_file(space() + "/" + id.to_string(), file);
    StandaloneFileStorage storage(space());
    EXPECT_EQ(storage.get_atom({id, 0})->at("a").as_int64(), 1);
    EXPECT_THROW(storage.get_bytes({id, 16}), CorruptionError) << "length " << length;
  }
}

TEST_F(OldFaults, D06_PointersStayRightAfterReopeningAndAppending) {
  // "pointers wrong after reopening and appending"
  Pushed pushed;
  AtomPointer root;
  for (std::size_t round = 0; round < 5; ++round) {
    StandaloneFileStorage storage(space(), without_caches());
    root = commit(storage, pushed, 50 + 31 * round);
    push(storage, pushed, 9 * round);
    EXPECT_EQ(find_wrong(storage, pushed), "");
  }
  EXPECT_EQ(testing::wal_files(space()).size(), 1u) << "every round appended to the same WAL";
  expect_intact(pushed, root);
}

TEST_F(OldFaults, D06_OtherFilesInTheDirectoryStopNothing) {
  // "any other 32-character file name in the directory stops it"
  Pushed pushed;
  AtomPointer root;
  {
    StandaloneFileStorage storage(space());
    root = commit(storage, pushed);
  }
  for (const char* name :
       {"0123456789abcdef0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345",
        "thirty-two characters of a name!", "notes.txt", "x.wal",
        "0123456789abcdef0123456789abcdef.wal", "AAAAAAAA-2222-4333-8444-555555555555.wal"}) {
    testing::write_file(space() + "/" + name, "not a part of any space");
  }
  {
    StandaloneFileStorage storage(space());
    EXPECT_EQ(storage.list_wals().size(), 1u);
    root = commit(storage, pushed);
  }
  expect_intact(pushed, root);
}

TEST_F(OldFaults, D07_RollOverKeepsEveryRecordInTheWALItsPointerNames) {
  // "roll-over writes the old WAL's records into the new file: another record is read back"
  StorageOptions options = without_caches();
  options.wal_max_size = 64 * 1024;
  Pushed pushed;
  AtomPointer root;
  {
    StandaloneFileStorage storage(space(), options);
    for (int i = 0; i < 400; ++i) push(storage, pushed, 1000);  // several WALs before one flush
    root = commit(storage, pushed);
    EXPECT_EQ(find_wrong(storage, pushed), "");
  }
  EXPECT_GT(testing::wal_files(space()).size(), 5u);
  for (const auto& [pointer, text] : pushed) {
    const std::string file = testing::read_file(wal_of(pointer));
    ASSERT_EQ(file.substr(pointer.offset + format::kRecordHeaderSize, text.size()), text);
  }
  expect_intact(pushed, root);
}

TEST_F(OldFaults, D11_RecordsAreReadWhereverAPageEdgeCutsThem) {
  // "a record whose header ends at a page edge is misread"
  Pushed pushed;
  AtomPointer root;
  {
    StandaloneFileStorage storage(space(), without_caches());
    // 24 bytes each and the page 4096: after 512 records every place in a page has had its header.
    for (std::size_t i = 0; i < 1024; ++i) {
      const std::string text = std::to_string(1000 + i);
      pushed.emplace(storage.push_bytes(as_bytes(text)), text);
    }
    EXPECT_EQ(find_wrong(storage, pushed), "");
    // And with payloads that span pages.
    for (std::size_t size = 4060; size < 4110; ++size) push(storage, pushed, size);
    root = commit(storage, pushed);
  }
  std::set<std::uint64_t> places;
  for (const auto& [pointer, text] : pushed) places.insert(pointer.offset % 4096);
  EXPECT_EQ(places.size(), 4096u / 8) << "a place in a page was never the start of a record";
  expect_intact(pushed, root);
}

TEST_F(OldFaults, D13_AfterAFullDiskTheRetryKeepsEveryRecord) {
  // "after ENOSPC the retry "succeeds" with half of the records gone or misplaced"
  for (const auto call : {FileCall::kWrite, FileCall::kAllocate}) {
    const bool large = call == FileCall::kAllocate;
    const std::string where = directory_.at(large ? "large" : "small");
    const auto files = std::make_shared<FaultFileSystem>(os::posix_file_system());
    StandaloneFileStorage storage(make_provider(files, where), without_caches());
    Pushed pushed;
    const auto root = commit(storage, pushed);
    // Less than what is written ahead of a flush.
    for (int i = 0; i < 250; ++i) push(storage, pushed, large ? 2000 : 300);
    files->set_fault(Fault{1, Fault::Error::kNoSpace, true, /*half_write=*/true, call});
    for (int tries = 0; tries < 3; ++tries) EXPECT_THROW(storage.flush_wal(), NoSpaceError);
    EXPECT_THROW(storage.set_current_root(pushed.rbegin()->first), NoSpaceError);
    EXPECT_GT(files->hits(), 3u);
    EXPECT_EQ(storage.read_current_root(), root);
    EXPECT_EQ(find_wrong(storage, pushed), "") << "while the disk is full";
    files->heal();
    storage.flush_wal();
    const auto next = commit(storage, pushed);
    EXPECT_EQ(find_wrong(storage, pushed), "");
    storage.close();
    expect_intact(pushed, next, where);
  }
}

TEST_F(OldFaults, D14_OpeningAgainAndAgainLeavesNoFilesAndNoDescriptors) {
  // "every open leaves a new, often empty file; descriptors grow without bound"
  Pushed pushed;
  {
    StandaloneFileStorage storage(space());
    commit(storage, pushed);
  }
  const auto names = file_names();
  const std::size_t descriptors = open_descriptors();
  for (int i = 0; i < 50; ++i) StandaloneFileStorage(space()).read_current_root();
  EXPECT_EQ(file_names(), names);
  for (int i = 0; i < 50; ++i) {
    StandaloneFileStorage storage(space());
    commit(storage, pushed);
  }
  EXPECT_EQ(file_names(), names);
  EXPECT_EQ(open_descriptors(), descriptors);
}

TEST_F(OldFaults, D14_PendingBytesAreBounded) {
  // "pending bytes grow without bound"
  StorageOptions options = without_caches();
  options.buffer_size = 16 * 1024;
  options.max_unflushed_bytes = 64 * 1024;
  StandaloneFileStorage storage(space(), options);
  Pushed pushed;
  std::uint64_t most = 0;
  for (int i = 0; i < 2000; ++i) {
    push(storage, pushed, 1000);
    most = std::max(most, storage.stats().wal.buffered_bytes);
  }
  EXPECT_LE(most, options.max_unflushed_bytes + 2000);
  EXPECT_GT(most, 0u);
  EXPECT_EQ(find_wrong(storage, pushed), "");
}

}  // namespace
}  // namespace protobase::faults
