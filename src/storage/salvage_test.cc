// salvage_space: whatever was damaged, the new space is healthy, holds every record that could
// still be read at its old address, and says what it does not hold.
#include "protobase/salvage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"
#include "testing/expect_error.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

using testing::expect_error;

class SalvageTest : public ::testing::Test {
 protected:
  /// Commits of three atoms each, the last one of which is the root; rolls over now and then.
  void fill(int commits) {
    StorageOptions options;
    options.wal_max_size = 64 << 10;
    StandaloneFileStorage storage(space(), options);
    for (int i = 0; i < commits; ++i) {
      for (int n = 0; n < 3; ++n) {
        const std::string text =
            std::to_string(i) + "." + std::to_string(n) + std::string(500, 'x');
        const auto pointer = storage.push_atom(Atom::object({{"text", text}}));
        texts_[pointer] = text;
        if (n == 2) roots_.push_back(pointer);
      }
      storage.set_current_root(roots_.back());
    }
    storage.close();
  }
  std::string space() const { return directory_.at("space"); }
  std::string target() const { return directory_.at("target"); }
  std::string path(const UUID& wal) const { return testing::wal_path(space(), wal); }

  SalvageReport salvage() {
    const auto before = testing::snapshot(space());
    SalvageReport report = salvage_space(space(), target(), {});
    EXPECT_EQ(testing::snapshot(space()), before) << "the source is evidence";
    return report;
  }

  /// What the source can still read, the target reads; what it cannot, it has no record for.
  void expect_every_readable_record() {
    StandaloneFileStorage source(space(), {}, SpaceAccess::kReadOnly);
    StandaloneFileStorage saved(target());
    EXPECT_EQ(saved.verify({}).bad_places, 0u);
    for (const auto& [pointer, text] : texts_) {
      bool readable = true;
      try {
        readable = source.get_atom(pointer)->at("text").as_string() == text;
      } catch (const ProtoBaseError&) {
        readable = false;
      }
      if (readable) {
        EXPECT_EQ(saved.get_atom(pointer)->at("text").as_string(), text);
      } else {
        EXPECT_THROW(saved.get_atom(pointer), NotFoundError) << pointer.to_string();
      }
    }
  }
  static bool names(const SalvageReport& report, const AtomPointer& where) {
    return std::ranges::any_of(report.lost,
                               [&](const BadPlace& place) { return place.pointer == where; });
  }

  testing::TemporaryDirectory directory_;
  std::map<AtomPointer, std::string> texts_;
  std::vector<AtomPointer> roots_;
};

TEST_F(SalvageTest, AHealthySpaceLosesNothing) {
  fill(100);
  const auto report = salvage();
  EXPECT_EQ(report.lost_places, 0u);
  EXPECT_EQ(report.records, texts_.size());
  EXPECT_EQ(report.commits, 100u);
  EXPECT_EQ(report.root, roots_.back());
  expect_every_readable_record();
  StandaloneFileStorage saved(target());
  EXPECT_EQ(saved.root_history(1000).size(), 100u);
  saved.set_current_root(saved.push_atom("it goes on"));
  EXPECT_EQ(saved.verify({}).bad_places, 0u);
}

TEST_F(SalvageTest, OneDamagedAtomIsLeftOutAndNamed) {
  fill(50);
  const AtomPointer hit = std::next(texts_.begin(), 40)->first;
  testing::flip_bit(path(hit.transaction_id), hit.offset + 30);
  const auto report = salvage();
  EXPECT_TRUE(names(report, hit));
  EXPECT_EQ(report.records, texts_.size() - 1);
  expect_every_readable_record();
}

TEST_F(SalvageTest, WithoutItsRootACommitIsLeftOutAndTheOneBeforeCounts) {
  fill(20);
  testing::flip_bit(path(roots_.back().transaction_id), roots_.back().offset + 30);
  const auto report = salvage();
  EXPECT_EQ(report.root, roots_[18]);
  EXPECT_EQ(report.commits, 19u);
  expect_every_readable_record();
  EXPECT_EQ(StandaloneFileStorage(target()).read_current_root(), roots_[18]);
}

TEST_F(SalvageTest, ALostCommitInTheMiddleIsBridged) {
  fill(20);
  AtomPointer commit;
  {
    StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
    commit = storage.root_history(20)[10].commit;
  }
  testing::flip_bit(path(commit.transaction_id), commit.offset + 20);
  const auto report = salvage();
  EXPECT_TRUE(names(report, commit));
  EXPECT_EQ(report.commits, 19u);
  EXPECT_EQ(report.root, roots_.back());
  expect_every_readable_record();
  StandaloneFileStorage saved(target());
  EXPECT_EQ(saved.root_history(100).size(), 19u);
}

TEST_F(SalvageTest, AMissingWALCostsWhatWasInIt) {
  fill(200);
  const UUID lost = roots_.front().transaction_id;
  ASSERT_NE(lost, roots_.back().transaction_id);
  std::filesystem::remove(path(lost));
  const auto report = salvage();
  EXPECT_TRUE(names(report, {lost, 0}));
  EXPECT_EQ(report.root, roots_.back());
  expect_every_readable_record();
}

TEST_F(SalvageTest, ADestroyedHeaderCostsNoRecord) {
  fill(50);
  const UUID wal = roots_.back().transaction_id;
  testing::overwrite(path(wal), 0, std::vector<std::byte>(4096, std::byte{0xA5}));
  const auto report = salvage();
  EXPECT_TRUE(names(report, {wal, 0}));
  EXPECT_EQ(report.records, texts_.size());
  EXPECT_EQ(report.root, roots_.back());
  EXPECT_EQ(StandaloneFileStorage(target()).verify({}).bad_places, 0u);
}

