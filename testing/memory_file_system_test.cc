// The crash model itself: what is durable when, and what a power cut may leave.
#include "testing/memory_file_system.h"

#include <gtest/gtest.h>

#include <string>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"

namespace protobase::testing {
namespace {

using Fate = Outcome::Fate;

void write(os::File& file, std::uint64_t offset, const std::string& text) {
  const auto bytes = as_bytes(text);
  file.write(offset, {&bytes, 1});
}

std::string text_of(const MemoryFileSystem& system, const std::string& path) {
  const auto bytes = system.content(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The content of /f after a power cut with these outcomes.
std::string after_crash(const MemoryFileSystem& system, const std::vector<Outcome>& outcomes) {
  return text_of(*system.crash_clone(outcomes), "/f");
}

/// /f with durable content "base", and the file system it lies in.
std::shared_ptr<MemoryFileSystem> with_durable_file() {
  auto system = std::make_shared<MemoryFileSystem>();
  const auto file = system->open("/f", os::OpenMode::kCreateNew);
  write(*file, 0, "base");
  file->sync_data();
  system->sync_directory("/");
  return system;
}

TEST(MemoryFileSystem, WhatWasSyncedSurvivesAndNothingElseIsUncertain) {
  const auto system = with_durable_file();
  EXPECT_TRUE(system->uncertainties().empty());
  EXPECT_EQ(after_crash(*system, {}), "base");
}

TEST(MemoryFileSystem, ASyncedFileWithoutDurableEntryMayBeLost) {
  MemoryFileSystem system;
  const auto file = system.open("/f", os::OpenMode::kCreateNew);
  write(*file, 0, "data");
  file->sync_data();
  ASSERT_EQ(system.uncertainties().size(), 1u);
  EXPECT_EQ(system.uncertainties()[0].kind, Uncertainty::Kind::kEntry);
  const std::vector<Outcome> lost{{Fate::kLost}};
  EXPECT_FALSE(system.crash_clone(lost)->kind_of("/f"));
  EXPECT_EQ(after_crash(system, {{Fate::kKept}}), "data");
}

TEST(MemoryFileSystem, ARemovedFileComesBackWhenTheDirectoryWasNotSynced) {
  const auto system = with_durable_file();
  EXPECT_TRUE(system->remove("/f"));
  EXPECT_FALSE(system->remove("/f"));
  EXPECT_EQ(after_crash(*system, {{Fate::kLost}}), "base");
  system->sync_directory("/");
  EXPECT_FALSE(system->crash_clone({})->kind_of("/f"));
}

TEST(MemoryFileSystem, WritesReachTheDiskInAnyOrderAndTorn) {
  const auto system = with_durable_file();
  const auto file = system->open("/f", os::OpenMode::kReadWrite);
  write(*file, 0, "AB");
  write(*file, 2, "CD");
  EXPECT_EQ(system->uncertainties().size(), 2u);
  EXPECT_EQ(after_crash(*system, {{Fate::kLost}, {Fate::kKept}}), "baCD");
  EXPECT_EQ(after_crash(*system, {{Fate::kPrefix, 1}, {Fate::kSuffix, 1}}), "AasD");
  EXPECT_EQ(after_crash(*system, {{Fate::kGarbage, 0}, {Fate::kLost}}), "base");
  EXPECT_EQ(text_of(*system->clone(), "/f"), "ABCD");
}

TEST(MemoryFileSystem, TheSizeIsUncertainApartFromTheBytes) {
  const auto system = with_durable_file();
  const auto file = system->open("/f", os::OpenMode::kReadWrite);
  write(*file, 4, "more");
  file->truncate(6);
  // size changes, then the write
  EXPECT_EQ(after_crash(*system, {{Fate::kLost}, {Fate::kKept}}), "base");
  EXPECT_EQ(after_crash(*system, {{Fate::kKept}, {Fate::kKept}}), "basemo");
  EXPECT_EQ(after_crash(*system, {{Fate::kKept}, {Fate::kLost}}), std::string("base\0\0", 6));
  EXPECT_EQ(after_crash(*system, {{Fate::kPrefix, 1}, {Fate::kKept}}), "basemore");
  const std::string garbled = after_crash(*system, {{Fate::kPrefix, 1}, {Fate::kGarbage, 1}});
  EXPECT_EQ(garbled.substr(0, 5), "basem");
  EXPECT_NE(garbled.substr(5), "ore");
}

TEST(MemoryFileSystem, AFailedSyncIsNotMadeGoodByTheNext) {
  const auto system = with_durable_file();
  const auto file = system->open("/f", os::OpenMode::kReadWrite);
  write(*file, 0, "LOST");
  system->drop_unsynced("/f");
  file->sync_data();
  EXPECT_EQ(text_of(*system, "/f"), "LOST");
  EXPECT_EQ(after_crash(*system, {}), "base");
  write(*file, 0, "LO");  // writing once more is what helps
  file->sync_data();
  EXPECT_EQ(after_crash(*system, {}), "LOse");
}

TEST(MemoryFileSystem, LocksBelongToTheOpenFile) {
  const auto system = with_durable_file();
  auto first = system->open("/f", os::OpenMode::kReadWrite);
  const auto second = system->open("/f", os::OpenMode::kReadWrite);
  EXPECT_TRUE(first->try_lock(0, true));
  EXPECT_FALSE(second->try_lock(0, false));
  EXPECT_TRUE(second->try_lock(1, true));
  EXPECT_TRUE(first->try_lock(0, false));  // replaced by a weaker one
  EXPECT_TRUE(second->try_lock(0, false));
  EXPECT_FALSE(second->try_lock(0, true));
  EXPECT_TRUE(second->is_locked(0));
  first.reset();
  EXPECT_FALSE(second->is_locked(0));
  EXPECT_TRUE(second->try_lock(0, true));
  EXPECT_TRUE(system->clone()->open("/f", os::OpenMode::kReadWrite)->try_lock(0, true));
}

TEST(MemoryFileSystem, OpenModesAndMissingThings) {
  MemoryFileSystem system;
  EXPECT_EQ(system.open("/f", os::OpenMode::kRead), nullptr);
  EXPECT_THROW(system.open("/d/f", os::OpenMode::kCreate), UnexpectedError);
  EXPECT_TRUE(system.make_directory("/d"));
  EXPECT_FALSE(system.make_directory("/d"));
  EXPECT_NE(system.open("/d/f", os::OpenMode::kCreate), nullptr);
  EXPECT_EQ(system.open("/d/f", os::OpenMode::kCreateNew), nullptr);
  EXPECT_THROW(write(*system.open("/d/f", os::OpenMode::kRead), 0, "x"), UnexpectedError);
  EXPECT_EQ(system.list("/d").size(), 1u);
}

}  // namespace
}  // namespace protobase::testing
