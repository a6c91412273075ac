// Disks that do not give back what they have: that WAL is damaged, is named, and is never cut off
// or written to; opening, listing, and everything that lies elsewhere go on.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"
#include "testing/expect_error.h"
#include "testing/temporary_directory.h"
#include "testing/unreadable_file_system.h"

namespace protobase {
namespace {

using testing::expect_error;
using testing::UnreadableFileSystem;

/// Two WALs: the second writer has committed last. Killed, so that both have tails, or closed.
class BadSectorTest : public ::testing::Test {
 protected:
  void make_space(bool closed) {
    const std::string living = directory_.at("living");
    std::filesystem::remove_all(living);
    std::filesystem::remove_all(space());
    first_.clear();
    second_.clear();
    {
      StandaloneFileStorage first(living);
      StandaloneFileStorage second(living);
      for (int i = 0; i < 30; ++i) first_.push_back(push(first, i));
      first.set_current_root(first_.back());
      for (int i = 0; i < 30; ++i) second_.push_back(push(second, i));
      second.set_current_root(second_.back());
      if (!closed) testing::copy_directory(living, space());
    }
    if (closed) testing::copy_directory(living, space());
  }
  static AtomPointer push(StandaloneFileStorage& storage, int number) {
    return storage.push_bytes(as_bytes(std::to_string(number) + std::string(500, 'x')));
  }
  std::string space() const { return directory_.at("space"); }
  std::string path_of(const std::vector<AtomPointer>& atoms) const {
    return testing::wal_path(space(), atoms[0].transaction_id);
  }

  void break_sector(const std::string& path, std::uint64_t begin, std::uint64_t end) {
    files_ = std::make_shared<UnreadableFileSystem>(os::posix_file_system());
    files_->damage(path, begin, end);
  }
  std::unique_ptr<StandaloneFileStorage> open(SpaceAccess access = SpaceAccess::kReadWrite) {
    FileBlockProviderOptions options;
    options.access = access;
    options.file_system = files_;
    return std::make_unique<StandaloneFileStorage>(
        std::make_shared<FileBlockProvider>(space(), options));
  }
  /// Atoms of `atoms` that cannot be read.
  static std::size_t count_unreadable(StandaloneFileStorage& storage,
                                      const std::vector<AtomPointer>& atoms) {
    return static_cast<std::size_t>(std::ranges::count_if(atoms, [&](const AtomPointer& atom) {
      try {
        storage.get_bytes(atom);
        return false;
      } catch (const UnexpectedError& error) {
        EXPECT_NE(std::string(error.what()).find(atom.transaction_id.to_string()),
                  std::string::npos)
            << error.what();
        return true;
      }
    }));
  }
  static bool names(const VerifyReport& report, const UUID& wal) {
    return std::ranges::any_of(report.bad, [&](const BadPlace& place) {
      return place.pointer.transaction_id == wal &&
             place.reason.find("Input/output error") != std::string::npos;
    });
  }
  /// Opening, listing, verify, reading elsewhere and committing work, and the file at `path` stays.
  void expect_all_else_goes_on(const std::string& path, const std::vector<AtomPointer>& hit,
                               std::size_t unreadable) {
    const std::vector<AtomPointer>& others = &hit == &first_ ? second_ : first_;
    const auto before = testing::read_file(path);
    for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
      const auto storage = open(access);
      EXPECT_EQ(storage->list_wals().size(), 2u);
      EXPECT_TRUE(names(storage->verify({}), hit[0].transaction_id));
      EXPECT_EQ(count_unreadable(*storage, others), 0u);
      EXPECT_EQ(count_unreadable(*storage, hit), unreadable);
    }
    EXPECT_GT(files_->hits(), 0u);
    for (int i = 0; i < 3; ++i) {
      const auto storage = open();
      const AtomPointer next = push(*storage, i);
      EXPECT_NE(next.transaction_id, hit[0].transaction_id);
      storage->flush_wal();
    }
    EXPECT_EQ(testing::read_file(path), before);
  }

  testing::TemporaryDirectory directory_;
  std::vector<AtomPointer> first_;
  std::vector<AtomPointer> second_;
  std::shared_ptr<UnreadableFileSystem> files_;
};

TEST_F(BadSectorTest, InTheHeaderOfAWAL) {
  for (const bool closed : {true, false}) {
    make_space(closed);
    break_sector(path_of(first_), 0, 4096);
    expect_all_else_goes_on(path_of(first_), first_, 0);
    EXPECT_EQ(open()->read_current_root(), second_.back());
  }
}

TEST_F(BadSectorTest, InTheMiddleOfAClosedWAL) {
  make_space(/*closed=*/true);
  break_sector(path_of(first_), 8192, 12'288);
  const VerifyReport report = open(SpaceAccess::kReadOnly)->verify({});
  ASSERT_EQ(report.bad_places, 1u);
  EXPECT_NE(report.bad[0].reason.find("Input/output error"), std::string::npos)
      << report.bad[0].reason;
  EXPECT_GE(report.records, 50u) << "all but those in that block";
}

TEST_F(BadSectorTest, InTheTailOfAKilledWriter) {
  make_space(/*closed=*/false);
  break_sector(path_of(first_), 8192, 12'288);
  const auto unreadable = std::ranges::count_if(first_, [](const AtomPointer& atom) {
    return atom.offset < 12'288 && atom.offset + 518 > 8192;
  });
  ASSERT_GT(unreadable, 7);
  expect_all_else_goes_on(path_of(first_), first_, static_cast<std::size_t>(unreadable));
  EXPECT_EQ(open()->read_current_root(), second_.back());
}

TEST_F(BadSectorTest, AtTheNewestCommit) {
  for (const bool closed : {true, false}) {
    make_space(closed);
    const std::uint64_t commit = second_.back().offset + 16 + 504;
    break_sector(path_of(second_), commit, commit + 96);
    expect_all_else_goes_on(path_of(second_), second_, 0);
    const auto storage = open(SpaceAccess::kReadOnly);
    expect_error<os::ReadError>([&] { storage->read_current_root(); }, {"Input/output error"});
    const auto writer = open();
    expect_error<os::ReadError>([&] { writer->set_current_root(first_[0]); },
                                {"Input/output error"});
  }
}

TEST_F(BadSectorTest, InTheRootFileWhichIsOnlyAHint) {
  for (const bool closed : {true, false}) {
    make_space(closed);
    break_sector(space() + "/protobase.root", 0, 4096);
    {
      const auto reader = open(SpaceAccess::kReadOnly);
      EXPECT_EQ(reader->read_current_root(), second_.back());
      EXPECT_EQ(reader->verify({}).bad_places, 0u);
    }
    EXPECT_GT(files_->hits(), 0u);
    const auto writer = open();
    EXPECT_EQ(writer->read_current_root(), second_.back());
    writer->set_current_root(first_[3]);
    EXPECT_EQ(writer->read_current_root(), first_[3]);
    writer->close();
  }
}

TEST_F(BadSectorTest, NoOlderRootIsTakenForTheNewestWhenNothingTellsIt) {
  make_space(/*closed=*/false);
  std::filesystem::remove(space() + "/protobase.root");
  const std::uint64_t commit = second_.back().offset + 16 + 504;
  break_sector(path_of(second_), commit, commit + 96);
  const auto storage = open();
  expect_error<os::ReadError>([&] { storage->read_current_root(); }, {"Input/output error"});
  expect_error<os::ReadError>([&] { storage->set_current_root(first_[0]); });
  EXPECT_EQ(count_unreadable(*storage, first_), 0u);
}

}  // namespace
}  // namespace protobase
