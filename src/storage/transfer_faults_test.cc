// copy_space() and salvage_space() on disks that fail: bytes that cannot be read, for good or for
// some tries, and every call failing in turn. A target that can be opened is complete; what a
// salvage leaves out it names, place and size; the source is never changed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"
#include "storage/space_transfer.h"
#include "testing/fault_file_system.h"
#include "testing/legacy_directory.h"
#include "testing/memory_file_system.h"
#include "testing/unreadable_file_system.h"

namespace protobase {
namespace {

using testing::Fault;
using testing::FaultFileSystem;
using testing::MemoryFileSystem;
using testing::UnreadableFileSystem;

constexpr std::uint64_t kSector = 4096;
const std::string kSpace = "/space";
const std::string kTarget = "/target";

std::shared_ptr<StandaloneFileStorage> open(const std::shared_ptr<os::FileSystem>& files,
                                            const std::string& path,
                                            SpaceAccess access = SpaceAccess::kReadOnly) {
  FileBlockProviderOptions options;
  options.access = access;
  options.file_system = files;
  return std::make_shared<StandaloneFileStorage>(
      std::make_shared<FileBlockProvider>(path, options));
}

class TransferFaultsTest : public ::testing::Test {
 protected:
  /// Commits of atoms of all sizes, the last atom of each its root; closed, or as after a kill.
  void fill(int commits, bool closed) {
    auto storage = open(files_, kSpace, SpaceAccess::kReadWrite);
    for (int commit = 0; commit < commits; ++commit) {
      for (const std::size_t size : {17, 600, 3000}) {
        const std::string text(size, static_cast<char>('a' + atoms_.size() % 26));
        roots_.push_back(storage->push_bytes(as_bytes(text)));
        atoms_.emplace(roots_.back(), text);
      }
      storage->set_current_root(roots_.back());
    }
    if (closed) storage->close();
    files_ = files_->clone();
  }
  AtomPointer root() const { return roots_.back(); }
  std::string wal() const { return kSpace + "/" + root().transaction_id.to_string() + ".wal"; }
  std::map<std::string, std::vector<std::byte>> source() const {
    std::map<std::string, std::vector<std::byte>> contents;
    for (const auto& entry : files_->list(kSpace)) {
      contents[entry.name] = files_->content(kSpace + "/" + entry.name);
    }
    return contents;
  }
  void remove_target() {
    if (!files_->kind_of(kTarget)) return;
    for (const auto& entry : files_->list(kTarget)) files_->remove(kTarget + "/" + entry.name);
  }

  /// Whether a lost place, which says its size, covers the record at `where`.
  static bool is_named(const SalvageReport& report, const AtomPointer& where) {
    return std::ranges::any_of(report.lost, [&](const BadPlace& place) {
      const AtomPointer& begin = place.pointer;
      const std::uint64_t size = std::strtoull(place.reason.c_str(), nullptr, 10);
      return begin.transaction_id == where.transaction_id && begin.offset <= where.offset &&
             where.offset < begin.offset + size;
    });
  }
  /// The target is sound, and what it does not hold is named.
  void expect_all_or_named(const SalvageReport& report) {
    const auto saved = open(files_, kTarget);
    EXPECT_EQ(saved->verify({}).bad_places, 0u);
    std::uint64_t found = 0;
    for (const auto& [pointer, text] : atoms_) {
      try {
        EXPECT_EQ(saved->get_bytes(pointer).as_text(), text);
        ++found;
      } catch (const NotFoundError&) {
        EXPECT_TRUE(is_named(report, pointer)) << pointer.to_string();
      }
    }
    EXPECT_EQ(report.records, found);
    EXPECT_EQ(saved->read_current_root(), report.root);
    EXPECT_TRUE(report.root == root() || report.lost_places > 0);
  }

