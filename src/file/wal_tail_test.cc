// Reading the header of a WAL whose writer is only just beginning it.
#include "file/wal_tail.h"

#include <gtest/gtest.h>

#include <functional>

#include "testing/forwarding_file_system.h"
#include "testing/memory_file_system.h"

namespace protobase::file {
namespace {

const UUID kWAL = *UUID::parse("2ae5eaa6-abb9-489e-bad2-86a51861ec98");

/// Another process does something behind each read.
class BusyFile final : public testing::ForwardingFile {
 public:
  BusyFile(std::unique_ptr<os::File> inner, std::function<void()> after_read)
      : ForwardingFile(std::move(inner)), after_read_(std::move(after_read)) {}
  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    const std::size_t count = ForwardingFile::read(offset, out);
    after_read_();
    return count;
  }

 private:
  const std::function<void()> after_read_;
};

TEST(WALHead, HeaderAndLengthAreReadAgainBesideAWriterThatIsJustBeginningIt) {
  testing::MemoryFileSystem files;
  const auto writer = files.open("/wal", os::OpenMode::kCreate);
  int reads = 0;
  BusyFile file(files.open("/wal", os::OpenMode::kRead), [&] {
    if (reads++ > 0) return;
    const auto header = format::make_wal_header(kWAL);
    const std::span<const std::byte> part(header);
    writer->write(0, {&part, 1});
  });
  const WALHead head = read_wal_head(file, kWAL);
  EXPECT_EQ(head.state, format::WALHeaderState::kValid) << "not the empty file of before";
  EXPECT_TRUE(head.is_whole);
  EXPECT_EQ(head.file_size, format::kWALHeaderSize);
  EXPECT_EQ(reads, 2);
}

TEST(WALHead, OfAnEmptyFileIsUnbornAndReadOnce) {
  testing::MemoryFileSystem files;
  files.open("/wal", os::OpenMode::kCreate);
  int reads = 0;
  BusyFile file(files.open("/wal", os::OpenMode::kRead), [&] { ++reads; });
  EXPECT_TRUE(read_wal_head(file, kWAL).is_unborn);
  EXPECT_EQ(reads, 1);
}

}  // namespace
}  // namespace protobase::file
