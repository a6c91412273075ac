// Records of buffer_size and more, which a log puts in their place past its buffer: they are what
// copied ones would be, in every order with writes, commits, full disks and failures.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <new>
#include <thread>

#include "engine/log.h"
#include "format/record.h"
#include "protobase/errors.h"
#include "testing/placing_block_provider.h"

namespace protobase::engine {
namespace {

constexpr std::size_t kBuffer = 4096;

class PlacedRecordsTest : public ::testing::Test {
 protected:
  static StorageOptions options() {
    StorageOptions options;
    options.buffer_size = kBuffer;
    options.wal_max_size = 65'536;
    options.max_unflushed_bytes = 32'768;
    return options;
  }
  static std::vector<std::byte> payload(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + size);
    return bytes;
  }
  AtomPointer push(std::size_t size) { return log_.append(RecordFormat::kRaw, payload(size)); }
  void commit(std::uint64_t sequence) {
    std::vector<RootVersion> versions(1);
    versions[0].sequence = sequence;
    log_.commit(versions, [](const AtomPointer&) {});
  }
  /// The record that the medium has at `where`, verified and with zeros behind it.
  void expect_there(const AtomPointer& where, std::size_t size) {
    std::vector<std::byte> bytes(format::stored_size(size));
    provider_.read(where.transaction_id, where.offset, bytes, bytes.size());
    format::RecordHeader header;
    ASSERT_EQ(format::parse_header(bytes, header), format::HeaderState::kValid) << size;
    EXPECT_EQ(header.payload_size, size);
    EXPECT_TRUE(format::verify_record(bytes, where)) << size;
    const auto found = std::span(bytes).subspan(format::kRecordHeaderSize, size);
    EXPECT_TRUE(std::ranges::equal(found, payload(size))) << size;
    EXPECT_TRUE(base::all_zero(std::span(bytes).subspan(format::kRecordHeaderSize + size)));
  }
  std::ptrdiff_t count(char step) const { return std::ranges::count(provider_.steps, step); }

