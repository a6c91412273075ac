// The contract of BlockProvider (include/protobase/block_provider.h) as tests. Every implementation
// and every decorator runs them: give INSTANTIATE_TEST_SUITE_P a BlockProviderCase; what survives
// its closing also runs DurableBlockProviderConformance.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "protobase/block_provider.h"
#include "protobase/errors.h"
#include "testing/calls_beside_close.h"

namespace protobase::conformance {

/// One implementation: a place where bytes live, opened as often as a test wants.
struct BlockProviderCase {
  std::string name;
  /// Makes a new, empty place and returns what opens it. What the place needs lives as long as
  /// that.
  std::function<std::function<std::shared_ptr<BlockProvider>()>()> new_place;
};

inline std::ostream& operator<<(std::ostream& out, const BlockProviderCase& value) {
  return out << value.name;
}

class BlockProviderConformance : public ::testing::TestWithParam<BlockProviderCase> {
 protected:
  void SetUp() override {
    open_ = GetParam().new_place();
    provider_ = open_();
  }

  static SharedBytes text(const std::string& value) {
    return SharedBytes::copy_of(as_bytes(value));
  }

  static WALWriteOperation operation(const AtomPointer& where,
                                     const std::vector<std::string>& segments) {
    WALWriteOperation write{where.transaction_id, where.offset, {}, segments.size()};
    for (const auto& segment : segments) write.segments.push_back(text(segment));
    return write;
  }

  /// Writes `content` at `where`; returns the place behind it.
  AtomPointer write(const AtomPointer& where, const std::string& content) {
    provider_->write(operation(where, {content}));
    return {where.transaction_id, where.offset + content.size()};
  }

  std::string read(const AtomPointer& where, std::size_t size) {
    std::string out(size, '?');
    out.resize(provider_->read(where.transaction_id, where.offset,
                               std::as_writable_bytes(std::span(out)), size));
    return out;
  }

  /// A WAL with `content` in it, synced.
  AtomPointer new_wal(const std::string& content) {
    const AtomPointer begin = provider_->claim_wal();
    write(begin, content);
    provider_->sync(begin.transaction_id);
    return begin;
  }

  bool lists(const UUID& wal) {
    const auto wals = provider_->list_wals();
    return std::find(wals.begin(), wals.end(), wal) != wals.end();
  }

