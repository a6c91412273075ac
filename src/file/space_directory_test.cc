#include "file/space_directory.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "protobase/errors.h"
#include "testing/counting_file_system.h"
#include "testing/memory_file_system.h"
#include "testing/temporary_directory.h"
#include "testing/unprivileged.h"

namespace protobase::file {
namespace {

constexpr const char* kID = "2ae5eaa6-abb9-489e-bad2-86a51861ec98";

class SpaceDirectoryTest : public ::testing::Test {
 protected:
  void add(const std::string& name, const std::string& content = "") {
    testing::write_file(temporary_.at(name), content);
  }
  SpaceDirectory directory() { return {os::posix_file_system(), temporary_.path()}; }

  testing::TemporaryDirectory temporary_;
};

TEST_F(SpaceDirectoryTest, NothingIsNoSpace) {
  const SpaceDirectory absent(os::posix_file_system(), temporary_.at("absent"));
  EXPECT_FALSE(absent.list().exists);
  EXPECT_FALSE(absent.list().is_space);
  EXPECT_TRUE(directory().list().exists);
  EXPECT_FALSE(directory().list().is_space);
}

TEST_F(SpaceDirectoryTest, KnowsEveryNameOfASpace) {
  add(std::string(kID) + ".wal");
  add("11111111-2222-4333-8444-555555555555");
  add("space_root");
  add("space_root.lock");
  add("space.config");
  add("protobase.root");
  add("protobase.lock");
  const auto listing = directory().list();
  EXPECT_TRUE(listing.is_space);
  EXPECT_TRUE(listing.legacy_root);
  EXPECT_FALSE(listing.unfinished_copy);
  ASSERT_EQ(listing.wals.size(), 1u);
  EXPECT_EQ(listing.wals[0].to_string(), kID);
  EXPECT_EQ(listing.legacy_wals.size(), 1u);
}

TEST_F(SpaceDirectoryTest, EachOfThemAloneMakesASpace) {
  for (const std::string& name :
       {std::string(kID) + ".wal", std::string(kID), std::string("space_root"),
        std::string("space.config"), std::string("protobase.lock")}) {
    add(name);
    EXPECT_TRUE(directory().list().is_space) << name;
    std::filesystem::remove(temporary_.at(name));
  }
}

TEST_F(SpaceDirectoryTest, OtherThingsAloneAreRefusedAndNamed) {
  add("holiday.jpg");
  try {
    directory().list();
    ADD_FAILURE();
  } catch (const ValidationError& error) {
    EXPECT_NE(std::string(error.what()).find("holiday.jpg"), std::string::npos);
  }
  add(std::string(kID) + ".wal");
  EXPECT_TRUE(directory().list().is_space) << "beside a space they do not matter";
}

TEST_F(SpaceDirectoryTest, FoldersWithOurNamesAreOtherThings) {
  std::filesystem::create_directory(temporary_.at(std::string(kID) + ".wal"));
  EXPECT_THROW(directory().list(), ValidationError);
}

TEST_F(SpaceDirectoryTest, MakesMissingParentsDurably) {
  const auto counting = std::make_shared<testing::CountingFileSystem>();
  const SpaceDirectory deep(counting, temporary_.at("a/b/c"));
  deep.create();
  EXPECT_TRUE(std::filesystem::is_directory(temporary_.at("a/b/c")));
  EXPECT_EQ(counting->counts().directory_syncs, 4u)
      << "each new entry is synced in its parent, and that of the directory they are in";
  deep.create();
  EXPECT_EQ(counting->counts().directory_syncs, 5u)
      << "its own entry once more: whoever made it may not have lived to sync it";
}

TEST(SpaceDirectoryCreation, WhoeverComesAfterAKillSyncsWhatTheDeadOneMade) {
  int kill = 0;
  for (std::shared_ptr<testing::MemoryFileSystem> left; kill == 0 || left; ++kill) {
    const auto files = std::make_shared<testing::MemoryFileSystem>();
    int changes = 0;
    left.reset();
    files->set_before_change([&](const std::string&) {
      if (changes++ == kill) left = files->clone();
    });
    SpaceDirectory(files, "/a/b/c").create();
    const auto& next = left ? left : files;
    SpaceDirectory(next, "/a/b/c").create();
    const std::vector<testing::Outcome> all_lost(next->uncertainties().size(),
                                                 {testing::Outcome::Fate::kLost});
    EXPECT_TRUE(next->crash_clone(all_lost)->kind_of("/a/b/c")) << "killed at change " << kill;
  }
  EXPECT_GE(kill, 6);
}

TEST(SpaceDirectoryCreation, AParentThatMayNotBeReadIsNoObstacleToADirectoryInIt) {
  namespace fs = std::filesystem;
  const testing::TemporaryDirectory place;
  fs::create_directories(place.at("home/user"));
  fs::permissions(place.path(), fs::perms::group_exec | fs::perms::others_exec,
                  fs::perm_options::add);
  fs::permissions(place.at("home"), fs::perms{0311});
  {
    const testing::Unprivileged nobody(place.at("home/user"));
    EXPECT_THROW(os::posix_file_system()->sync_directory(place.at("home")), NotAuthorizedError);
    SpaceDirectory(os::posix_file_system(), place.at("home/user/space")).create();
    SpaceDirectory(os::posix_file_system(), place.at("home/user")).create();
  }
  fs::permissions(place.at("home"), fs::perms{0755});
}

TEST_F(SpaceDirectoryTest, ReadsTheRootOfThePythonStorage) {
  EXPECT_EQ(directory().read_legacy_root(), std::nullopt);
  add("space_root", std::string("{\"transaction_id\": \"") + kID + "\", \"offset\": 9}");
  EXPECT_EQ(directory().read_legacy_root(), (AtomPointer{*UUID::parse(kID), 9}));
  add("space_root", std::string(100'000, ' '));
  EXPECT_THROW(directory().read_legacy_root(), CorruptionError);
}

TEST_F(SpaceDirectoryTest, AnEmptyPathIsRefused) {
  EXPECT_THROW(SpaceDirectory(os::posix_file_system(), ""), ValidationError);
}

}  // namespace
}  // namespace protobase::file
