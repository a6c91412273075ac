// Where copy_space() and salvage_space() may write, and when they may go on: the directory counts,
// not how its path is spelled.
#include "storage/space_transfer.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "protobase/copy.h"
#include "protobase/errors.h"
#include "protobase/salvage.h"
#include "protobase/standalone_file_storage.h"
#include "testing/expect_error.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

using testing::expect_error;

class SpaceTransferTest : public ::testing::Test {
 protected:
  void SetUp() override {
    StandaloneFileStorage storage(space());
    root_ = storage.push_atom("the root");
    storage.set_current_root(root_);
  }
  std::string space() const { return directory_.at("space"); }
  std::string target() const { return directory_.at("target"); }
  /// Every way to name the source.
  std::vector<std::string> spellings() {
    const std::string link = directory_.at("link");
    if (!std::filesystem::exists(link)) std::filesystem::create_directory_symlink(space(), link);
    return {space(), space() + "/", directory_.path() + "/./space",
            directory_.path() + "/space/../space", link};
  }
  /// As an interrupted one that was begun with this spelling leaves it.
  void interrupt(const std::function<void(const std::string& from)>& transfer,
                 const std::string& spelling) {
    std::filesystem::remove_all(target());
    std::string marker;
    const auto read_marker = [&] {
      if (marker.empty()) marker = testing::read_file(target() + "/protobase.copy");
    };
    on_progress_ = read_marker;
    transfer(spelling);
    on_progress_ = nullptr;
    ASSERT_FALSE(marker.empty());
    testing::write_file(target() + "/protobase.copy", marker);
  }
  auto progress() {
    return [this](std::uint64_t, std::uint64_t) {
      if (on_progress_) on_progress_();
    };
  }

  testing::TemporaryDirectory directory_;
  std::function<void()> on_progress_;
  AtomPointer root_;
};

TEST_F(SpaceTransferTest, AnInterruptedCopyGoesOnHoweverItsSourceIsSpelled) {
  const auto copy = [&](const std::string& from) { copy_space(from, target(), progress()); };
  for (const std::string& first : spellings()) {
    for (const std::string& second : spellings()) {
      SCOPED_TRACE(first + " then " + second);
      interrupt(copy, first);
      const CopyReport report = copy_space(second, target(), {});
      EXPECT_GT(report.resumed_bytes, 0u);
      EXPECT_EQ(StandaloneFileStorage(target()).read_current_root(), root_);
    }
  }
}

TEST_F(SpaceTransferTest, AnInterruptedSalvageGoesOnHoweverItsSourceIsSpelled) {
  const auto salvage = [&](const std::string& from) { salvage_space(from, target(), progress()); };
  for (const std::string& second : spellings()) {
    SCOPED_TRACE(second);
    interrupt(salvage, space());
    EXPECT_EQ(salvage_space(second, target(), {}).root, root_);
  }
}

TEST_F(SpaceTransferTest, ATransferWithinItsOwnSourceIsRefused) {
  const auto before = testing::snapshot(space());
  for (const std::string& from : spellings()) {
    for (const std::string& to : spellings()) {
      SCOPED_TRACE(from + " to below " + to);
      for (const char* below : {"/copy", "/a/b", "/./x/../copy"}) {
        expect_error<ValidationError>([&] { copy_space(from, to + below, {}); }, {"source"});
        expect_error<ValidationError>([&] { salvage_space(from, to + below, {}); }, {"source"});
      }
    }
  }
  EXPECT_TRUE(testing::snapshot(space()) == before);
  EXPECT_FALSE(std::filesystem::exists(space() + "/copy"));
  EXPECT_FALSE(std::filesystem::exists(space() + "/a"));
}

TEST_F(SpaceTransferTest, AFileIsNoTargetAndHasNoneBelow) {
  testing::write_file(target(), "");
  for (const std::string& to :
       {target(), target() + "/", target() + "/sub", target() + "/sub/sub"}) {
    SCOPED_TRACE(to);
    EXPECT_THROW(copy_space(space(), to, {}), ProtoBaseError);
    EXPECT_THROW(salvage_space(space(), to, {}), ProtoBaseError);
  }
  EXPECT_EQ(std::filesystem::file_size(target()), 0u);
}

TEST_F(SpaceTransferTest, ANeighbourWhoseNameBeginsLikeTheSourceIsATarget) {
  EXPECT_EQ(copy_space(space(), space() + ".copy", {}).root, root_);
}

}  // namespace
}  // namespace protobase
