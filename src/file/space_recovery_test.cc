// A writer that committed once, fell silent while another made thousands of commits, and died: too
// long ago for every opening to read back to it. Nothing of it is cut off or written over.
#include "file/space_recovery.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "protobase/standalone_file_storage.h"
#include "testing/memory_file_system.h"

namespace protobase::file {
namespace {

constexpr int kManyCommits = 10'100;

class SilentWriterTest : public ::testing::Test {
 protected:
  SilentWriterTest() {
    const auto living = std::make_shared<testing::MemoryFileSystem>();
    const auto silent = open(living);
    const auto busy = open(living);
    atom_ = silent->push_atom("an atom");
    silent->set_current_root(silent->push_atom("a root"));
    for (int i = 0; i < kManyCommits; ++i) busy->set_current_root(busy->push_atom(i));
    files_ = living->clone();
  }
  static std::unique_ptr<StandaloneFileStorage> open(
      const std::shared_ptr<testing::MemoryFileSystem>& files) {
    FileBlockProviderOptions options;
    options.file_system = files;
    return std::make_unique<StandaloneFileStorage>(
        std::make_shared<FileBlockProvider>("/space", options));
  }
  std::string path() const { return "/space/" + atom_.transaction_id.to_string() + ".wal"; }
  /// Opens, pushes and closes; true when the pushes went to other WALs.
  bool goes_on_elsewhere() {
    const auto storage = open(files_);
    const AtomPointer pushed = storage->push_atom("next");
    storage->set_current_root(pushed);
    return pushed.transaction_id != atom_.transaction_id;
  }

  std::shared_ptr<testing::MemoryFileSystem> files_;
  AtomPointer atom_;
};

TEST_F(SilentWriterTest, ATailThatSeemsTornIsLeftAsItIs) {
  auto bytes = files_->content(path());
  bytes[atom_.offset + 18] ^= std::byte{1};
  files_->set_content(path(), bytes);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(goes_on_elsewhere());
    EXPECT_EQ(files_->content(path()), bytes);
  }
}

TEST_F(SilentWriterTest, ATailThatEndsIsSealed) {
  auto bytes = files_->content(path());
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(atom_.offset), bytes.end(), std::byte{0});
  files_->set_content(path(), bytes);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(goes_on_elsewhere());
  const auto file = files_->open(path(), os::OpenMode::kRead);
  EXPECT_TRUE(read_wal_head(*file, atom_.transaction_id).checkpoint.sealed);
}

TEST_F(SilentWriterTest, OneThatIsWholeIsKept) {
  EXPECT_TRUE(goes_on_elsewhere());
  EXPECT_EQ(open(files_)->get_atom(atom_)->as_string(), "an atom");
  EXPECT_EQ(open(files_)->verify({}).bad_places, 0u);
}

}  // namespace
}  // namespace protobase::file
