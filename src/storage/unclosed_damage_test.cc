// Damage in a space whose writer died: no closing checkpoint says how much was durable. The
// published root and the successor of a WAL say it instead, to everybody: opening, verify, copy and
// salvage.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "format/wal_header.h"
#include "protobase/copy.h"
#include "protobase/errors.h"
#include "protobase/salvage.h"
#include "protobase/standalone_file_storage.h"
#include "testing/expect_error.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

using testing::expect_error;

class UnclosedDamageTest : public ::testing::Test {
 protected:
  /// A space that was killed after `commits` commits of two atoms each, the second one the root.
  void make_killed_space(int commits) {
    StandaloneFileStorage storage(directory_.at("living"));
    for (int i = 0; i < commits; ++i) {
      data_.push_back(storage.push_bytes(as_bytes("data " + std::to_string(i))));
      roots_.push_back(storage.push_bytes(as_bytes("root " + std::to_string(i))));
      storage.set_current_root(roots_.back());
    }
    testing::copy_directory(directory_.at("living"), space());
  }
  std::string space() const { return directory_.at("space"); }
  void damage(const AtomPointer& atom) {
    testing::flip_bit(testing::wal_path(space(), atom.transaction_id), atom.offset + 18);
  }
  static bool names(const std::vector<BadPlace>& places, const AtomPointer& where) {
    return std::ranges::any_of(places,
                               [&](const BadPlace& place) { return place.pointer == where; });
  }

  testing::TemporaryDirectory directory_;
  std::vector<AtomPointer> data_;
  std::vector<AtomPointer> roots_;
};

TEST_F(UnclosedDamageTest, AnAtomOfTheNewestCommitIsDamageNotATornTail) {
  for (const int commits : {1, 3}) {
    std::filesystem::remove_all(space());
    std::filesystem::remove_all(directory_.at("living"));
    data_.clear();
    roots_.clear();
    make_killed_space(commits);
    damage(data_.back());
    StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
    const VerifyReport report = storage.verify({});
    EXPECT_EQ(report.bad_places, 1u);
    EXPECT_TRUE(names(report.bad, data_.back()));
    EXPECT_TRUE(report.torn_tails.empty());
    EXPECT_EQ(storage.read_current_root(), roots_.back());
  }
}

TEST_F(UnclosedDamageTest, CopyRefusesIt) {
  make_killed_space(3);
  damage(data_.back());
  expect_error<CorruptionError>([&] { copy_space(space(), directory_.at("copy"), {}); });
}

TEST_F(UnclosedDamageTest, SalvageKeepsTheNewestRootAndNamesTheAtom) {
  make_killed_space(3);
  damage(data_.back());
  const SalvageReport report = salvage_space(space(), directory_.at("saved"), {});
  EXPECT_EQ(report.root, roots_.back());
  EXPECT_EQ(report.commits, 3u);
  EXPECT_EQ(report.lost_places, 1u);
  EXPECT_TRUE(names(report.lost, data_.back()));
  EXPECT_EQ(StandaloneFileStorage(directory_.at("saved")).verify({}).bad_places, 0u);
}

TEST_F(UnclosedDamageTest, OpeningLeavesItAsItIs) {
  make_killed_space(3);
  damage(data_.back());
  const UUID wal = data_.back().transaction_id;
  const auto before = testing::read_file(testing::wal_path(space(), wal));
  {
    StandaloneFileStorage storage(space());
    EXPECT_NE(storage.push_atom(1).transaction_id, wal);
    EXPECT_EQ(storage.get_bytes(roots_.back()).as_text(), "root 2");
  }
  EXPECT_EQ(testing::read_file(testing::wal_path(space(), wal)), before);
}

TEST_F(UnclosedDamageTest, AWALThatWasLeftBehindIsNeverAppendedToWhateverHappenedToItsSeal) {
  StorageOptions options;
  options.wal_max_size = 64 << 10;
  std::vector<AtomPointer> pushed;
  {
    StandaloneFileStorage storage(space(), options);
    for (int i = 0; i < 30; ++i) {
      pushed.push_back(storage.push_bytes(as_bytes(std::string(3000, 'x'))));
    }
    storage.flush_wal();
  }
  const UUID old = pushed.front().transaction_id;
  ASSERT_NE(old, pushed.back().transaction_id);
  const std::string path = testing::wal_path(space(), old);
  for (const std::size_t slot : format::kSlotPlaces) {
    testing::overwrite(path, slot, std::vector<std::byte>(8, std::byte{0xA5}));
  }
  const AtomPointer last = *std::find_if(pushed.rbegin(), pushed.rend(), [&](const auto& pointer) {
    return pointer.transaction_id == old;
  });
  testing::flip_bit(path, last.offset + 30);
  const auto before = testing::read_file(path);
  StandaloneFileStorage storage(space());
  EXPECT_TRUE(names(storage.verify({}).bad, last));
  EXPECT_NE(storage.push_atom(1).transaction_id, old);
  storage.close();
  EXPECT_EQ(testing::read_file(path), before);
}

TEST_F(UnclosedDamageTest, TheTargetOfAnotherCopyOrSalvageIsNotTouched) {
  make_killed_space(2);
  const std::string target = directory_.at("target");
  copy_space(space(), target, {});
  testing::write_file(target + "/protobase.copy", "unfinished copy of /elsewhere\n");
  const auto before = testing::snapshot(target);
  expect_error<ValidationError>([&] { salvage_space(space(), target, {}); }, {"/elsewhere"});
  expect_error<ValidationError>([&] { copy_space(space(), target, {}); }, {"/elsewhere"});
  EXPECT_EQ(testing::snapshot(target), before);
  testing::write_file(target + "/protobase.copy", "unfinished salvage of " + space() + "\n");
  expect_error<ValidationError>([&] { copy_space(space(), target, {}); }, {"salvage"});
}

TEST_F(UnclosedDamageTest, TheSourceUnderAnotherNameIsNoTarget) {
  make_killed_space(2);
  std::filesystem::create_directory_symlink(space(), directory_.at("link"));
  testing::write_file(space() + "/protobase.copy", "unfinished salvage of " + space() + "\n");
  const auto before = testing::snapshot(space());
  expect_error<ValidationError>([&] { salvage_space(space(), directory_.at("link"), {}); },
                                {"source"});
  EXPECT_EQ(testing::snapshot(space()), before);
}

}  // namespace
}  // namespace protobase
