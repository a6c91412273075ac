#include "cli/directory_doctor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "testing/forwarding_file_system.h"
#include "testing/temporary_directory.h"

namespace protobase::cli {
namespace {

class DirectoryDoctorTest : public ::testing::Test {
 protected:
  std::vector<DoctorFinding> examine(const std::string& path) {
    return examine_directory(path, *os::posix_file_system(), *os::system_random());
  }
  testing::TemporaryDirectory temporary_;
};

bool is_healthy(const std::vector<DoctorFinding>& findings) {
  return std::ranges::all_of(findings, &DoctorFinding::is_ok);
}

TEST_F(DirectoryDoctorTest, AGoodDirectoryStaysEmpty) {
  const auto findings = examine(temporary_.path());
  EXPECT_EQ(findings.size(), 5u);
  EXPECT_TRUE(is_healthy(findings));
  EXPECT_TRUE(os::posix_file_system()->list(temporary_.path()).empty());
}

/// Locks that shut nobody out, and a disk that does not sync.
class BadFile final : public testing::ForwardingFile {
 public:
  using ForwardingFile::ForwardingFile;
  bool try_lock(std::uint64_t /*byte*/, bool /*exclusive*/) override { return true; }
  void sync_data() override { throw UnexpectedError("fdatasync: no"); }
};

class BadFileSystem final : public testing::ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override {
    return std::make_unique<BadFile>(ForwardingFileSystem::open(path, mode));
  }
};

TEST_F(DirectoryDoctorTest, ADiskThatDoesNotSyncAndLocksThatDoNotLockAreFound) {
  BadFileSystem file_system(os::posix_file_system());
  std::vector<std::string> failed;
  for (const auto& finding :
       examine_directory(temporary_.path(), file_system, *os::system_random())) {
    if (!finding.is_ok) failed.push_back(finding.check);
  }
  EXPECT_EQ(failed, (std::vector<std::string>{"sync", "locks"}));
  EXPECT_TRUE(os::posix_file_system()->list(temporary_.path()).empty());
}

TEST_F(DirectoryDoctorTest, WhatIsNotThereOrNoDirectoryIsNamed) {
  std::ofstream(temporary_.at("file")) << "x";
  for (const char* name : {"absent", "file"}) {
    const auto findings = examine(temporary_.at(name));
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_FALSE(findings[0].is_ok);
    EXPECT_NE(findings[0].detail.find(temporary_.at(name)), std::string::npos);
  }
}

}  // namespace
}  // namespace protobase::cli
