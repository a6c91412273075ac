// A log that rolled over is a chain of WALs, each naming the one before: one that was deleted,
// emptied or cut short is a loss that is found and named, never a shorter log.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "file/space_damage.h"
#include "format/wal_header.h"
#include "protobase/copy.h"
#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"
#include "testing/expect_error.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

using testing::expect_error;

constexpr std::uint64_t kWALSize = 64 << 10;

class LostWALTest : public ::testing::Test {
 protected:
  /// Pushes until `wals` WALs were begun; one commit at the very end, whose root is in the last.
  void fill(std::size_t wals) {
    StorageOptions options;
    options.wal_max_size = kWALSize;
    StandaloneFileStorage storage(space(), options);
    while (true) {
      const auto pointer = storage.push_bytes(as_bytes(std::string(1000, 'x')));
      if (ids_.empty() || ids_.back() != pointer.transaction_id) {
        if (ids_.size() == wals) break;
        ids_.push_back(pointer.transaction_id);
        firsts_.push_back(pointer);
        lasts_.push_back(pointer);
      }
      lasts_.back() = pointer;
    }
    storage.set_current_root(storage.push_atom(Atom::object({{"n", wals}})));
    ids_.push_back(storage.read_current_root()->transaction_id);
    storage.close();
  }
  std::string space() const { return directory_.at("space"); }
  std::string path(const UUID& id) const { return space() + "/" + id.to_string() + ".wal"; }
  std::optional<AtomPointer> predecessor_of(const UUID& id) const {
    const auto file = os::posix_file_system()->open(path(id), os::OpenMode::kRead);
    return file::read_wal_head(*file, id).predecessor;
  }
  VerifyReport verify() {
    StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
    return storage.verify({});
  }
  static bool names(const VerifyReport& report, const AtomPointer& where) {
    return std::ranges::any_of(report.bad,
                               [&](const BadPlace& place) { return place.pointer == where; });
  }

  testing::TemporaryDirectory directory_;
  std::vector<UUID> ids_;            // in the order they were begun
  std::vector<AtomPointer> firsts_;  // the first record of each
  std::vector<AtomPointer> lasts_;   // the last one of each
};

TEST_F(LostWALTest, EachNamesTheOneBeforeAndItsLength) {
  fill(4);
  EXPECT_EQ(predecessor_of(ids_[0]), std::nullopt);
  for (std::size_t i = 1; i < ids_.size(); ++i) {
    const auto predecessor = predecessor_of(ids_[i]);
    ASSERT_TRUE(predecessor);
    EXPECT_EQ(predecessor->transaction_id, ids_[i - 1]);
    EXPECT_EQ(predecessor->offset, std::filesystem::file_size(path(ids_[i - 1])));
  }
  EXPECT_EQ(verify().bad_places, 0u);
}

TEST_F(LostWALTest, ADeletedOneIsFoundWhereverItStood) {
  fill(4);
  for (std::size_t i = 0; i + 1 < ids_.size(); ++i) {
    const std::string aside = directory_.at("aside");
    std::filesystem::rename(path(ids_[i]), aside);
    const VerifyReport report = verify();
    EXPECT_TRUE(names(report, {ids_[i], 0})) << "WAL " << i;
    StandaloneFileStorage storage(space());
    EXPECT_TRUE(storage.read_current_root()) << "everything else can still be read";
    expect_error<CorruptionError>([&] { storage.get_bytes(firsts_[i]); }, {"the WAL is missing"});
    expect_error<CorruptionError>([&] { copy_space(space(), directory_.at("copy"), {}); },
                                  {"the WAL is missing"});
    storage.close();
    std::filesystem::rename(aside, path(ids_[i]));
  }
  EXPECT_EQ(verify().bad_places, 0u);
}

TEST_F(LostWALTest, AnEmptiedOrShortenedOneIsFound) {
  fill(3);
  const auto whole = std::filesystem::file_size(path(ids_[1]));
  for (const std::uintmax_t size : {std::uintmax_t{0}, std::uintmax_t{100}, std::uintmax_t{4096},
                                    std::uintmax_t{5000}, whole - 8}) {
    testing::TemporaryDirectory other;
    testing::copy_directory(space(), other.at("space"));
    std::filesystem::resize_file(other.at("space/") + ids_[1].to_string() + ".wal", size);
    StandaloneFileStorage storage(other.at("space"), {}, SpaceAccess::kReadOnly);
    const VerifyReport report = storage.verify({});
    EXPECT_TRUE(names(report, {ids_[1], size})) << size;
    EXPECT_EQ(storage.get_bytes(firsts_[2]).size(), 1000u);
    expect_error<CorruptionError>([&] { storage.get_bytes(lasts_[1]); });
  }
}

TEST_F(LostWALTest, OpeningSaysWhatIsLost) {
  fill(3);
  std::filesystem::remove(path(ids_[0]));
  StorageOptions options;
  std::string said;
  options.logger = [&](LogLevel, std::string_view message) { said += message; };
  StandaloneFileStorage storage(space(), options);
  EXPECT_NE(said.find(ids_[0].to_string()), std::string::npos) << said;
}

