#include "file/wal_writer.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "format/commit_record.h"
#include "format/record.h"
#include "protobase/errors.h"
#include "testing/counting_file_system.h"
#include "testing/expect_error.h"
#include "testing/fault_file_system.h"
#include "testing/temporary_directory.h"
#include "wal/log_buffer.h"

namespace protobase::file {
namespace {

const UUID kWAL = *UUID::parse("2ae5eaa6-abb9-489e-bad2-86a51861ec98");

class WALWriterTest : public ::testing::Test {
 protected:
  WALWriterTest() : buffer_(std::size_t{8} << 20) {
    writer_ = WALWriter::create(directory_, kWAL, *os::system_clock());
    buffer_.start_wal({kWAL, kWALFirstRecordOffset});
  }

  AtomPointer append(std::size_t size) {
    const std::string payload(size, 'p');
    return buffer_.append(format::RecordType::kData, RecordFormat::kRaw, as_bytes(payload),
                          format::hash_payload(as_bytes(payload)));
  }
  RootVersion append_commit(std::uint64_t sequence) {
    RootVersion version;
    version.sequence = sequence;
    buffer_.append_commit(version);
    return version;
  }
  void write() {
    while (const auto operation = buffer_.next_operation()) {
      writer_->write(*operation);
      buffer_.mark_written(*operation);
      buffer_.mark_durable(*operation);
    }
  }
  std::string path() const { return directory_.wal_path(kWAL); }
  std::unique_ptr<os::File> open() { return counting_->open(path(), os::OpenMode::kReadWrite); }
  WALHead head() { return read_wal_head(*open(), kWAL); }
  WALTail tail() { return read_wal_tail(*open(), kWAL, head()); }