  std::function<std::shared_ptr<BlockProvider>()> open_;
  std::shared_ptr<BlockProvider> provider_;
};

TEST_P(BlockProviderConformance, ANewPlaceIsEmpty) {
  EXPECT_TRUE(provider_->list_wals().empty());
  EXPECT_EQ(provider_->root_register().read(), std::nullopt);
}

TEST_P(BlockProviderConformance, AClaimedWALBeginsAtTheFirstRecord) {
  const AtomPointer begin = provider_->claim_wal();
  EXPECT_FALSE(begin.transaction_id.is_nil());
  EXPECT_EQ(begin.offset, kWALFirstRecordOffset);
}

TEST_P(BlockProviderConformance, EveryClaimIsADifferentWAL) {
  const auto first = provider_->claim_wal();
  const auto second = provider_->claim_wal();
  EXPECT_NE(first.transaction_id, second.transaction_id);
}

TEST_P(BlockProviderConformance, WhatIsWrittenIsReadBeforeAndAfterTheSync) {
  const auto begin = provider_->claim_wal();
  write(begin, "hello world.....");
  EXPECT_EQ(read(begin, 16), "hello world.....");
  provider_->sync(begin.transaction_id);
  EXPECT_EQ(read(begin, 16), "hello world.....");
  EXPECT_EQ(read({begin.transaction_id, begin.offset + 6}, 5), "world");
}

TEST_P(BlockProviderConformance, SegmentsLieOneBehindTheOther) {
  const auto begin = provider_->claim_wal();
  provider_->write(operation(begin, {"first---", "second--------", "3"}));
  EXPECT_EQ(read(begin, 23), "first---second--------3");
}

TEST_P(BlockProviderConformance, ManyReadsInFlightAreNoneOrEachForItself) {
  const auto one = new_wal("one....." + std::string(2000, '1'));
  const auto other = new_wal("other...");
  const std::vector<AtomPointer> places = {one,
                                           other,
                                           {UUID::from_random({}), one.offset},
                                           one,
                                           {other.transaction_id, std::uint64_t{1} << 40}};
  std::vector<std::string> texts(places.size(), std::string(8, '?'));
  std::vector<BlockRead> reads;
  for (std::size_t i = 0; i < places.size(); ++i) {
    reads.push_back(
        {places[i].transaction_id, places[i].offset, std::as_writable_bytes(std::span(texts[i]))});
  }
  const bool tried = provider_->read_many(reads);
  const std::vector<std::string> expected = {"one.....", "other...", "", "one.....", ""};
  for (std::size_t i = 0; i < reads.size(); ++i) {
    // Any may stay behind, of which read() tells the reason; none may bring what is not there.
    EXPECT_LE(reads[i].filled, tried ? expected[i].size() : 0);
    EXPECT_EQ(texts[i].substr(0, reads[i].filled), expected[i].substr(0, reads[i].filled));
  }
}

TEST_P(BlockProviderConformance, TheNextOperationGoesOnWhereTheLastEnded) {
  const auto begin = provider_->claim_wal();
  const auto second = write(begin, "one.....");
  provider_->sync(begin.transaction_id);
  const auto third = write(second, "two.....");
  write(third, "three...");
  provider_->sync(begin.transaction_id);
  EXPECT_EQ(read(begin, 24), "one.....two.....three...");
}

TEST_P(BlockProviderConformance, WritingTheSameOperationTwiceIsHarmless) {
  const auto begin = provider_->claim_wal();
  const auto once = operation(begin, {"written ", "twice..."});
  provider_->write(once);
  provider_->write(once);
  provider_->sync(begin.transaction_id);
  write({begin.transaction_id, begin.offset + 16}, "and on..");
  EXPECT_EQ(read(begin, 24), "written twice...and on..");
  EXPECT_EQ(provider_->describe(begin.transaction_id).end, begin.offset + 24);
}

TEST_P(BlockProviderConformance, WritingItOnceMoreAfterTheSyncIsHarmlessToo) {
  const auto begin = provider_->claim_wal();
  const auto once = operation(begin, {"durable."});
  provider_->write(once);
  provider_->sync(begin.transaction_id);
  provider_->write(once);
  provider_->sync(begin.transaction_id);
  EXPECT_EQ(read(begin, 8), "durable.");
  EXPECT_EQ(provider_->describe(begin.transaction_id).end, begin.offset + 8);
}

TEST_P(BlockProviderConformance, SyncingWhenNothingIsNewIsFine) {
  const auto begin = new_wal("content.");
  provider_->sync(begin.transaction_id);
  EXPECT_EQ(read(begin, 8), "content.");
}

TEST_P(BlockProviderConformance, ReadFillsAtLeastWhatWasAskedFor) {
  const auto begin = new_wal("0123456789abcdef");
  std::string out(64, '?');
  const auto filled = provider_->read(begin.transaction_id, begin.offset,
                                      std::as_writable_bytes(std::span(out)), 16);
  EXPECT_GE(filled, 16u);
  EXPECT_LE(filled, 64u);
  EXPECT_EQ(out.substr(0, 16), "0123456789abcdef");
  // What lies ready behind the log is nothing.
  for (std::size_t i = 16; i < filled; ++i) EXPECT_EQ(out[i], '\0') << i;
}

TEST_P(BlockProviderConformance, ReadingPastTheEndIsNotFound) {
  const auto begin = new_wal("content.");
  std::vector<std::byte> out(1 << 26);
  EXPECT_THROW(provider_->read(begin.transaction_id, begin.offset, out, out.size()), NotFoundError);
  EXPECT_THROW(provider_->read(begin.transaction_id, std::uint64_t{1} << 40, out, 1),
               NotFoundError);
}

TEST_P(BlockProviderConformance, AnUnknownWALIsNotFound) {
  new_wal("content.");
  const UUID stranger = *UUID::parse("99999999-9999-4999-8999-999999999999");
  std::byte out[1];
  EXPECT_THROW(provider_->read(stranger, kWALFirstRecordOffset, out, 1), NotFoundError);
  EXPECT_THROW(provider_->describe(stranger), NotFoundError);
  EXPECT_THROW(provider_->sync(stranger), NotFoundError);
  EXPECT_THROW(provider_->write(operation({stranger, 4096}, {"nobody's"})), NotFoundError);
  EXPECT_FALSE(lists(stranger));
}

TEST_P(BlockProviderConformance, EveryWrittenWALIsListedAndDescribed) {
  const auto first = new_wal("8 bytes.");
  const auto second = new_wal("sixteen bytes...");
  EXPECT_TRUE(lists(first.transaction_id));
  EXPECT_TRUE(lists(second.transaction_id));
  const auto description = provider_->describe(second.transaction_id);
  EXPECT_EQ(description.transaction_id, second.transaction_id);
  EXPECT_EQ(description.layout, WALLayout::kVersion1);
  EXPECT_EQ(description.end, kWALFirstRecordOffset + 16);
  EXPECT_EQ(description.durable, kWALFirstRecordOffset + 16);
  EXPECT_EQ(description.records, 1u);
  EXPECT_GE(description.stored_bytes, 16u);
  EXPECT_TRUE(provider_->find_damage().empty());
}

TEST_P(BlockProviderConformance, DurableNeverRunsAheadOfTheSync) {
  const auto begin = new_wal("durable.");
  write({begin.transaction_id, begin.offset + 8}, "not yet.");
  const auto before = provider_->describe(begin.transaction_id);
  EXPECT_LE(before.durable, before.end);
  provider_->sync(begin.transaction_id);
  EXPECT_EQ(provider_->describe(begin.transaction_id).durable, begin.offset + 16);
}

TEST_P(BlockProviderConformance, DurableNeverRunsAheadOfTheEndBesideAWriterEither) {
  const auto begin = new_wal("durable.");
  std::atomic<bool> done{false};
  std::jthread writer([&] {
    for (std::uint64_t i = 1; i <= 300; ++i) {
      write({begin.transaction_id, begin.offset + 8 * i}, "and on..");
      provider_->sync(begin.transaction_id);
    }
    done = true;
  });
  while (!done) {
    const auto now = provider_->describe(begin.transaction_id);
    ASSERT_LE(now.durable, now.end);
    ASSERT_LE(now.end - kWALFirstRecordOffset, now.stored_bytes);
  }
}

TEST_P(BlockProviderConformance, AReleasedWALStaysReadable) {
  for (const bool resumable : {false, true}) {
    const auto begin = new_wal("released");
    provider_->release_wal(begin.transaction_id, resumable);
    EXPECT_EQ(read(begin, 8), "released");
    EXPECT_EQ(provider_->describe(begin.transaction_id).end, begin.offset + 8);
  }
}

TEST_P(BlockProviderConformance, AFinishedWALIsNeverGivenOutAgain) {
  const auto begin = new_wal("finished");
  provider_->release_wal(begin.transaction_id, /*resumable=*/false);
  for (int i = 0; i < 5; ++i) {
    EXPECT_NE(provider_->claim_wal().transaction_id, begin.transaction_id);
  }
}

TEST_P(BlockProviderConformance, AResumedWALGoesOnBehindItsLastByte) {
  const auto begin = new_wal("one.....");
  provider_->release_wal(begin.transaction_id, /*resumable=*/true);
  const auto next = provider_->claim_wal();
  write(next, "two.....");
  provider_->sync(next.transaction_id);
  EXPECT_EQ(read(begin, 8), "one.....");
  EXPECT_EQ(read(next, 8), "two.....");
  if (next.transaction_id == begin.transaction_id) {
    EXPECT_EQ(next.offset, begin.offset + 8);
  } else {
    EXPECT_EQ(next.offset, kWALFirstRecordOffset);
  }
}

TEST_P(BlockProviderConformance, LargeOperationsArriveWhole) {
  const auto begin = provider_->claim_wal();
  std::string large(5 << 20, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 3);
  const auto next = write(begin, large);
  write(next, "and a small one.");
  provider_->sync(begin.transaction_id);
  EXPECT_TRUE(read(begin, large.size()) == large);
  EXPECT_EQ(read(next, 16), "and a small one.");
}

TEST_P(BlockProviderConformance, WhatIsPlacedIsWrittenWithWhatComesBeforeIt) {
  const auto begin = new_wal("before..");
  const UUID& wal = begin.transaction_id;
  const std::string large(std::size_t{1'300'000}, 'L');
  std::string heard;
  const auto hear = [&](std::span<const std::byte> part) {
    heard += std::string_view(reinterpret_cast<const char*>(part.data()), part.size());
  };
  const std::uint64_t end = begin.offset + 8;
  if (!provider_->can_place()) {
    EXPECT_THROW(provider_->place(wal, end + 16, as_bytes(large), hear), NotSupportedError);
    return;
  }
  EXPECT_THROW(provider_->place(wal, end - 1, as_bytes(large), hear), UnexpectedError);
  heard.clear();
  provider_->place(wal, end + 16, as_bytes(std::string(2'000'000, 'x')), [](auto) {});
  provider_->place(wal, end + 16, as_bytes(large), hear);
  EXPECT_EQ(heard, large);
  EXPECT_EQ(provider_->describe(wal).end, end) << "nothing is written yet";
  auto header = operation({wal, end}, {"header of 16 by."});
  header.placed = large.size();
  provider_->write(header);
  provider_->write(header);
  EXPECT_EQ(provider_->describe(wal).end, end + 16 + large.size());
  EXPECT_EQ(provider_->describe(wal).durable, end);
  EXPECT_EQ(provider_->sync(wal), end + 16 + large.size());
  write({wal, end + 16 + large.size()}, "behind..");
  EXPECT_EQ(read(begin, 24), "before..header of 16 by.");
  EXPECT_EQ(read({wal, end + 16}, large.size() + 8), large + "behind..");
}

TEST_P(BlockProviderConformance, ReadsRunBesideWrites) {
  const auto begin = new_wal("readable");
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) wrong += read(begin, 8) != "readable";
    });
  }
  auto where = AtomPointer{begin.transaction_id, begin.offset + 8};
  for (int i = 0; i < 200; ++i) {
    where = write(where, std::string(64, 'w'));
    if (i % 20 == 0) provider_->sync(begin.transaction_id);
  }
  stop = true;
  readers.clear();
  EXPECT_EQ(wrong, 0);
}

