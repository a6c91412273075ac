#include "wal/log_buffer.h"

#include <gtest/gtest.h>

#include <string>

#include "base/endian.h"
#include "format/commit_record.h"

namespace protobase::wal {
namespace {

using format::kCommitPayloadSize;
using format::kRecordHeaderSize;
using format::RecordType;
using format::stored_size;

const UUID kFirst = *UUID::parse("11111111-0000-4000-8000-000000000000");
const UUID kSecond = *UUID::parse("22222222-0000-4000-8000-000000000000");
constexpr std::size_t kChunk = 256;
constexpr std::uint64_t kCommitSize = kRecordHeaderSize + kCommitPayloadSize;

class LogBufferTest : public ::testing::Test {
 protected:
  LogBufferTest() { buffer_.start_wal({kFirst, 4096}); }

  AtomPointer append(std::string_view payload) {
    return buffer_.append(RecordType::kData, RecordFormat::kRaw, as_bytes(payload),
                          format::hash_payload(as_bytes(payload)));
  }

  AtomPointer append_commit(std::uint64_t sequence) {
    RootVersion version;
    version.sequence = sequence;
    buffer_.append_commit(version);
    return version.commit;
  }

  /// The payload found in the buffer at `pointer`, verified.
  std::string found(const AtomPointer& pointer) const {
    const auto bytes = buffer_.find(pointer);
    if (!bytes) return "(not buffered)";
    format::RecordHeader header;
    EXPECT_EQ(format::parse_header(bytes->span(), header), format::HeaderState::kValid);
    EXPECT_TRUE(format::verify_record(bytes->span(), pointer));
    return std::string(bytes->as_text().substr(kRecordHeaderSize, header.payload_size));
  }

  static std::string content(const WALWriteOperation& operation) {
    std::string all;
    for (const auto& segment : operation.segments) all += segment.as_text();
    return all;
  }

  void flush() {
    while (const auto operation = buffer_.next_operation()) {
      buffer_.mark_written(*operation);
      buffer_.mark_durable(*operation);
    }
  }