  testing::TemporaryDirectory temporary_;
  std::shared_ptr<testing::CountingFileSystem> counting_ =
      std::make_shared<testing::CountingFileSystem>();
  SpaceDirectory directory_{counting_, temporary_.path()};
  std::shared_ptr<WALWriter> writer_;
  wal::LogBuffer buffer_;
};

TEST_F(WALWriterTest, HeaderAndEntryAreSyncedBeforeTheFirstRecord) {
  EXPECT_EQ(counting_->counts().syncs, 0u) << "begun by the first write";
  append(100);
  write();
  EXPECT_EQ(counting_->counts().syncs, 1u);
  EXPECT_EQ(counting_->counts().directory_syncs, 1u);
  EXPECT_EQ(head().state, format::WALHeaderState::kValid);
  EXPECT_GT(std::filesystem::file_size(path()), format::kWALHeaderSize);
}

TEST_F(WALWriterTest, AnIDIsNeverUsedTwice) {
  EXPECT_THROW(WALWriter::create(directory_, kWAL, *os::system_clock()), UnexpectedError);
}

TEST(WALWriterRoom, AFailedSyncOfTheRoomPoisonsTheWAL) {
  testing::TemporaryDirectory place;
  const auto faults = std::make_shared<testing::FaultFileSystem>(os::posix_file_system());
  const SpaceDirectory directory(faults, place.path());
  const auto writer = WALWriter::create(directory, kWAL, *os::system_clock());
  writer->begin();
  testing::Fault once;
  once.only = testing::FileCall::kSyncData;
  faults->set_fault(once);
  EXPECT_THROW(writer->reserve(8 << 20), UnexpectedError);
  EXPECT_EQ(faults->hits(), 1u);
  testing::expect_error<UnexpectedError>(
      [&] { writer->sync(); }, {kWAL.to_string(), "takes no more writes", "Input/output"});
  EXPECT_THROW(writer->write({}), UnexpectedError);
  EXPECT_THROW(writer->close(/*sealed=*/true), UnexpectedError);
}

TEST(WALWriterCreation, CanBeTriedAgainAfterItFailed) {
  testing::TemporaryDirectory place;
  const auto faults = std::make_shared<testing::FaultFileSystem>(os::posix_file_system());
  const SpaceDirectory directory(faults, place.path());
  testing::Fault once;
  once.only = testing::FileCall::kTryLock;
  faults->set_fault(once);
  EXPECT_THROW(WALWriter::create(directory, kWAL, *os::system_clock()), UnexpectedError);
  EXPECT_NO_THROW(WALWriter::create(directory, kWAL, *os::system_clock()));
}

TEST_F(WALWriterTest, RoomThatWasReservedIsCutOffByClosing) {
  append(100);
  write();
  writer_->reserve(3 << 20);
  const auto size = std::filesystem::file_size(path());
  EXPECT_GE(size, writer_->written() + (3 << 20));
  append(64 << 10);  // so little that no more room is made meanwhile
  write();
  EXPECT_EQ(std::filesystem::file_size(path()), size) << "the log only overwrites";
  writer_->sync();
  writer_->close(/*sealed=*/false);
  EXPECT_EQ(std::filesystem::file_size(path()), buffer_.next().offset);
  EXPECT_TRUE(tail().settled);
}

TEST_F(WALWriterTest, TheFileIsLockedWhileItIsWritten) {
  EXPECT_FALSE(open()->try_lock(kWriterLock, true));
  writer_.reset();
  EXPECT_TRUE(open()->try_lock(kWriterLock, true));
}

TEST_F(WALWriterTest, DurableFollowsTheSync) {
  append(100);
  write();
  EXPECT_EQ(writer_->durable(), kWALFirstRecordOffset);
  EXPECT_EQ(writer_->written(), kWALFirstRecordOffset + 120);
  EXPECT_EQ(writer_->records(), 0u);
  writer_->sync();
  EXPECT_EQ(writer_->durable(), kWALFirstRecordOffset + 120);
  EXPECT_EQ(writer_->records(), 1u);
}

TEST_F(WALWriterTest, SmallCommitsFindTheirSpaceReady) {
  append(100);
  write();
  const auto size = std::filesystem::file_size(path());
  EXPECT_GT(size, kWALFirstRecordOffset + 120);
  for (int i = 0; i < 300; ++i) {
    append(100);
    write();
  }
  EXPECT_EQ(std::filesystem::file_size(path()), size)
      << "the size stays, so a sync needs no journal";
}

TEST_F(WALWriterTest, ASmallStoreStaysSmall) {
  append(100);
  write();
  EXPECT_LE(std::filesystem::file_size(path()), 256u << 10);
}

TEST_F(WALWriterTest, AGapIsRefused) {
  append(100);
  auto operation = *buffer_.next_operation();
  operation.offset += 8;
  EXPECT_THROW(writer_->write(operation), UnexpectedError);
  write();  // and does no harm
  EXPECT_EQ(tail().records, 1u);
}

TEST_F(WALWriterTest, ClosingLeavesAClosingCheckpointAndNoRoomBehind) {
  append(100);
  const auto commit = append_commit(7);
  write();
  writer_->sync();
  writer_->close(/*sealed=*/false);
  const auto end = buffer_.next().offset;
  EXPECT_EQ(std::filesystem::file_size(path()), end);
  const auto checkpoint = head().checkpoint;
  EXPECT_TRUE(checkpoint.closed);
  EXPECT_FALSE(checkpoint.sealed);
  EXPECT_EQ(checkpoint.durable_offset, end);
  EXPECT_EQ(checkpoint.commit_sequence, 7u);
  EXPECT_EQ(checkpoint.commit_offset, commit.commit.offset);
  EXPECT_EQ(checkpoint.records, 2u);
  EXPECT_TRUE(tail().settled);
  EXPECT_EQ(tail().newest_commit->sequence, 7u);
}

TEST_F(WALWriterTest, ASealedOneSaysSoDurably) {
  append(100);
  write();
  writer_->sync();
  const auto syncs = counting_->counts().syncs.load();
  writer_->close(/*sealed=*/true);
  EXPECT_TRUE(head().checkpoint.sealed);
  EXPECT_EQ(counting_->counts().syncs, syncs + 1);
  EXPECT_THROW(writer_->sync(), UnexpectedError);
}

TEST_F(WALWriterTest, CheckpointsFollowTheLogAndSayOnlyWhatWasDurable) {
  for (int i = 0; i < 6; ++i) {
    append(2 << 20);
    write();
    const auto checkpoint = head().checkpoint;
    EXPECT_LE(checkpoint.durable_offset, writer_->durable());
    writer_->sync();
  }
  const auto checkpoint = head().checkpoint;
  EXPECT_GT(checkpoint.durable_offset, std::uint64_t{4} << 20);
  EXPECT_FALSE(checkpoint.closed);
  EXPECT_GE(checkpoint.generation, 2u);
  EXPECT_LE(writer_->durable() - checkpoint.durable_offset, std::uint64_t{9} << 20);
}

TEST_F(WALWriterTest, TheTailIsReadFromTheCheckpointWithAllCounts) {
  for (int i = 1; i <= 5; ++i) {
    append(2 << 20);
    append_commit(static_cast<std::uint64_t>(i));
    write();
    writer_->sync();
  }
  const auto found = tail();
  EXPECT_EQ(found.records, 10u);
  EXPECT_EQ(found.end, buffer_.next().offset);
  EXPECT_EQ(found.newest_commit->sequence, 5u);
  EXPECT_TRUE(found.damage.empty());
  EXPECT_FALSE(found.torn);
}

TEST_F(WALWriterTest, SettlingCutsOffWhatIsTornAndClosesTheRest) {
  append(100);
  append_commit(1);
  write();
  writer_->sync();
  const auto acknowledged = buffer_.next().offset;
  append(1000);
  append_commit(2);
  write();
  writer_.reset();  // it died
  testing::flip_bit(path(), acknowledged + 500);
  auto torn = tail();
  EXPECT_TRUE(torn.torn);
  EXPECT_EQ(torn.end, acknowledged);
  EXPECT_TRUE(torn.damage.empty());
  WALHead wal = head();
  settle_wal_tail(*open(), kWAL, wal, torn);
  EXPECT_EQ(std::filesystem::file_size(path()), acknowledged);
  EXPECT_TRUE(head().checkpoint.closed);
  EXPECT_TRUE(tail().settled);
  EXPECT_EQ(tail().newest_commit->sequence, 1u);
  const auto once = testing::read_file(path());
  WALHead again = head();
  settle_wal_tail(*open(), kWAL, again, tail());
  EXPECT_EQ(testing::read_file(path()), once) << "settling what is settled changes nothing";
}

TEST_F(WALWriterTest, ALostCommitIsNamedByItsCheckpoint) {
  append(100);
  const auto commit = append_commit(9);
  write();
  writer_->sync();
  writer_->close(false);
  testing::flip_bit(path(), commit.commit.offset + 20);
  const auto found = tail();
  ASSERT_TRUE(found.lost_commit);
  EXPECT_EQ(found.lost_commit->commit_sequence, 9u);
  EXPECT_FALSE(found.newest_commit);
}

}  // namespace
}  // namespace protobase::file