TEST_P(BlockProviderConformance, TwoWritersWriteTheirWALsSideBySide) {
  std::vector<std::jthread> writers;
  std::vector<AtomPointer> begins(4);
  for (auto& begin : begins) begin = provider_->claim_wal();
  for (std::size_t i = 0; i < begins.size(); ++i) {
    writers.emplace_back([this, i, where = begins[i]]() mutable {
      for (int n = 0; n < 50; ++n) {
        where = write(where, std::string(8, static_cast<char>('a' + i)));
        provider_->sync(where.transaction_id);
      }
    });
  }
  writers.clear();
  for (std::size_t i = 0; i < begins.size(); ++i) {
    EXPECT_EQ(read(begins[i], 400), std::string(400, static_cast<char>('a' + i)));
  }
}

TEST_P(BlockProviderConformance, AfterCloseEveryCallIsRefused) {
  const auto begin = new_wal("content.");
  provider_->close();
  provider_->close();
  std::byte out[8];
  EXPECT_THROW(provider_->claim_wal(), ValidationError);
  EXPECT_THROW(provider_->write(operation(begin, {"late...."})), ValidationError);
  EXPECT_THROW(provider_->sync(begin.transaction_id), ValidationError);
  EXPECT_THROW(provider_->release_wal(begin.transaction_id, true), ValidationError);
  EXPECT_THROW(provider_->read(begin.transaction_id, begin.offset, out, 8), ValidationError);
  EXPECT_THROW(provider_->describe(begin.transaction_id), ValidationError);
  EXPECT_THROW(provider_->find_damage(), ValidationError);
  EXPECT_THROW(provider_->list_wals(), ValidationError);
  EXPECT_THROW(provider_->root_register().lock(0), ValidationError);
}

