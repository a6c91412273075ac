#include "wal/scanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "format/record.h"
#include "os/file_system.h"
#include "wal/log_buffer.h"

namespace protobase::wal {
namespace {

using format::kRecordHeaderSize;

const UUID kWAL = *UUID::parse("11111111-0000-4000-8000-000000000000");
constexpr std::uint64_t kBegin = 4096;

/// A WAL as its writer would have left it: batches go through a LogBuffer onto "the medium", a
/// vector, where a test then damages what it likes.
class ScannerTest : public ::testing::Test {
 protected:
  ScannerTest() { buffer_.start_wal({kWAL, kBegin}); }

  std::uint64_t push(std::string_view payload) {
    return buffer_
        .append(format::RecordType::kData, RecordFormat::kJSON, as_bytes(payload),
                format::hash_payload(as_bytes(payload)))
        .offset;
  }
  /// Ends the batch with a commit record; everything in it is durable afterwards.
  std::uint64_t commit() {
    RootVersion version;
    version.sequence = ++sequence_;
    buffer_.append_commit(version);
    flush();
    return version.commit.offset;
  }
  /// Ends the batch with a flush mark.
  void mark() {
    buffer_.append_mark();
    flush();
  }
  /// Puts what is buffered on the medium.
  void flush() {
    while (const auto operation = buffer_.next_operation()) {
      medium_.resize(operation->offset);
      for (const auto& part : operation->segments) {
        medium_.insert(medium_.end(), part.data(), part.data() + part.size());
      }
      buffer_.mark_written(*operation);
      buffer_.mark_durable(*operation);
    }
  }

  void damage(std::uint64_t offset) { medium_.at(offset) ^= std::byte{0x40}; }
  void zero(std::uint64_t from, std::uint64_t to) {
    std::fill(medium_.begin() + static_cast<std::ptrdiff_t>(from),
              medium_.begin() + static_cast<std::ptrdiff_t>(to), std::byte{0});
  }
  /// Zeros ready behind the log, as a preallocated file has them.
  void preallocate(std::size_t bytes) { medium_.resize(medium_.size() + bytes); }

  ReadSome reader() {
    return [this](std::uint64_t offset, std::span<std::byte> out) -> std::size_t {
      ++reads_;
      if (offset >= medium_.size()) return 0;
      const auto count = std::min<std::size_t>(out.size(), medium_.size() - offset);
      std::memcpy(out.data(), medium_.data() + offset, count);
      return count;
    };
  }

  /// Scans; leaves what was visited in found_ and returns where the log ends.
  std::uint64_t scan(std::uint64_t durable = kBegin, std::uint64_t begin = kBegin) {
    WindowReader window(reader());
    found_.clear();
    return scan_records({kWAL, begin, std::max<std::uint64_t>(medium_.size(), begin), durable},
                        window, [&](const RecordInfo& info, std::span<const std::byte> payload) {
                          found_.push_back(info);
                          payloads_.emplace_back(reinterpret_cast<const char*>(payload.data()),
                                                 payload.size());
                          return true;
                        });
  }

  std::string kinds() const {
    std::string letters;  // Data, Commit, Mark, Void, Bad, Torn
    for (const auto& info : found_) letters += "DCMVBT"[static_cast<int>(info.kind)];
    return letters;
  }