  std::shared_ptr<MemoryFileSystem> files_ = std::make_shared<MemoryFileSystem>();
  std::map<AtomPointer, std::string> atoms_;
  std::vector<AtomPointer> roots_;
};

TEST_F(TransferFaultsTest, SalvageNamesWhatIsInASectorThatCannotBeReadWhereverItLies) {
  for (const bool closed : {true, false}) {
    files_ = std::make_shared<MemoryFileSystem>();
    atoms_.clear();
    fill(8, closed);
    const auto before = source();
    for (const auto& [name, content] : before) {
      // What was kept ready behind a killed writer's log is all alike.
      const std::uint64_t end = std::min<std::uint64_t>(content.size(), 48 * 1024);
      for (std::uint64_t at = 0; at < end; at += kSector) {
        SCOPED_TRACE(name + " at " + std::to_string(at));
        const auto disk = std::make_shared<UnreadableFileSystem>(files_);
        disk->damage(kSpace + "/" + name, at, at + kSector);
        const SalvageReport report = storage::salvage_space(disk, kSpace, kTarget, {});
        EXPECT_GT(disk->hits(), 0u);
        expect_all_or_named(report);
        EXPECT_TRUE(source() == before);
        remove_target();
      }
    }
  }
}

TEST_F(TransferFaultsTest, ARecordBeforeAnUnreadableSectorDoesNotHideThoseInIt) {
  fill(8, /*closed=*/true);
  const auto hit = std::ranges::find_if(atoms_, [](const auto& atom) {
    return atom.second.size() == 600 && atom.first.offset > 2 * kSector;
  });
  ASSERT_NE(hit, atoms_.end());
  auto content = files_->content(wal());
  content[hit->first.offset + 16 + 17] ^= std::byte{1};
  const std::uint64_t behind = hit->first.offset + format::stored_size(600);
  content[behind + 20] ^= std::byte{1};
  files_->set_content(wal(), content);
  const auto first = std::prev(hit);  // of 17 bytes: 7 of padding
  content[first->first.offset + 16 + 17] ^= std::byte{1};
  files_->set_content(wal(), content);
  const auto disk = std::make_shared<UnreadableFileSystem>(files_);
  disk->damage(wal(), hit->first.offset + 100, behind + 100);
  expect_all_or_named(storage::salvage_space(disk, kSpace, kTarget, {}));
  EXPECT_EQ(open(files_, kTarget)->get_bytes(first->first).as_text(), first->second);
  EXPECT_THROW(open(files_, kTarget)->get_bytes(hit->first), NotFoundError);
}

TEST_F(TransferFaultsTest, WhatADiskGivesAtALaterTryIsNotLost) {
  fill(8, /*closed=*/true);
  const std::uint64_t end = files_->content(wal()).size();
  for (std::uint64_t at = kSector; at < end; at += kSector) {
    for (std::uint64_t times = 1; times <= 8; ++times) {
      SCOPED_TRACE(std::to_string(times) + " times at " + std::to_string(at));
      const auto disk = std::make_shared<UnreadableFileSystem>(files_);
      disk->damage(wal(), at, at + kSector, times);
      const SalvageReport report = storage::salvage_space(disk, kSpace, kTarget, {});
      EXPECT_EQ(disk->hits(), times);
      EXPECT_EQ(report.lost_places, 0u) << report.lost[0].reason;
      EXPECT_EQ(report.records, atoms_.size());
      EXPECT_EQ(report.root, root());
      EXPECT_EQ(report.commits, 8u);
      remove_target();
    }
  }
}

/// Every call of the transfer fails in turn, in each of these ways.
class FailingTransferTest : public TransferFaultsTest,
                            public ::testing::WithParamInterface<const char*> {
 protected:
  std::string kind() const { return GetParam(); }
  /// Throws, or the target is complete or says what it lacks.
  void transfer(const std::shared_ptr<os::FileSystem>& disk) {
    if (kind() == "copy") {
      EXPECT_EQ(storage::copy_space(disk, kSpace, kTarget, {}).root, root());
      SalvageReport all;
      all.records = atoms_.size();
      all.root = root();
      expect_all_or_named(all);
    } else {
      expect_all_or_named(storage::salvage_space(disk, kSpace, kTarget, {}));
    }
  }
  bool is_unfinished() const { return files_->kind_of(kTarget + "/protobase.copy").has_value(); }
};

TEST_P(FailingTransferTest, EveryCallFailsInTurn) {
  fill(3, /*closed=*/true);
  const auto before = source();
  const auto pristine = files_->clone();
  const auto counting = std::make_shared<FaultFileSystem>(files_);
  transfer(counting);
  const std::size_t calls = counting->calls().size();
  ASSERT_GT(calls, 40u);
  std::uint64_t failures = 0;
  for (const auto error : {Fault::Error::kIO, Fault::Error::kNoSpace}) {
    for (const bool for_good : {false, true}) {
      for (std::uint64_t at = 1; at <= calls; ++at) {
        SCOPED_TRACE("call " + std::to_string(at));
        files_ = pristine->clone();
        const auto disk = std::make_shared<FaultFileSystem>(files_);
        disk->set_fault(
            Fault{.at_call = at, .error = error, .for_good = for_good, .half_write = true});
        try {
          transfer(disk);
        } catch (const ProtoBaseError&) {
          ++failures;
          if (is_unfinished()) {
            EXPECT_THROW(open(files_, kTarget), ProtoBaseError);
          }
        }
        // A disk that is full for good fails only what takes space.
        EXPECT_TRUE(disk->hits() > 0 || (for_good && error == Fault::Error::kNoSpace));
        disk->heal();
        EXPECT_TRUE(source() == before);
        // Without the marker it is complete, and only the removal may not be durable yet.
        if (is_unfinished()) transfer(disk);
        if (files_->kind_of(kTarget + "/protobase.lock")) {
          EXPECT_EQ(open(files_, kTarget)->read_current_root(), root());
        }
      }
    }
  }
  EXPECT_GT(failures, calls);
}

INSTANTIATE_TEST_SUITE_P(Transfers, FailingTransferTest, ::testing::Values("copy", "salvage"),
                         [](const auto& test) { return std::string(test.param); });

/// Directories of the Python storage, on a disk with bad sectors.
class UnreadableLegacyTest : public testing::LegacyDirectoryTest {
 protected:
  const std::shared_ptr<UnreadableFileSystem> disk_ =
      std::make_shared<UnreadableFileSystem>(os::posix_file_system());
};

TEST_F(UnreadableLegacyTest, VerifyNamesAPayloadThatCannotBeReadAndGoesOn) {
  take("raw_bytes");
  const JSON& hit = record("b3m");
  disk_->damage(path_of(hit), pointer_of(hit).offset + (1 << 20),
                pointer_of(hit).offset + (1 << 20) + 4096);
  const VerifyReport report = open(disk_, space())->verify({});
  EXPECT_EQ(report.bad_places, 1u);
  EXPECT_TRUE(names(report.bad, pointer_of(hit)));
  EXPECT_EQ(report.records, manifest_["record_count"].get<std::uint64_t>() - 1);
}

TEST_F(UnreadableLegacyTest, SalvageMarksThatRecordAndKeepsTheOthers) {
  take("raw_bytes");
  const JSON& hit = record("b3m");
  disk_->damage(path_of(hit), pointer_of(hit).offset + (1 << 20),
                pointer_of(hit).offset + (1 << 20) + 4096);
  const std::string target = directory_.at("target");
  const SalvageReport report = storage::salvage_space(disk_, space(), target, {});
  EXPECT_EQ(report.lost_places, 1u);
  EXPECT_TRUE(names(report.lost, pointer_of(hit)));
  EXPECT_EQ(report.records, manifest_["record_count"].get<std::uint64_t>() - 1);
  StandaloneFileStorage source(space(), {}, SpaceAccess::kReadOnly);
  StandaloneFileStorage saved(target);
  for (const JSON& record : manifest_["records"]) {
    const AtomPointer pointer = pointer_of(record);
    if (pointer == pointer_of(hit)) {
      EXPECT_THROW(saved.get_bytes(pointer), CorruptionError) << "never other bytes";
    } else {
      EXPECT_TRUE(saved.get_bytes(pointer).as_text() == source.get_bytes(pointer).as_text());
    }
  }
  const VerifyReport verified = saved.verify({});
  EXPECT_EQ(verified.bad_places, 1u) << "this layout cannot say that nothing is there";
  EXPECT_TRUE(names(verified.bad, pointer_of(hit)));
}

TEST_F(UnreadableLegacyTest, NoSectorMakesSalvageReturnOtherBytes) {
  for (const char* name : {"json_atoms", "raw_bytes", "legacy_no_indicator"}) {
    take(name);
    StandaloneFileStorage source(space(), {}, SpaceAccess::kReadOnly);
    for (const JSON& hit : manifest_["records"]) {
      const AtomPointer where = pointer_of(hit);
      const std::uint64_t begin = where.offset / kSector * kSector;
      SCOPED_TRACE(name + std::string(" at ") + std::to_string(begin));
      const auto disk = std::make_shared<UnreadableFileSystem>(os::posix_file_system());
      disk->damage(path_of(hit), begin, begin + kSector);
      disk->damage(path_of(hit), begin + 3 * kSector, begin + 4 * kSector);
      const std::string target = directory_.at("target");
      std::filesystem::remove_all(target);
      const SalvageReport report = storage::salvage_space(disk, space(), target, {});
      EXPECT_GT(report.lost_places, 0u);
      StandaloneFileStorage saved(target);
      std::uint64_t read = 0;
      for (const JSON& record : manifest_["records"]) {
        try {
          const SharedBytes bytes = saved.get_bytes(pointer_of(record));
          EXPECT_TRUE(bytes.as_text() == source.get_bytes(pointer_of(record)).as_text())
              << record["id"];
          ++read;
        } catch (const CorruptionError&) {
        } catch (const NotFoundError&) {
        }
      }
      EXPECT_LT(read, manifest_["records"].size());
    }
  }
}

TEST_F(UnreadableLegacyTest, BehindALostHeaderTheNextUnreadablePlaceEndsWhatIsKept) {
  constexpr std::uint64_t kSize = 10'009;  // of a record
  const UUID wal = *UUID::parse("11111111-2222-4333-8444-555555555555");
  const std::string path = space() + "/" + wal.to_string();
  std::string content;
  for (int i = 0; i < 7; ++i) {
    content += std::string("\x10\x27\0\0\0\0\0\0\0", 9) +
               std::string(kSize - 9, static_cast<char>('a' + i));
  }
  std::filesystem::create_directory(space());
  testing::write_file(path, content);
  ASSERT_EQ(open(disk_, space())->verify({}).records, 7u);
  disk_->damage(path, 2 * kSector, 3 * kSector);    // the header of record 1
  disk_->damage(path, 11 * kSector, 12 * kSector);  // in record 4
  const std::string target = directory_.at("target");
  const SalvageReport report = storage::salvage_space(disk_, space(), target, {});
  EXPECT_EQ(report.lost_places, 2u);
  StandaloneFileStorage saved(target);
  for (const std::uint64_t kept : {2, 3}) {
    EXPECT_EQ(saved.get_bytes({wal, kept * kSize}).as_text()[0], static_cast<char>('a' + kept));
  }
  for (const std::uint64_t lost : {0, 1, 4}) {
    EXPECT_THROW(saved.get_bytes({wal, lost * kSize}), CorruptionError) << lost;
  }
  for (const std::uint64_t lost : {5, 6}) {
    EXPECT_THROW(saved.get_bytes({wal, lost * kSize}), NotFoundError) << lost;
  }
}

TEST_F(UnreadableLegacyTest, ARootThatCannotBeReadIsNamed) {
  take("root_set");
  disk_->damage(space() + "/space_root", 0, 1);
  const SalvageReport report = storage::salvage_space(disk_, space(), directory_.at("target"), {});
  EXPECT_EQ(report.lost_places, 1u);
  EXPECT_EQ(report.root, std::nullopt);
  EXPECT_EQ(report.records, manifest_["record_count"].get<std::uint64_t>());
}

TEST_F(UnreadableLegacyTest, AnUnreadableSectorWithTheRootInItIsListedOnce) {
  AtomPointer root;
  {
    StandaloneFileStorage storage(space());
    for (int i = 0; i < 60; ++i) {
      const auto pointer = storage.push_bytes(as_bytes(std::string(1000, 'x')));
      if (i == 20) root = pointer;
    }
    storage.set_current_root(root);
  }
  const std::uint64_t begin = root.offset / kSector * kSector;
  disk_->damage(testing::wal_path(space(), root.transaction_id), begin, begin + kSector);
  const VerifyReport report = open(disk_, space())->verify({});
  EXPECT_EQ(report.bad_places, 1u);
  EXPECT_GT(disk_->hits(), 0u);
}

}  // namespace
}  // namespace protobase