  LogBuffer buffer_{kChunk};
  os::SpareMemory spare_{1 << 20};
};

TEST_F(LogBufferTest, BeforeTheFirstWALThereIsNone) {
  const LogBuffer fresh(kChunk);
  EXPECT_FALSE(fresh.has_wal());
  EXPECT_FALSE(fresh.next_operation());
  EXPECT_TRUE(fresh.state().transaction_id.is_nil());
}

TEST_F(LogBufferTest, AddressesFollowFromTheSizes) {
  EXPECT_EQ(append("12345678"), (AtomPointer{kFirst, 4096}));
  EXPECT_EQ(append("123456789"), (AtomPointer{kFirst, 4096 + 24}));
  EXPECT_EQ(append("x"), (AtomPointer{kFirst, 4096 + 24 + 32}));
  EXPECT_EQ(buffer_.next(), (AtomPointer{kFirst, 4096 + 24 + 32 + 24}));
  EXPECT_EQ(buffer_.end_position(), 80u);
  EXPECT_EQ(buffer_.unflushed_records(), 3u);
}

TEST_F(LogBufferTest, WhatWasAppendedIsFoundAtOnce) {
  const auto first = append("first");
  const auto second = append("second");
  EXPECT_EQ(found(first), "first");
  EXPECT_EQ(found(second), "second");
  EXPECT_FALSE(buffer_.find(buffer_.next()));
  EXPECT_FALSE(buffer_.find({kSecond, 4096}));
  EXPECT_FALSE(buffer_.find({kFirst, 4088}));
}

TEST_F(LogBufferTest, ARecordNeverStraddlesTwoChunks) {
  std::vector<AtomPointer> pointers;
  for (int i = 0; i < 40; ++i)
    pointers.push_back(append(std::string(40, static_cast<char>('a' + i % 26))));
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(found(pointers[i]), std::string(40, static_cast<char>('a' + i % 26)));
  }
  const auto operation = buffer_.next_operation();
  EXPECT_EQ(operation->segments.size(), 10u);  // four records of 56 bytes go into 256
  EXPECT_EQ(operation->size(), 40u * 56u);
  for (const auto& segment : operation->segments) EXPECT_EQ(segment.size() % 56, 0u);
}

TEST_F(LogBufferTest, ARecordThatFillsAChunkExactlyFits) {
  append(std::string(kChunk - kRecordHeaderSize, 'f'));
  append("next");
  EXPECT_EQ(buffer_.next_operation()->segments.size(), 2u);
}

TEST_F(LogBufferTest, LargerOnesGetAChunkOfTheirOwn) {
  const auto small = append("small");
  const auto large = append(std::string(10 * kChunk, 'L'));
  const auto prepared = buffer_.append(
      RecordFormat::kJSON, prepare_record(as_bytes(std::string(5 * kChunk, 'P')), spare_));
  const auto after = append("after");
  EXPECT_EQ(found(small), "small");
  EXPECT_EQ(found(large), std::string(10 * kChunk, 'L'));
  EXPECT_EQ(found(prepared), std::string(5 * kChunk, 'P'));
  EXPECT_EQ(found(after), "after");
  EXPECT_EQ(prepared.offset, large.offset + stored_size(10 * kChunk));
  EXPECT_EQ(after.offset, prepared.offset + stored_size(5 * kChunk));
}

TEST_F(LogBufferTest, APreparedRecordHasTheSameBytesAsAnAppendedOne) {
  const std::string payload(300, 'p');
  LogBuffer other(kChunk);
  other.start_wal({kFirst, 4096});
  other.append(RecordFormat::kRaw, prepare_record(as_bytes(payload), spare_));
  append(payload);
  EXPECT_EQ(content(*other.next_operation()), content(*buffer_.next_operation()));
}

TEST_F(LogBufferTest, AnOperationCoversEverythingAndWhatComesLaterIsTheNext) {
  append("one");
  append("two");
  const auto first = buffer_.next_operation();
  append("three, while the first is on its way");
  EXPECT_EQ(first->offset, 4096u);
  EXPECT_EQ(first->size(), 48u);
  EXPECT_EQ(first->records, 2u);
  buffer_.mark_written(*first);
  buffer_.mark_durable(*first);
  const auto second = buffer_.next_operation();
  EXPECT_EQ(second->offset, 4096u + 48u);
  EXPECT_EQ(second->records, 1u);
  buffer_.mark_written(*second);
  buffer_.mark_durable(*second);
  EXPECT_FALSE(buffer_.next_operation());
  EXPECT_EQ(buffer_.durable_position(), buffer_.end_position());
  EXPECT_EQ(buffer_.unflushed_records(), 0u);
}

TEST_F(LogBufferTest, DurableBytesLeaveTheBuffer) {
  const auto early = append(std::string(200, 'e'));
  append(std::string(200, 'm'));
  const auto late = append(std::string(200, 'l'));
  flush();
  EXPECT_FALSE(buffer_.find(early));
  EXPECT_EQ(found(late), std::string(200, 'l')) << "the chunk being appended to stays";
}

TEST_F(LogBufferTest, BytesHandedOutStayWhenTheBufferGoesOn) {
  append("kept by its reader");
  const auto held = buffer_.find({kFirst, 4096});
  for (int i = 0; i < 100; ++i) {
    append(std::string(100, 'z'));
    flush();
  }
  EXPECT_EQ(held->as_text().substr(kRecordHeaderSize, 18), "kept by its reader");
}

TEST(LogBufferInBulk, BlocksOutOfLargePagesKeepEveryRecord) {
  LogBuffer buffer(384 * 1024);  // five of them, and a rest, in a large page
  buffer.start_wal({kFirst, 4096});
  constexpr int kRecords = 80;
  const auto payload = [](int i) { return std::string(100'000, static_cast<char>('!' + i)); };
  std::vector<AtomPointer> pointers;
  std::optional<WALWriteOperation> first_half;
  for (int i = 0; i < kRecords; ++i) {
    if (i == kRecords / 2) {
      first_half = buffer.next_operation();
      buffer.mark_written(*first_half);
      buffer.mark_durable(*first_half);
    }
    const std::string bytes = payload(i);
    pointers.push_back(buffer.append(RecordType::kData, RecordFormat::kRaw, as_bytes(bytes),
                                     format::hash_payload(as_bytes(bytes))));
  }
  const auto check = [&](std::span<const std::byte> record, int i) {
    EXPECT_TRUE(format::verify_record(record, pointers[static_cast<std::size_t>(i)])) << i;
    EXPECT_EQ(static_cast<char>(record[kRecordHeaderSize]), '!' + i);
  };
  for (int i = kRecords / 2; i < kRecords; ++i) {
    const auto found = buffer.find(pointers[static_cast<std::size_t>(i)]);
    ASSERT_TRUE(found) << i;
    check(found->span(), i);
  }
  int written = 0;  // what was handed out stays, whatever the buffer did since
  for (const SharedBytes& segment : first_half->segments) {
    const std::size_t size = stored_size(100'000);
    for (std::size_t at = 0; at < segment.size(); at += size) {
      check(segment.span().subspan(at, size), written++);
    }
  }
  EXPECT_EQ(written, kRecords / 2);
}

TEST_F(LogBufferTest, AnotherWALIsAnotherOperation) {
  const auto old = append("in the first");
  buffer_.start_wal({kSecond, 8192});
  const auto young = append("in the second");
  EXPECT_EQ(young, (AtomPointer{kSecond, 8192}));
  EXPECT_EQ(found(old), "in the first");
  const auto first = buffer_.next_operation();
  EXPECT_EQ(first->transaction_id, kFirst);
  EXPECT_EQ(first->records, 1u);
  buffer_.mark_written(*first);
  buffer_.mark_durable(*first);
  EXPECT_EQ(buffer_.state().base, 8192u) << "the old WAL's bytes say nothing about the new one";
  const auto second = buffer_.next_operation();
  EXPECT_EQ(second->transaction_id, kSecond);
  EXPECT_EQ(second->offset, 8192u);
  buffer_.mark_written(*second);
  buffer_.mark_durable(*second);
  EXPECT_EQ(buffer_.state().base, buffer_.next().offset);
  EXPECT_FALSE(buffer_.next_operation());
}

TEST_F(LogBufferTest, ACommitRecordSaysWhereItIsAndWhatWasDurable) {
  append("flushed before");
  flush();
  const std::uint64_t durable = buffer_.next().offset;
  append("of this batch");
  const auto where = append_commit(7);
  EXPECT_EQ(where.offset, durable + stored_size(13));
  const auto bytes = buffer_.find(where)->span().subspan(kRecordHeaderSize);
  const auto payload = format::read_commit_payload(bytes.first<kCommitPayloadSize>(), where);
  EXPECT_EQ(payload.version.sequence, 7u);
  EXPECT_EQ(payload.durable_offset, durable);
}

TEST_F(LogBufferTest, AnOperationNamesItsNewestCommit) {
  append_commit(1);
  const auto newest = append_commit(2);
  append("behind both");
  const auto operation = buffer_.next_operation();
  ASSERT_TRUE(operation->newest_commit);
  EXPECT_EQ(operation->newest_commit->sequence, 2u);
  EXPECT_EQ(operation->newest_commit->offset, newest.offset);
  buffer_.mark_written(*operation);
  buffer_.mark_durable(*operation);
  append("without");
  EXPECT_FALSE(buffer_.next_operation()->newest_commit);
}

TEST_F(LogBufferTest, CommitsOfAnOldWALAreNotNamedForTheNewOne) {
  append_commit(1);
  buffer_.start_wal({kSecond, 4096});
  append("no commit here");
  const auto last = buffer_.next_operation();
  buffer_.mark_written(*last);
  buffer_.mark_durable(*last);
  EXPECT_FALSE(buffer_.next_operation()->newest_commit);
}

TEST_F(LogBufferTest, OnlyCommitsAndMarksSealTheLog) {
  EXPECT_FALSE(buffer_.has_unsealed_records());
  append("data");
  EXPECT_TRUE(buffer_.has_unsealed_records());
  buffer_.append_mark();
  EXPECT_FALSE(buffer_.has_unsealed_records());
  append("data");
  append_commit(1);
  EXPECT_FALSE(buffer_.has_unsealed_records());
}

TEST_F(LogBufferTest, GivenUpCommitsBecomeVoidRecordsOfTheSameSize) {
  append("kept");
  const std::uint64_t before = buffer_.end_position();
  const auto first = append_commit(1);
  const auto second = append_commit(2);
  const auto end = buffer_.next();
  buffer_.give_up_commits(before);
  EXPECT_EQ(buffer_.next(), end);
  for (const auto& where : {first, second}) {
    const auto bytes = buffer_.find(where);
    format::RecordHeader header;
    ASSERT_EQ(format::parse_header(bytes->span(), header), format::HeaderState::kValid);
    EXPECT_EQ(header.type, RecordType::kVoid);
    EXPECT_EQ(format::stored_size(header.payload_size), kCommitSize);
    EXPECT_TRUE(format::verify_record(bytes->span(), where));
  }
  EXPECT_FALSE(buffer_.next_operation()->newest_commit);
  EXPECT_EQ(buffer_.next_operation()->records, 3u);
  EXPECT_TRUE(buffer_.has_unsealed_records());
}

TEST_F(LogBufferTest, CommitsBelowTheGivenPlaceStay) {
  const auto kept = append_commit(1);
  const std::uint64_t from = buffer_.end_position();
  append_commit(2);
  buffer_.give_up_commits(from);
  const auto operation = buffer_.next_operation();
  ASSERT_TRUE(operation->newest_commit);
  EXPECT_EQ(operation->newest_commit->sequence, 1u);
  EXPECT_EQ(operation->newest_commit->offset, kept.offset);
}

TEST_F(LogBufferTest, TheStateTellsWhatIsBuffered) {
  append("12345678");
  flush();
  append("123456789");
  const WALState state = buffer_.state();
  EXPECT_EQ(state.transaction_id, kFirst);
  EXPECT_EQ(state.base, 4096u + 24u);
  EXPECT_EQ(state.offset, 4096u + 24u + 32u);
  EXPECT_EQ(state.buffered_bytes, 32u);
  EXPECT_EQ(state.buffered_operations, 1u);
}

TEST_F(LogBufferTest, WhatIsDurableAndHeldByNobodyGivesItsMemoryToTheNext) {
  const auto first = append("first");
  const std::byte* const memory = buffer_.find(first)->span().data();
  flush();
  const auto second = append("second");
  EXPECT_EQ(buffer_.find(second)->span().data(), memory);
  EXPECT_EQ(found(second), "second");
  EXPECT_EQ(found(first), "(not buffered)");
}

TEST_F(LogBufferTest, WhatSomebodyHoldsStaysAsItIs) {
  const auto first = append("first");
  const auto held = buffer_.find(first);
  flush();
  const auto second = append("second");
  EXPECT_NE(buffer_.find(second)->span().data(), held->span().data());
  EXPECT_TRUE(format::verify_record(held->span(), first));
  EXPECT_EQ(found(second), "second");
}

TEST_F(LogBufferTest, AnOperationInSomebodysHandsKeepsItsBytes) {
  const auto first = append("first");
  const auto operation = buffer_.next_operation();
  const std::string before = content(*operation);
  buffer_.mark_written(*operation);
  buffer_.mark_durable(*operation);
  const auto second = append("a longer second");
  EXPECT_EQ(content(*operation), before);
  EXPECT_EQ(found(second), "a longer second");
  EXPECT_EQ(found(first), "(not buffered)");
}

TEST_F(LogBufferTest, ACommitThatMayBeTakenBackKeepsItsMemory) {
  append(std::string(kChunk / 2, 'x'));
  append_commit(1);
  const std::uint64_t from = buffer_.end_position();
  append_commit(2);
  const auto after = append("after");
  buffer_.give_up_commits(from);
  flush();
  const auto next = append("next");
  buffer_.give_up_commits(0);
  EXPECT_EQ(found(next), "next") << "what is durable is nobody's to take back";
  EXPECT_EQ(found(after), "(not buffered)");
}

TEST_F(LogBufferTest, WhatIsDurableIsGivenToTheCallerToLetGo) {
  const std::string large(3 * kChunk, 'x');
  buffer_.append(RecordFormat::kRaw, prepare_record(as_bytes(large), spare_));
  append("small");
  const auto operation = buffer_.next_operation();
  buffer_.mark_written(*operation);
  const auto memory = buffer_.mark_durable(*operation);
  ASSERT_EQ(memory.size(), 1u) << "the last chunk stays";
  EXPECT_EQ(memory[0].get(), operation->segments[0].span().data());
  EXPECT_EQ(memory[0].use_count(), 2) << "here and in the operation";
}

}  // namespace
}  // namespace protobase::wal