  LogBuffer buffer_{64 * 1024};
  std::vector<std::byte> medium_;
  std::vector<RecordInfo> found_;
  std::vector<std::string> payloads_;
  std::uint64_t sequence_ = 0;
  int reads_ = 0;
};

TEST_F(ScannerTest, VisitsEveryRecordInOrder) {
  push("\"one\"");
  push("\"two\"");
  commit();
  push("\"three\"");
  mark();
  EXPECT_EQ(scan(), medium_.size());
  EXPECT_EQ(kinds(), "DDCDM");
  EXPECT_EQ(payloads_[1], "\"two\"");
  EXPECT_EQ(found_[0].pointer, (AtomPointer{kWAL, kBegin}));
  EXPECT_EQ(found_[0].format, RecordFormat::kJSON);
  EXPECT_EQ(found_[0].payload_size, 5u);
  EXPECT_EQ(found_[0].stored_size, 24u);
}

TEST_F(ScannerTest, AnEmptyWALHasNothing) {
  medium_.resize(kBegin);
  EXPECT_EQ(scan(), kBegin);
  preallocate(64 * 1024);
  EXPECT_EQ(scan(), kBegin);
  EXPECT_EQ(kinds(), "");
}

TEST_F(ScannerTest, ZerosReadyBehindTheLogAreNotPartOfIt) {
  push("{}");
  commit();
  const auto end = medium_.size();
  preallocate(1 << 20);
  EXPECT_EQ(scan(end), end);
  EXPECT_EQ(kinds(), "DC");
}

TEST_F(ScannerTest, TheVisitorMayStop) {
  push("1");
  const auto second = push("2");
  commit();
  WindowReader window(reader());
  int visits = 0;
  const auto end =
      scan_records({kWAL, kBegin, medium_.size(), kBegin}, window,
                   [&](const RecordInfo&, std::span<const std::byte>) { return ++visits < 2; });
  EXPECT_EQ(visits, 2);
  EXPECT_EQ(end, second);
}

TEST_F(ScannerTest, ATornLastBatchIsTornEvenWhenItsCommitIsWhole) {
  push("1");
  commit();
  const auto torn = push("never acknowledged");
  push("2");
  commit();
  damage(torn + kRecordHeaderSize);
  EXPECT_EQ(scan(), torn) << "the commit of the same batch proves nothing about it";
  EXPECT_EQ(kinds(), "DCT");
  EXPECT_EQ(found_.back().stored_size, medium_.size() - torn);
}

TEST_F(ScannerTest, ABadRecordBeforeALaterBatchIsCorruptAndPassedOver) {
  push("1");
  const auto bad = push("once durable");
  const auto after = push("3");
  commit();
  push("4");
  commit();
  damage(bad + kRecordHeaderSize);
  EXPECT_EQ(scan(), medium_.size());
  EXPECT_EQ(kinds(), "DBDCDC");
  EXPECT_EQ(found_[1].pointer.offset, bad);
  EXPECT_EQ(found_[1].stored_size, after - bad);
  EXPECT_NE(found_[1].reason.find("expected checksum"), std::string::npos) << found_[1].reason;
}

TEST_F(ScannerTest, AMarkProvesAsMuchAsACommit) {
  const auto bad = push("1");
  mark();
  push("2");
  mark();
  damage(bad + kRecordHeaderSize);
  EXPECT_EQ(scan(), medium_.size());
  EXPECT_EQ(kinds(), "BMDM");
}

TEST_F(ScannerTest, ADamagedCommitOfAnEarlierBatchIsCorrupt) {
  push("1");
  const auto bad = commit();
  push("2");
  commit();
  damage(bad + kRecordHeaderSize);
  EXPECT_EQ(scan(), medium_.size());
  EXPECT_EQ(kinds(), "DBDC");
}

TEST_F(ScannerTest, ADamagedLastCommitIsTorn) {
  push("1");
  const auto last = commit();
  damage(last + kRecordHeaderSize);
  EXPECT_EQ(scan(), last);
  EXPECT_EQ(kinds(), "DT");
}

TEST_F(ScannerTest, TheMediumsCheckpointProvesDurabilityToo) {
  const auto bad = push("1");
  const auto last = commit();
  damage(bad + kRecordHeaderSize);
  EXPECT_EQ(scan(/*durable=*/medium_.size()), medium_.size());
  EXPECT_EQ(kinds(), "BC");
  EXPECT_EQ(found_[1].pointer.offset, last);
  scan(/*durable=*/bad);
  EXPECT_EQ(kinds(), "T") << "a checkpoint that ends before it proves nothing";
}

TEST_F(ScannerTest, AGapOfZerosBelowAProofIsCorrupt) {
  const auto gap = push("1");
  const auto next = push("2");
  commit();
  push("3");
  commit();
  zero(gap, next);
  scan();
  EXPECT_EQ(kinds(), "BDCDC");
  EXPECT_EQ(found_[0].reason, "expected a record, found zeros");
}

TEST_F(ScannerTest, AGapOfZerosInTheLastBatchIsTorn) {
  push("1");
  commit();
  const auto gap = push("2");
  const auto next = push("3");
  commit();
  zero(gap, next);
  EXPECT_EQ(scan(), gap);
  EXPECT_EQ(kinds(), "DCT");
}

TEST_F(ScannerTest, AMediumCutShortBelowACheckpointIsCorrupt) {
  push("1");
  const auto second = push("2");
  commit();
  const auto end = medium_.size();
  medium_.resize(second);
  EXPECT_EQ(scan(end), second);
  EXPECT_EQ(kinds(), "DB");
  EXPECT_EQ(found_[1].pointer.offset, second);
  EXPECT_EQ(found_[1].stored_size, end - second);
}

TEST_F(ScannerTest, ZerosAllTheWayBelowACheckpointAreCorrupt) {
  push("1");
  const auto second = push("2");
  commit();
  zero(second, medium_.size());
  scan(medium_.size());
  EXPECT_EQ(kinds(), "DB");
}

TEST_F(ScannerTest, CutAtAnyByteTheLastBatchIsTornAndTheRestStays) {
  push("\"first\"");
  commit();
  const auto acknowledged = medium_.size();
  push("\"second, of some length\"");
  push("3");
  commit();
  const std::vector<std::byte> whole = medium_;
  for (std::size_t size = acknowledged; size < whole.size(); ++size) {
    medium_.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto end = scan(acknowledged);
    EXPECT_GE(end, acknowledged) << size;
    EXPECT_EQ(kinds().substr(0, 2), "DC") << size;
    EXPECT_EQ(kinds().find('B'), std::string::npos) << "cut at " << size << ": " << kinds();
  }
}

TEST_F(ScannerTest, EveryDamagedByteBelowTheProofIsFoundExactlyOnce) {
  push("\"a record\"");
  push("\"another\"");
  commit();
  const auto proven = medium_.size();
  push("later");
  commit();
  const std::vector<std::byte> whole = medium_;
  for (std::size_t at = kBegin; at < proven; ++at) {
    medium_ = whole;
    damage(at);
    EXPECT_EQ(scan(), whole.size()) << at;
    const std::string seen = kinds();
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 'B'), 1) << "byte " << at << ": " << seen;
    EXPECT_EQ(seen.substr(seen.size() - 2), "DC");
  }
}

