// What salvage_space() must not overlook: records inside a damaged range, and a torn tail whose
// bytes somebody may have been promised. Whatever of the source is not in the new space is named.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "format/wal_header.h"
#include "protobase/errors.h"
#include "protobase/salvage.h"
#include "protobase/standalone_file_storage.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

constexpr std::uint64_t kHeader = 16;
constexpr std::uint64_t kAtomSize = 17;  // a record of 40 bytes, 7 of them padding

class SalvageLossesTest : public ::testing::Test {
 protected:
  /// Adjacent atoms, then a flush or a commit.
  void fill(int atoms, bool commit) {
    StandaloneFileStorage storage(space());
    for (int i = 0; i < atoms; ++i) {
      std::string text = "atom " + std::to_string(i);
      text.resize(kAtomSize, '.');
      atoms_.push_back(storage.push_bytes(as_bytes(text)));
    }
    if (commit) {
      storage.set_current_root(atoms_.back());
    } else {
      storage.flush_wal();
    }
    storage.close();
  }
  std::string space() const { return directory_.at("space"); }
  std::string target() const { return directory_.at("target"); }
  std::string wal() const { return testing::wal_path(space(), atoms_.front().transaction_id); }
  void damage_payload(int atom) { testing::flip_bit(wal(), atoms_[atom].offset + kHeader + 2); }
  void damage_padding(int atom) {
    testing::flip_bit(wal(), atoms_[atom].offset + kHeader + kAtomSize);
  }
  void lose_checkpoints() {
    for (const std::size_t slot : format::kSlotPlaces) {
      testing::overwrite(wal(), slot, std::vector<std::byte>(format::kSlotSize));
    }
  }

  SalvageReport salvage() { return salvage_space(space(), target(), {}); }
  /// The atoms that the new space does not have.
  std::vector<int> missing() {
    StandaloneFileStorage saved(target());
    EXPECT_EQ(saved.verify({}).bad_places, 0u);
    std::vector<int> missing;
    for (int i = 0; i < static_cast<int>(atoms_.size()); ++i) {
      try {
        EXPECT_TRUE(saved.get_bytes(atoms_[i]).as_text().starts_with("atom " + std::to_string(i)));
      } catch (const NotFoundError&) {
        missing.push_back(i);
      }
    }
    return missing;
  }
  static const BadPlace* find(const SalvageReport& report, const AtomPointer& where) {
    const auto found = std::ranges::find(report.lost, where, &BadPlace::pointer);
    return found == report.lost.end() ? nullptr : &*found;
  }

  testing::TemporaryDirectory directory_;
  std::vector<AtomPointer> atoms_;
};

TEST_F(SalvageLossesTest, BehindARecordWithDamagedPaddingTheSearchGoesOn) {
  fill(4, /*commit=*/true);
  damage_padding(1);
  damage_payload(2);
  const SalvageReport report = salvage();
  EXPECT_EQ(report.records, 3u);
  EXPECT_EQ(report.lost_places, 1u);
  ASSERT_NE(find(report, atoms_[2]), nullptr);
  EXPECT_NE(find(report, atoms_[2])->reason.find("40 bytes"), std::string::npos)
      << find(report, atoms_[2])->reason;
  EXPECT_EQ(missing(), std::vector<int>{2});
}

TEST_F(SalvageLossesTest, RecordsWithDamagedPaddingAmongLostOnesAreKept) {
  fill(8, /*commit=*/true);
  for (const int atom : {1, 3, 5}) damage_payload(atom);
  for (const int atom : {2, 4, 6}) damage_padding(atom);
  const SalvageReport report = salvage();
  EXPECT_EQ(report.lost_places, 3u);
  for (const int atom : {1, 3, 5}) EXPECT_NE(find(report, atoms_[atom]), nullptr) << atom;
  EXPECT_EQ(missing(), (std::vector<int>{1, 3, 5}));
  EXPECT_EQ(report.root, atoms_.back());
}

TEST_F(SalvageLossesTest, ATornTailIsNamedWithItsSize) {
  fill(4, /*commit=*/false);
  lose_checkpoints();
  damage_payload(2);
  ASSERT_EQ(StandaloneFileStorage(space(), {}, SpaceAccess::kReadOnly).verify({}).torn_tails.size(),
            1u);
  const SalvageReport report = salvage();
  EXPECT_EQ(report.records, 3u) << "the atom behind is valid, so it is kept";
  const BadPlace* place = find(report, atoms_[2]);
  ASSERT_NE(place, nullptr);
  EXPECT_NE(place->reason.find("40 bytes"), std::string::npos) << place->reason;
  EXPECT_NE(place->reason.find("perhaps never acknowledged"), std::string::npos) << place->reason;
  EXPECT_EQ(missing(), std::vector<int>{2});
}

TEST_F(SalvageLossesTest, ACommitInATornTailIsNamed) {
  fill(2, /*commit=*/true);
  lose_checkpoints();
  std::filesystem::remove(space() + "/protobase.root");
  damage_payload(0);
  const SalvageReport report = salvage();
  EXPECT_EQ(report.root, std::nullopt) << "nothing proves that this commit took place";
  EXPECT_EQ(report.lost_places, 2u);
  const BadPlace* commit = find(report, {atoms_[0].transaction_id, atoms_[1].offset + 40});
  ASSERT_NE(commit, nullptr);
  EXPECT_NE(commit->reason.find("commit of sequence 1"), std::string::npos) << commit->reason;
}

TEST_F(SalvageLossesTest, TheZerosKeptReadyBehindATornTailAreNoLoss) {
  fill(4, /*commit=*/false);
  lose_checkpoints();
  damage_payload(3);
  testing::flip_bit(wal(), atoms_[3].offset + 40 + 20);  // the flush mark, or nothing is torn
  std::filesystem::resize_file(wal(), 1 << 20);
  const SalvageReport report = salvage();
  ASSERT_EQ(report.lost_places, 1u);
  EXPECT_NE(report.lost[0].reason.find("64 bytes"), std::string::npos) << report.lost[0].reason;
}

TEST_F(SalvageLossesTest, AKilledWritersTailIsNoLoss) {
  {
    StandaloneFileStorage storage(directory_.at("living"));
    atoms_.push_back(storage.push_bytes(as_bytes("atom 0")));
    storage.set_current_root(atoms_.back());
    testing::copy_directory(directory_.at("living"), space());
  }
  EXPECT_EQ(salvage().lost_places, 0u);
  EXPECT_EQ(missing(), std::vector<int>{});
}

}  // namespace
}  // namespace protobase
