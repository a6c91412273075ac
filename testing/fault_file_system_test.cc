// Which call fails, how, and that the fault is seen to be hit.
#include "testing/fault_file_system.h"

#include <gtest/gtest.h>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"
#include "testing/memory_file_system.h"

namespace protobase::testing {
namespace {

struct FaultFileSystemTest : ::testing::Test {
  std::shared_ptr<MemoryFileSystem> memory = std::make_shared<MemoryFileSystem>();
  FaultFileSystem system{memory};
  std::unique_ptr<os::File> file = system.open("/f", os::OpenMode::kCreate);

  void write(std::string_view text) {
    const auto bytes = as_bytes(text);
    file->write(0, {&bytes, 1});
  }
};

TEST_F(FaultFileSystemTest, OneCallFailsOnce) {
  system.set_fault(Fault{.at_call = 2});
  write("a");
  EXPECT_THROW(write("b"), UnexpectedError);
  write("c");
  EXPECT_EQ(system.hits(), 1u);
  EXPECT_EQ(system.calls().size(), 3u);
  EXPECT_EQ(system.first_hit(), "write /f (call 2)");
}

TEST_F(FaultFileSystemTest, ForGoodMeansEveryChangeAndNoRead) {
  system.set_fault(Fault{.at_call = 1, .for_good = true});
  EXPECT_THROW(write("a"), UnexpectedError);
  EXPECT_THROW(file->sync_data(), UnexpectedError);
  std::byte byte{};
  EXPECT_EQ(file->read(0, {&byte, 1}), 0u);
  system.heal();
  write("a");
  EXPECT_EQ(system.hits(), 2u);
}

TEST_F(FaultFileSystemTest, AFullDiskLetsHalfOfAWriteThrough) {
  system.set_fault(Fault{.at_call = 1, .error = Fault::Error::kNoSpace, .half_write = true});
  EXPECT_THROW(write("abcd"), NoSpaceError);
  EXPECT_EQ(memory->content("/f").size(), 2u);
}

TEST_F(FaultFileSystemTest, AFailedSyncTellsWhichFile) {
  std::string failed;
  system.set_on_failed_sync([&](const std::string& path) { failed = path; });
  system.set_fault(Fault{.at_call = 1});
  EXPECT_THROW(file->sync_data(), UnexpectedError);
  EXPECT_EQ(failed, "/f");
}

TEST_F(FaultFileSystemTest, AFailedSyncIsToldOnceToEachOpenFile) {
  const auto other = system.open("/f", os::OpenMode::kReadWrite);
  system.set_fault(Fault{.at_call = 1});
  EXPECT_THROW(file->sync_data(), UnexpectedError);
  system.heal();
  EXPECT_NO_THROW(file->sync_data());
  EXPECT_THROW(other->sync_data(), UnexpectedError);
  EXPECT_NO_THROW(other->sync_data());
  EXPECT_NO_THROW(system.open("/f", os::OpenMode::kReadWrite)->sync_data()) << "opened afterwards";
}

TEST_F(FaultFileSystemTest, OneKindOfCallFailsForGood) {
  int hits = 0;
  system.set_on_hit([&] { ++hits; });
  system.set_fault(Fault{.at_call = 2, .for_good = true, .only = FileCall::kRead});
  std::byte byte{};
  EXPECT_EQ(file->read(0, {&byte, 1}), 0u);
  write("a");
  EXPECT_THROW(file->read(0, {&byte, 1}), UnexpectedError);
  write("b");
  EXPECT_THROW(file->read(0, {&byte, 1}), UnexpectedError);
  EXPECT_EQ(hits, 2);
  EXPECT_EQ(system.hits(), 2u);
}

}  // namespace
}  // namespace protobase::testing