TEST_F(ScannerTest, BadNeighboursAreOnePlace) {
  const auto first = push("1");
  const auto second = push("2");
  commit();
  push("3");
  commit();
  damage(first);
  damage(second);
  scan();
  EXPECT_EQ(kinds(), "BCDC");
  EXPECT_EQ(found_[0].stored_size, 48u);
}

TEST_F(ScannerTest, ARecordLargerThanTheWindowIsReadWhole) {
  const std::string large(1 << 20, 'x');
  push("1");
  push(large);
  push("2");
  commit();
  EXPECT_EQ(scan(), medium_.size());
  EXPECT_EQ(kinds(), "DDDC");
  EXPECT_EQ(payloads_[1], large);
}

TEST_F(ScannerTest, AWriterThatGoesOnMeanwhileIsNoDamage) {
  push("1");
  commit();
  const std::size_t seen_first = medium_.size();
  push("2");
  push(std::string(400'000, 'x'));
  commit();
  push("3");
  commit();
  const auto everything = reader();
  WindowReader window([&](std::uint64_t offset, std::span<std::byte> out) {
    const std::size_t count = everything(offset, out);
    // The first window was read before the second batch was written: zeros kept ready.
    for (std::size_t i = 0; i < count && reads_ == 1; ++i) {
      if (offset + i >= seen_first) out[i] = std::byte{0};
    }
    return count;
  });
  std::vector<RecordKind> kinds;
  const auto visit = [&](const RecordInfo& info, std::span<const std::byte>) {
    kinds.push_back(info.kind);
    return true;
  };
  EXPECT_EQ(scan_records({kWAL, kBegin, medium_.size(), kBegin}, window, visit), medium_.size());
  using enum RecordKind;
  EXPECT_EQ(kinds, (std::vector{kData, kCommit, kData, kData, kCommit, kData, kCommit}));
}

TEST_F(ScannerTest, ManySmallRecordsCostFewReads) {
  for (int i = 0; i < 20'000; ++i) push("{\"small\": 1}");
  commit();
  scan();
  EXPECT_EQ(found_.size(), 20'001u);
  EXPECT_LE(reads_, 6) << "800 KB in windows of 256 KiB";
}

TEST_F(ScannerTest, OnlyWhatTheDiskDoesNotGiveIsPassedOver) {
  push("1");
  commit();
  const auto scan_with = [&](auto throw_error) {
    WindowReader window(
        [&](std::uint64_t, std::span<std::byte>) -> std::size_t {
          throw_error();
          return 0;
        },
        OnReadError::kPassOver);
    std::vector<RecordKind> kinds;
    scan_records({kWAL, kBegin, medium_.size(), kBegin}, window,
                 [&](const RecordInfo& info, std::span<const std::byte>) {
                   kinds.push_back(info.kind);
                   return true;
                 });
    return kinds;
  };
  EXPECT_EQ(scan_with([] { throw os::ReadError("Input/output error"); }),
            std::vector{RecordKind::kBad});
  EXPECT_THROW(scan_with([] { throw UnexpectedError("Too many open files"); }), UnexpectedError);
}

TEST(WindowReader, RemembersEveryBlockItPassedOver) {
  constexpr std::uint64_t kBlock = 4096;
  constexpr std::uint64_t kBlocks = 25'000;  // every second one is bad, so that none touch
  WindowReader window(
      [&](std::uint64_t offset, std::span<std::byte> out) -> std::size_t {
        const std::uint64_t last = (offset + out.size() - 1) / kBlock;
        for (std::uint64_t block = offset / kBlock; block <= last; ++block) {
          if (block % 2 == 1) throw os::ReadError("Input/output error");
        }
        std::ranges::fill(out, std::byte{0});
        return out.size();
      },
      OnReadError::kPassOver);
  EXPECT_EQ(window.passed_over(0, kBlocks * kBlock), "");
  for (std::uint64_t block = 0; block < kBlocks; block += 64) window.at(block * kBlock, 1 << 18);
  EXPECT_EQ(window.passed_over(0, kBlock), "");
  EXPECT_EQ(window.passed_over(2 * kBlock, 3 * kBlock), "");
  for (std::uint64_t block = 1; block < kBlocks; block += 2) {
    ASSERT_EQ(window.passed_over(block * kBlock + 8, (block + 1) * kBlock), "Input/output error")
        << block;
  }
}

TEST(WindowReader, BlocksThatTouchAreOnePlace) {
  WindowReader window(
      [](std::uint64_t offset, std::span<std::byte> out) -> std::size_t {
        if (offset + out.size() > 8192) throw os::ReadError(std::to_string(offset));
        return out.size();
      },
      OnReadError::kPassOver);
  window.at(4096, 65'536);
  EXPECT_EQ(window.passed_over(4096, 8192), "");
  EXPECT_EQ(window.passed_over(60'000, 60'008), "8192") << "the place begins there";
}

TEST_F(ScannerTest, ScansFromTheMiddle) {
  push("1");
  commit();
  const auto begin = medium_.size();
  push("2");
  commit();
  EXPECT_EQ(scan(begin, begin), medium_.size());
  EXPECT_EQ(kinds(), "DC");
}

}  // namespace
}  // namespace protobase::wal