TEST_F(LostWALTest, ACopyKeepsTheChain) {
  fill(3);
  copy_space(space(), directory_.at("copy"), {});
  std::filesystem::remove_all(space());
  std::filesystem::rename(directory_.at("copy"), space());
  EXPECT_EQ(predecessor_of(ids_[2])->transaction_id, ids_[1]);
  EXPECT_EQ(verify().bad_places, 0u);
}

TEST_F(LostWALTest, ADamagedLinkIsDamageOfTheHeader) {
  fill(2);
  const auto damage = [&](int bit) {
    std::fstream file(path(ids_[1]), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(40 + bit / 8);
    const char byte = static_cast<char>(file.get() ^ (1 << bit % 8));
    file.seekp(40 + bit / 8);
    file.put(byte);
  };
  for (int bit = 0; bit < 32 * 8; bit += 7) {
    damage(bit);
    EXPECT_TRUE(names(verify(), {ids_[1], 40})) << bit;
    StandaloneFileStorage storage(space());
    EXPECT_EQ(storage.get_bytes(firsts_[1]).size(), 1000u) << "its records are as good as ever";
    EXPECT_NE(storage.push_atom(1).transaction_id, ids_[1]) << "but it is left as it is";
    storage.close();
    damage(bit);
  }
}

TEST_F(LostWALTest, AFullWALTakenUpAgainIsNamedByItsSuccessor) {
  StandaloneFileStorage first(space());
  const auto old = first.push_bytes(as_bytes(std::string(2 * kWALSize, 'x')));
  first.close();
  StorageOptions options;
  options.wal_max_size = kWALSize;
  StandaloneFileStorage second(space(), options);
  const auto next = second.push_atom(1);
  second.close();
  ASSERT_NE(old.transaction_id, next.transaction_id);
  EXPECT_EQ(predecessor_of(next.transaction_id)->transaction_id, old.transaction_id);
}

TEST_F(LostWALTest, FilesOfTwoSpacesInOneDirectoryAreFound) {
  const auto make = [&](const std::string& where, int commits) {
    StandaloneFileStorage storage(where);
    for (int i = 0; i < commits; ++i) storage.set_current_root(storage.push_atom(i));
    const UUID wal = storage.read_current_root()->transaction_id;
    storage.close();
    return wal;
  };
  for (const int strangers : {2, 9}) {  // fewer commits than the space has, and more
    testing::TemporaryDirectory other;
    const UUID own = make(other.at("space"), 5);
    const UUID stranger = make(other.at("stranger"), strangers);
    std::filesystem::copy(testing::wal_path(other.at("stranger"), stranger), other.at("space"));
    StandaloneFileStorage storage(other.at("space"));
    const VerifyReport report = storage.verify({});
    const UUID& odd = strangers > 5 ? own : stranger;  // the newest root counts
    ASSERT_EQ(report.bad_places, 1u);
    EXPECT_EQ(report.bad[0].pointer.transaction_id, odd);
    EXPECT_NE(report.bad[0].reason.find("two spaces"), std::string::npos);
  }
}

TEST_F(LostWALTest, OneThatReserveBeganNamesTheOneBefore) {
  StorageOptions options;
  options.wal_max_size = kWALSize;
  AtomPointer first, next;
  {
    StandaloneFileStorage storage(space(), options);
    const std::string payload(1000, 'x');
    first = storage.push_bytes(as_bytes(payload));
    for (int i = 0; i < 20; ++i) storage.push_bytes(as_bytes(payload));
    storage.flush_wal();
    storage.push_bytes(as_bytes(payload));  // which is on no disk when reserve() comes
    storage.reserve(kWALSize - 10'000);
    next = storage.push_bytes(as_bytes(payload));
    storage.flush_wal();
  }
  ASSERT_NE(next.transaction_id, first.transaction_id);
  const auto predecessor = predecessor_of(next.transaction_id);
  ASSERT_TRUE(predecessor);
  EXPECT_EQ(predecessor->transaction_id, first.transaction_id);
  EXPECT_EQ(predecessor->offset, std::filesystem::file_size(path(first.transaction_id)));
  std::filesystem::remove(path(first.transaction_id));
  EXPECT_EQ(verify().bad_places, 1u);
  StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
  EXPECT_THROW(storage.get_bytes(first), CorruptionError);
}

TEST_F(LostWALTest, ReserveBesideThreadsThatFillSmallWALsStopsNobody) {
  constexpr int kThreads = 3, kCommits = 150;
  StorageOptions options;
  options.wal_max_size = kWALSize;
  {
    StandaloneFileStorage storage(space(), options);
    std::atomic<int> running{kThreads};
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kCommits; ++i) {
          storage.set_current_root(storage.push_bytes(as_bytes(std::string(3000, 'x'))));
        }
        --running;
      });
    }
    while (running > 0) storage.reserve(20'000);
  }
  EXPECT_EQ(verify().bad_places, 0u);
  StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
  EXPECT_EQ(storage.root_history(1000).size(), std::size_t{kThreads * kCommits});
  std::size_t begun = 0;  // without one before it
  for (const auto& wal : storage.list_wals()) begun += !predecessor_of(wal.transaction_id);
  EXPECT_EQ(begun, 1u);
}

}  // namespace
}  // namespace protobase
