// FileSystem on the machine's own files: the promises the file medium rests on.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "os/file_system.h"
#include "protobase/errors.h"
#include "protobase/shared_bytes.h"
#include "testing/temporary_directory.h"
#include "testing/unprivileged.h"

namespace protobase::os {
namespace {

class PosixFileSystemTest : public ::testing::Test {
 protected:
  std::unique_ptr<File> make(const std::string& name) {
    return system_->open(directory_.at(name), OpenMode::kCreateNew);
  }
  static void write(File& file, std::uint64_t offset, std::string_view text) {
    const auto part = as_bytes(text);
    file.write(offset, {&part, 1});
  }
  static std::string read(File& file, std::uint64_t offset, std::size_t size) {
    std::string text(size, '?');
    text.resize(file.read(offset, std::as_writable_bytes(std::span(text))));
    return text;
  }

  testing::TemporaryDirectory directory_;
  std::shared_ptr<FileSystem> system_ = posix_file_system();
};

TEST_F(PosixFileSystemTest, WhatIsWrittenIsRead) {
  const auto file = make("a");
  write(*file, 0, "hello world");
  write(*file, 6, "there");
  EXPECT_EQ(read(*file, 0, 11), "hello there");
  EXPECT_EQ(read(*file, 6, 100), "there") << "fewer bytes only at the end";
  EXPECT_EQ(read(*file, 100, 10), "");
  EXPECT_EQ(file->size(), 11u);
}

TEST_F(PosixFileSystemTest, ManyPartsAreWrittenOneBehindTheOther) {
  const auto file = make("a");
  std::vector<std::string> texts;
  std::string expected;
  for (int i = 0; i < 1000; ++i)
    expected +=
        texts.emplace_back(static_cast<std::size_t>(i % 7), 'a' + static_cast<char>(i % 26));
  std::vector<std::span<const std::byte>> parts;
  for (const auto& text : texts) parts.push_back(as_bytes(text));
  file->write(10, parts);
  EXPECT_EQ(read(*file, 10, expected.size() + 1), expected);
}

TEST_F(PosixFileSystemTest, LargePartsAreWrittenInStepsAndWhole) {
  const auto file = make("a");
  std::vector<std::string> texts;
  std::string expected;
  for (const std::size_t size : {3u << 20, 1u, 512u << 10, 0u, 700'000u, 77u}) {
    expected += texts.emplace_back(size, static_cast<char>('a' + texts.size()));
  }
  std::vector<std::span<const std::byte>> parts;
  for (const auto& text : texts) parts.push_back(as_bytes(text));
  file->write(4097, parts);
  EXPECT_TRUE(read(*file, 4097, expected.size() + 1) == expected);
}

TEST_F(PosixFileSystemTest, AMapShowsWhatIsThereAndWhatComesLater) {
  const auto file = make("a");
  write(*file, 0, std::string(5000, 'x'));
  const SharedBytes map = file->map(1 << 20);
  ASSERT_EQ(map.size(), 1u << 20);
  EXPECT_EQ(map.as_text().substr(4990, 10), "xxxxxxxxxx");
  write(*file, 8192, "later");
  EXPECT_EQ(map.as_text().substr(8192, 5), "later");
}

TEST_F(PosixFileSystemTest, AMapOutlivesItsFile) {
  auto file = make("a");
  write(*file, 0, "hello");
  const SharedBytes map = file->map(5);
  file.reset();
  EXPECT_EQ(map.as_text(), "hello");
}

TEST_F(PosixFileSystemTest, WritingNothingIsFine) {
  const auto file = make("a");
  file->write(0, {});
  write(*file, 5, "");
  EXPECT_EQ(file->size(), 0u);
}

TEST_F(PosixFileSystemTest, EveryOpenModeKeepsItsWord) {
  const auto path = directory_.at("a");
  EXPECT_EQ(system_->open(path, OpenMode::kRead), nullptr);
  EXPECT_EQ(system_->open(path, OpenMode::kReadWrite), nullptr);
  EXPECT_NE(system_->open(path, OpenMode::kCreateNew), nullptr);
  EXPECT_EQ(system_->open(path, OpenMode::kCreateNew), nullptr);
  EXPECT_NE(system_->open(path, OpenMode::kCreate), nullptr);
  EXPECT_NE(system_->open(directory_.at("b"), OpenMode::kCreate), nullptr);
  const auto file = system_->open(path, OpenMode::kRead);
  EXPECT_THROW(write(*file, 0, "x"), UnexpectedError);
}

TEST_F(PosixFileSystemTest, AllocatedRangesReadAsZerosAndKeepWhatIsThere) {
  const auto file = make("a");
  write(*file, 0, "kept");
  file->allocate(2, 100'000);
  EXPECT_GE(file->size(), 100'002u);
  EXPECT_EQ(read(*file, 0, 4), "kept");
  EXPECT_EQ(read(*file, 4, 1000), std::string(1000, '\0'));
}

TEST_F(PosixFileSystemTest, TruncationCutsAndGrows) {
  const auto file = make("a");
  write(*file, 0, "0123456789");
  file->truncate(4);
  EXPECT_EQ(read(*file, 0, 10), "0123");
  file->truncate(6);
  EXPECT_EQ(read(*file, 0, 10), std::string("0123\0\0", 6));
  file->sync_data();
}

TEST_F(PosixFileSystemTest, ALockShutsOutOtherOpensOfTheSameProcess) {
  const auto first = make("a");
  const auto second = system_->open(directory_.at("a"), OpenMode::kReadWrite);
  EXPECT_TRUE(first->try_lock(7, true));
  EXPECT_FALSE(second->try_lock(7, true));
  EXPECT_FALSE(second->try_lock(7, false));
  EXPECT_TRUE(second->try_lock(8, true)) << "another byte is another lock";
  EXPECT_TRUE(second->is_locked(7));
  EXPECT_FALSE(first->is_locked(7)) << "one's own lock does not count";
  first->unlock(7);
  EXPECT_TRUE(second->try_lock(7, true));
}

TEST_F(PosixFileSystemTest, SharedLocksStandSideBySide) {
  const auto first = make("a");
  const auto second = system_->open(directory_.at("a"), OpenMode::kReadWrite);
  EXPECT_TRUE(first->try_lock(0, false));
  EXPECT_TRUE(second->try_lock(0, false));
  EXPECT_FALSE(first->try_lock(0, true));
  second->unlock(0);
  EXPECT_TRUE(first->try_lock(0, true)) << "the only holder may make it exclusive";
  EXPECT_FALSE(second->try_lock(0, false));
}

TEST_F(PosixFileSystemTest, ClosingDropsTheLock) {
  auto first = make("a");
  const auto second = system_->open(directory_.at("a"), OpenMode::kReadWrite);
  EXPECT_TRUE(first->try_lock(0, true));
  first.reset();
  EXPECT_TRUE(second->try_lock(0, true));
}

TEST_F(PosixFileSystemTest, AReaderSeesALockWithoutTakingOne) {
  const auto writer = make("a");
  writer->try_lock(0, false);
  const auto reader = system_->open(directory_.at("a"), OpenMode::kRead);
  EXPECT_TRUE(reader->is_locked(0));
  EXPECT_FALSE(reader->is_locked(1));
}

TEST_F(PosixFileSystemTest, ListsNamesAndKinds) {
  make("file");
  EXPECT_TRUE(system_->make_directory(directory_.at("folder")));
  EXPECT_FALSE(system_->make_directory(directory_.at("folder")));
  ASSERT_EQ(mkfifo(directory_.at("fifo").c_str(), 0600), 0);
  auto entries = system_->list(directory_.path());
  std::sort(entries.begin(), entries.end(), [](auto& a, auto& b) { return a.name < b.name; });
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].name, "fifo");
  EXPECT_EQ(entries[0].kind, FileKind::kOther);
  EXPECT_EQ(entries[1].kind, FileKind::kRegular);
  EXPECT_EQ(entries[2].kind, FileKind::kDirectory);
}

TEST_F(PosixFileSystemTest, KindOfNothingIsNone) {
  make("file");
  EXPECT_EQ(system_->kind_of(directory_.at("nothing")), std::nullopt);
  EXPECT_EQ(system_->kind_of(directory_.at("file/below")), std::nullopt);
  EXPECT_EQ(system_->kind_of(directory_.path()), FileKind::kDirectory);
}

TEST_F(PosixFileSystemTest, RemovesOnce) {
  make("a");
  EXPECT_TRUE(system_->remove(directory_.at("a")));
  EXPECT_FALSE(system_->remove(directory_.at("a")));
  system_->sync_directory(directory_.path());
}

TEST_F(PosixFileSystemTest, ErrorsNamePathCallAndReason) {
  const auto nowhere = directory_.at("no/such/place");
  try {
    system_->open(nowhere, OpenMode::kCreateNew);
    ADD_FAILURE();
  } catch (const UnexpectedError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find(nowhere), std::string::npos) << text;
    EXPECT_NE(text.find("open"), std::string::npos) << text;
    EXPECT_NE(text.find("No such file or directory"), std::string::npos) << text;
  }
  EXPECT_THROW(system_->list(nowhere), UnexpectedError);
  EXPECT_THROW(system_->sync_directory(nowhere), UnexpectedError);
  EXPECT_THROW(system_->open(directory_.path(), OpenMode::kReadWrite), UnexpectedError);
}

TEST_F(PosixFileSystemTest, AFullDeviceIsNoSpace) {
  const auto full = system_->open("/dev/full", OpenMode::kReadWrite);
  ASSERT_NE(full, nullptr);
  EXPECT_THROW(write(*full, 0, "x"), NoSpaceError);
}

TEST_F(PosixFileSystemTest, WhatMayNotBeReadIsNotAuthorized) {
  const testing::Unprivileged nobody(directory_.path());
  make("secret");
  ASSERT_EQ(chmod(directory_.at("secret").c_str(), 0), 0);
  EXPECT_THROW(system_->open(directory_.at("secret"), OpenMode::kRead), NotAuthorizedError);
}

TEST(AbsolutePath, StartsAtTheWorkingDirectory) {
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(absolute_path("a/b"), here + "/a/b");
  EXPECT_EQ(absolute_path("/a/b"), "/a/b");
}

TEST(ParentDirectory, IsThePathWithoutItsLastPart) {
  EXPECT_EQ(parent_directory("/a/b"), "/a");
  EXPECT_EQ(parent_directory("/a/b/"), "/a");
  EXPECT_EQ(parent_directory("/a"), "/");
  EXPECT_EQ(parent_directory("a"), ".");
  EXPECT_EQ(parent_directory("a/b"), "a");
  EXPECT_EQ(parent_directory("/"), "/");
}

}  // namespace
}  // namespace protobase::os