  testing::PlacingBlockProvider provider_;
  Log log_{provider_, options()};
};

TEST_F(PlacedRecordsTest, OfBufferSizeAndMoreAreWrittenAtOnceAndTakeNoMemory) {
  push(kBuffer - 1);
  EXPECT_EQ(provider_.steps, "");
  const auto where = push(kBuffer);
  EXPECT_EQ(provider_.steps, "wpw") << "what waited, the payload, the header";
  EXPECT_FALSE(log_.find_unflushed(where));
  EXPECT_TRUE(log_.has_just_placed(where));
  EXPECT_EQ(log_.state().buffered_operations, 2u) << "neither is durable";
  expect_there(where, kBuffer);
  commit(1);
  EXPECT_EQ(provider_.steps, "wpwws");
  EXPECT_FALSE(log_.has_just_placed(where));
  EXPECT_EQ(log_.state().buffered_bytes, 0u);
}

TEST_F(PlacedRecordsTest, AnySizeIsThereWithItsPadding) {
  std::vector<std::pair<AtomPointer, std::size_t>> pushed;
  for (std::size_t i = 0; i < 20; ++i) {
    const std::size_t size = i % 3 == 0 ? 10 + i : kBuffer + i;
    pushed.emplace_back(push(size), size);
  }
  log_.flush();
  for (const auto& [where, size] : pushed) expect_there(where, size);
}

TEST_F(PlacedRecordsTest, ManyOfThemNeedNoFlush) {
  for (int i = 0; i < 14; ++i) push(kBuffer);  // all that the WAL has place for
  EXPECT_EQ(count('p'), 14);
  EXPECT_EQ(count('s'), 0);
}

TEST_F(PlacedRecordsTest, UpToABoundTheyAreNotDurable) {
  StorageOptions options = PlacedRecordsTest::options();
  options.wal_max_size = std::uint64_t{1} << 40;
  testing::PlacingBlockProvider provider;
  provider.keeps = false;
  Log log(provider, options);
  const std::vector<std::byte> large(std::size_t{30} << 20);
  for (int i = 0; i < 4; ++i) log.append(RecordFormat::kRaw, large);
  EXPECT_EQ(std::ranges::count(provider.steps, 's'), 0);
  log.append(RecordFormat::kRaw, large);
  EXPECT_EQ(std::ranges::count(provider.steps, 's'), 1) << "128 MiB";
}

TEST_F(PlacedRecordsTest, WhileSomebodyWritesOneIsCopiedAndWaitsForNobody) {
  std::promise<void> begun, go_on;
  provider_.before_place = [&, first = true]() mutable {
    if (!std::exchange(first, false)) return;
    begun.set_value();
    go_on.get_future().wait();
  };
  AtomPointer placed;
  std::jthread other([&] { placed = push(kBuffer); });
  begun.get_future().wait();
  const auto copied = push(kBuffer + 100);
  EXPECT_TRUE(log_.find_unflushed(copied));
  std::atomic<bool> committed{false};
  std::jthread committer([&] {
    commit(1);
    committed = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(committed) << "a record before it is not there yet";
  go_on.set_value();
  other.join();
  committer.join();
  EXPECT_LT(placed, copied);
  expect_there(placed, kBuffer);
  expect_there(copied, kBuffer + 100);
  EXPECT_EQ(log_.state().buffered_bytes, 0u);
}

TEST_F(PlacedRecordsTest, OnAFullMediumOneWaitsInMemory) {
  provider_.before_place = [] { throw NoSpaceError("the medium is full"); };
  const auto where = push(kBuffer);
  const auto behind = push(100);
  EXPECT_TRUE(log_.find_unflushed(where));
  EXPECT_FALSE(log_.has_just_placed(where));
  provider_.full = true;
  EXPECT_THROW(commit(1), NoSpaceError);
  provider_.full = false;
  commit(2);
  expect_there(where, kBuffer);
  expect_there(behind, 100);
}

TEST_F(PlacedRecordsTest, AMediumThatIsFullForItsHeaderOrForWhatWaitedKeepsItToo) {
  for (const bool something_waits : {false, true}) {
    const auto before = something_waits ? std::optional(push(100)) : std::nullopt;
    if (something_waits) {
      provider_.full = true;  // before the payload comes
    } else {
      provider_.before_place = [&] { provider_.full = true; };  // only the header is refused
    }
    const auto where = push(kBuffer);
    EXPECT_TRUE(log_.find_unflushed(where));
    provider_.before_place = {};
    provider_.full = false;
    log_.flush();
    expect_there(where, kBuffer);
    if (before) expect_there(*before, 100);
  }
}

TEST_F(PlacedRecordsTest, AFailureStopsTheLog) {
  const auto safe = push(100);
  commit(1);
  provider_.before_place = [] { throw UnexpectedError("a write failed half way"); };
  EXPECT_THROW(push(kBuffer), UnexpectedError);
  provider_.before_place = {};
  const auto steps = provider_.steps;
  EXPECT_THROW(push(100), UnexpectedError);
  EXPECT_THROW(push(kBuffer), UnexpectedError);
  EXPECT_THROW(commit(2), UnexpectedError);
  EXPECT_THROW(log_.close(), UnexpectedError);
  EXPECT_EQ(provider_.steps, steps);
  expect_there(safe, 100);
}

TEST_F(PlacedRecordsTest, WithoutMemoryInTheMiddleTheLogStopsAndNobodyHangs) {
  push(100);
  provider_.before_place = [] { throw std::bad_alloc(); };
  EXPECT_THROW(push(kBuffer), UnexpectedError);
  provider_.before_place = {};
  for (int i = 0; i < 3; ++i) EXPECT_THROW(push(i % 2 == 0 ? 100 : kBuffer), UnexpectedError);
  EXPECT_THROW(log_.close(), UnexpectedError);
}

TEST_F(PlacedRecordsTest, ALoggerThatFailsAsWellLetsNobodyHang) {
  StorageOptions options = PlacedRecordsTest::options();
  options.logger = [](LogLevel, std::string_view) { throw std::bad_alloc(); };
  testing::PlacingBlockProvider provider;
  Log log(provider, options);
  provider.before_place = [] { throw UnexpectedError("a write failed half way"); };
  EXPECT_THROW(log.append(RecordFormat::kRaw, payload(kBuffer)), UnexpectedError);
  EXPECT_THROW(log.flush(), UnexpectedError);
  EXPECT_THROW(log.close(), UnexpectedError);
}

TEST_F(PlacedRecordsTest, APlaceIsTakenBackUnlessSomethingCameBehindIt) {
  wal::LogBuffer buffer(kBuffer);
  buffer.start_wal({UUID::from_random({}), kWALFirstRecordOffset});
  const AtomPointer before = buffer.next();
  const AtomPointer first = buffer.leave_place(8192);
  EXPECT_FALSE(buffer.take_back_place({first.transaction_id, first.offset + 8}));
  EXPECT_TRUE(buffer.take_back_place(first));
  EXPECT_EQ(buffer.next(), before);
  EXPECT_EQ(buffer.placed_bytes(), 0u);
  EXPECT_EQ(buffer.unflushed_records(), 0u);
  EXPECT_FALSE(buffer.next_operation());
  const AtomPointer second = buffer.leave_place(8192);
  buffer.append_mark();
  EXPECT_FALSE(buffer.take_back_place(second));
  const AtomPointer third = buffer.leave_place(8192);
  buffer.start_wal({UUID::from_random({1}), kWALFirstRecordOffset});
  EXPECT_FALSE(buffer.take_back_place(third)) << "another WAL was begun behind it";
}

TEST_F(PlacedRecordsTest, BehindAWALThatIsNotDurableOneIsCopied) {
  const auto filling = push(70'000);
  const auto next = push(kBuffer);
  EXPECT_NE(filling.transaction_id, next.transaction_id);
  EXPECT_TRUE(log_.find_unflushed(next));
  commit(1);
  EXPECT_EQ(provider_.steps, "pwsfws") << "sync and finish the full one, write the next";
  expect_there(filling, 70'000);
  expect_there(next, kBuffer);
}

TEST_F(PlacedRecordsTest, AFullWALThatIsDurableIsFinishedBeforeTheNextIsBegun) {
  const auto filling = push(61'384);
  commit(1);  // the last record that has a place
  const auto next = push(kBuffer);
  EXPECT_NE(filling.transaction_id, next.transaction_id);
  EXPECT_EQ(provider_.steps, "pwwsfpw");
  EXPECT_TRUE(log_.has_just_placed(next));
}

TEST_F(PlacedRecordsTest, ThreadsPushSmallAndLargeOnesSideBySide) {
  constexpr int kThreads = 4;
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const std::size_t size = (i + t) % 3 == 0 ? kBuffer + 10 : 50;
        const auto where = push(size);
        if (i % 5 == 0) log_.flush();
        if (i % 5 == 0) {
          std::byte header[16];
          provider_.read(where.transaction_id, where.offset, header, 16);
          wrong += header[4] != std::byte{1};
        }
      }
    });
  }
  threads.clear();
  log_.flush();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(log_.state().buffered_operations, 0u);
  EXPECT_EQ(log_.counts().pushed_records, 800u);
}

}  // namespace
}  // namespace protobase::engine