TEST_F(SalvageTest, WhatLiesInTheRootsOrTheLocksPlaceIsNamedAndCostsNothing) {
  fill(5);
  for (const std::string name : {"protobase.root", "protobase.lock"}) {
    SCOPED_TRACE(name);
    const std::string damaged = directory_.at("damaged_" + name);
    std::filesystem::copy(space(), damaged);
    std::filesystem::remove(damaged + "/" + name);
    std::filesystem::create_directory(damaged + "/" + name);
    StandaloneFileStorage reader(damaged, {}, SpaceAccess::kReadOnly);
    EXPECT_EQ(reader.read_current_root(), roots_.back());
    const VerifyReport report = reader.verify({});
    ASSERT_EQ(report.bad_places, 1u);
    EXPECT_NE(report.bad[0].reason.find(name + " is no file"), std::string::npos);
    EXPECT_THROW(StandaloneFileStorage storage(damaged), UnexpectedError);
    salvage_space(damaged, directory_.at("saved_" + name), {});
    StandaloneFileStorage saved(directory_.at("saved_" + name));
    EXPECT_EQ(saved.read_current_root(), roots_.back());
    for (const auto& [pointer, text] : texts_) {
      EXPECT_EQ(saved.get_atom(pointer)->at("text").as_string(), text);
    }
  }
}

TEST_F(SalvageTest, SwappedFilesAreWhatTheirHeadersSay) {
  fill(200);
  const auto wals = testing::wal_files(space());
  ASSERT_GE(wals.size(), 2u);
  std::filesystem::rename(path(wals[0]), directory_.at("aside"));
  std::filesystem::rename(path(wals[1]), path(wals[0]));
  std::filesystem::rename(directory_.at("aside"), path(wals[1]));
  const auto report = salvage();
  EXPECT_EQ(report.records, texts_.size());
  EXPECT_EQ(report.root, roots_.back());
  EXPECT_EQ(StandaloneFileStorage(target()).verify({}).bad_places, 0u);
}

TEST_F(SalvageTest, NonZeroPaddingCostsNothing) {
  fill(5);
  AtomPointer odd;
  {
    StandaloneFileStorage storage(space());
    odd = storage.push_bytes(as_bytes("12345"));
    storage.set_current_root(odd);
    storage.close();
  }
  testing::flip_bit(path(odd.transaction_id), odd.offset + 16 + 5);
  const auto report = salvage();
  EXPECT_EQ(report.root, odd);
  StandaloneFileStorage saved(target());
  EXPECT_EQ(saved.get_bytes(odd).as_text(), "12345");
  EXPECT_EQ(saved.verify({}).bad_places, 0u);
}

TEST_F(SalvageTest, AnyDamageAnywhereLeavesAHealthySpace) {
  fill(12);
  const UUID wal = roots_.back().transaction_id;
  const std::string whole = testing::read_file(path(wal));
  for (std::size_t at = 0; at < whole.size(); at += 97) {
    std::string damaged = whole;
    const std::size_t length = std::min<std::size_t>(1 + at % 700, damaged.size() - at);
    for (std::size_t i = at; i < at + length; ++i) damaged[i] = static_cast<char>(i * 31);
    testing::write_file(path(wal), damaged);
    salvage();
    expect_every_readable_record();
    std::filesystem::remove_all(target());
    testing::write_file(path(wal), damaged.substr(0, at));
    salvage();
    EXPECT_EQ(StandaloneFileStorage(target()).verify({}).bad_places, 0u) << "cut at " << at;
    std::filesystem::remove_all(target());
  }
}

TEST_F(SalvageTest, WhatAPointerLostIsNeverGivenToAnother) {
  fill(3);
  const AtomPointer last = roots_.back();
  std::filesystem::resize_file(path(last.transaction_id), last.offset + 8);
  salvage();
  StandaloneFileStorage saved(target());
  for (int i = 0; i < 100; ++i) saved.push_atom(std::string(500, 'y'));
  saved.flush_wal();
  EXPECT_THROW(saved.get_atom(last), NotFoundError);
}

TEST_F(SalvageTest, LegacyDirectoriesKeepWhatCanBeListed) {
  testing::copy_directory(std::string(PROTOBASE_SOURCE_DIR) + "/test/golden/legacy/root_set/space",
                          space());
  const auto report = salvage();
  EXPECT_EQ(report.lost_places, 0u);
  EXPECT_GT(report.records, 0u);
  EXPECT_EQ(StandaloneFileStorage(target()).read_current_root(),
            StandaloneFileStorage(space()).read_current_root());
}

TEST_F(SalvageTest, TheTargetMustBeEmpty) {
  fill(2);
  expect_error<NotFoundError>([&] { salvage_space(directory_.at("nowhere"), target(), {}); });
  expect_error<ValidationError>([&] { salvage_space(space(), space(), {}); }, {"source"});
  salvage();
  expect_error<ValidationError>([&] { salvage(); }, {"already"});
}

TEST_F(SalvageTest, AnInterruptedOneIsBegunAnew) {
  fill(10);
  salvage();
  testing::write_file(target() + "/protobase.copy", "unfinished salvage of " + space() + "\n");
  EXPECT_EQ(salvage().records, texts_.size());
  EXPECT_EQ(StandaloneFileStorage(target()).read_current_root(), roots_.back());
}

}  // namespace
}  // namespace protobase