/// Nothing is said to be missing that close() takes away.
TEST_P(BlockProviderConformance, ACallBesideCloseIsAnsweredOrRefused) {
  for (int round = 0; round < 10; ++round) {
    SetUp();
    const auto begin = new_wal("readable");
    const UUID& wal = begin.transaction_id;
    testing::CallsBesideClose calls;
    calls.add("describe", [&] { EXPECT_EQ(provider_->describe(wal).end, begin.offset + 8); });
    calls.add("read", [&] { EXPECT_EQ(read(begin, 8), "readable"); });
    calls.add("read_many", [&] {
      std::string out(8, '?');
      BlockRead one{wal, begin.offset, std::as_writable_bytes(std::span(out))};
      if (!provider_->read_many({&one, 1}) || one.filled < 8) out = read(begin, 8);
      EXPECT_EQ(out, "readable");
    });
    calls.add("list_wals", [&] { EXPECT_TRUE(lists(wal)); });
    calls.add("find_damage", [&] { EXPECT_TRUE(provider_->find_damage().empty()); });
    calls.add("sync", [&] { EXPECT_EQ(provider_->sync(wal), begin.offset + 8); });
    calls.add("read a root", [&] { EXPECT_EQ(provider_->root_register().read(), std::nullopt); });
    for (int i = 0; i < 2; ++i) {
      calls.add("lock the root", [&] { provider_->root_register().lock(10'000); });
      calls.add("write", [&] {
        const AtomPointer own = provider_->claim_wal();
        provider_->reserve(own.transaction_id, 8);
        write(own, "content.");
        EXPECT_EQ(provider_->sync(own.transaction_id), own.offset + 8);
        EXPECT_EQ(read(own, 8), "content.");
        provider_->release_wal(own.transaction_id, /*resumable=*/true);
      });
    }
    calls.close([&] { provider_->close(); });
  }
}

/// Instantiated for places that outlive their closing.
class DurableBlockProviderConformance : public BlockProviderConformance {};

TEST_P(DurableBlockProviderConformance, WhatWasDurableIsThereWhenOpenedAgain) {
  const auto begin = new_wal("survivor");
  provider_->release_wal(begin.transaction_id, true);
  provider_->close();
  provider_ = open_();
  EXPECT_TRUE(lists(begin.transaction_id));
  EXPECT_EQ(read(begin, 8), "survivor");
  EXPECT_EQ(provider_->describe(begin.transaction_id).end, begin.offset + 8);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BlockProviderConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DurableBlockProviderConformance);

}  // namespace protobase::conformance
