// Damage in a space that several writers left without closing it. A commit record of one writer
// says that the root it replaced, in the WAL of another, was durable; and so on, back through the
// history of roots. So what was acknowledged is never taken for an unfinished write, and cut off.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "protobase/copy.h"
#include "protobase/errors.h"
#include "protobase/salvage.h"
#include "protobase/standalone_file_storage.h"
#include "testing/expect_error.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

using testing::expect_error;

/// Who commits, in order, by name. A small letter closes the storage of that writer. Then all the
/// others are killed at once.
struct History {
  const char* name;
  std::string steps;
  bool root_file_is_lost = false;  ///< as a power cut may leave it
};

std::ostream& operator<<(std::ostream& out, const History& history) { return out << history.name; }

/// What is damaged is always the first atom of writer A, a part of A's only commit.
class SharedDamageTest : public ::testing::TestWithParam<History> {
 protected:
  SharedDamageTest() {
    const std::string living = directory_.at("living");
    std::map<char, std::unique_ptr<StandaloneFileStorage>> writers;
    for (const char step : GetParam().steps) {
      if (std::islower(step) != 0) {
        writers.at(static_cast<char>(std::toupper(step)))->close();
        continue;
      }
      auto& writer = writers[step];
      if (!writer) writer = std::make_unique<StandaloneFileStorage>(living);
      push(*writer, std::string("atom of ") + step);
      writer->set_current_root(push(*writer, std::string("root of ") + step));
    }
    testing::copy_directory(living, space());
    if (GetParam().root_file_is_lost) std::filesystem::remove(space() + "/protobase.root");
    hit_ = pushed_.front();
    testing::flip_bit(testing::wal_path(space(), hit_.transaction_id), hit_.offset + 18);
  }

  AtomPointer push(StandaloneFileStorage& storage, const std::string& text) {
    pushed_.push_back(storage.push_bytes(as_bytes(text)));
    texts_.push_back(text);
    return pushed_.back();
  }
  std::string space() const { return directory_.at("space"); }
  std::string path_of_a() const { return testing::wal_path(space(), hit_.transaction_id); }
  bool names_the_hit(const std::vector<BadPlace>& places) const {
    return std::ranges::any_of(places,
                               [&](const BadPlace& place) { return place.pointer == hit_; });
  }

  testing::TemporaryDirectory directory_;
  std::vector<AtomPointer> pushed_;
  std::vector<std::string> texts_;
  AtomPointer hit_;
};

TEST_P(SharedDamageTest, VerifyNamesIt) {
  StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
  EXPECT_EQ(storage.read_current_root(), pushed_.back());
  const VerifyReport report = storage.verify({});
  EXPECT_EQ(report.bad_places, 1u);
  EXPECT_TRUE(names_the_hit(report.bad));
  EXPECT_TRUE(report.torn_tails.empty());
}

TEST_P(SharedDamageTest, OpeningLeavesItAsItIsAndGivesNoPointerTwice) {
  const auto before = testing::read_file(path_of_a());
  for (int i = 0; i < 3; ++i) {
    StandaloneFileStorage storage(space());
    const AtomPointer next = storage.push_bytes(as_bytes("next"));
    storage.set_current_root(next);
    EXPECT_EQ(std::ranges::count(pushed_, next), 0);
    EXPECT_NE(next.transaction_id, hit_.transaction_id);
    EXPECT_TRUE(names_the_hit(storage.verify({}).bad));
    expect_error<CorruptionError>([&] { storage.get_bytes(hit_); });
    for (std::size_t atom = 1; atom < pushed_.size(); ++atom) {
      EXPECT_EQ(storage.get_bytes(pushed_[atom]).as_text(), texts_[atom]);
    }
  }
  EXPECT_EQ(testing::read_file(path_of_a()), before);
}

TEST_P(SharedDamageTest, TakingUpTheWALOfADeadWriterLeavesItAsItIs) {
  const auto before = testing::read_file(path_of_a());
  StandaloneFileStorage member(space());
  for (int i = 0; i < 3; ++i) {
    StandaloneFileStorage storage(space());  // no recovery: another one has it open
    EXPECT_NE(storage.push_bytes(as_bytes("next")).transaction_id, hit_.transaction_id);
    storage.flush_wal();
  }
  EXPECT_EQ(testing::read_file(path_of_a()), before);
}

TEST_P(SharedDamageTest, CopyRefusesIt) {
  expect_error<CorruptionError>([&] { copy_space(space(), directory_.at("copy"), {}); });
}

TEST_P(SharedDamageTest, SalvageNamesItAndKeepsEveryRoot) {
  const SalvageReport report = salvage_space(space(), directory_.at("saved"), {});
  EXPECT_EQ(report.root, pushed_.back());
  EXPECT_EQ(report.commits, pushed_.size() / 2);
  EXPECT_EQ(report.lost_places, 1u);
  EXPECT_TRUE(names_the_hit(report.lost));
  EXPECT_EQ(StandaloneFileStorage(directory_.at("saved")).verify({}).bad_places, 0u);
}

// When the root file is gone, the tails of the others are all there is.
INSTANTIATE_TEST_SUITE_P(
    Histories, SharedDamageTest,
    ::testing::Values(
        History{"TwoWriters", "AB"}, History{"TwoWritersAndNoRootFile", "AB", true},
        History{"TheOtherCommittedAgain", "ABBB"}, History{"TheOtherClosed", "ABb", true},
        History{"TheOtherCommittedAgainAndClosed", "ABBBb"},
        History{"TheOtherCommittedAgainAndClosedAndNoRootFile", "ABBBb", true},
        History{"ThreeWriters", "ABC"}, History{"ThreeWritersAndNoRootFile", "ABC", true},
        History{"TheOneBetweenClosed", "ABbCC"}, History{"FiveWriters", "ABbCDcE", true}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace protobase
