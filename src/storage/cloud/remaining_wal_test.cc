// What a WAL in a damaged bucket reads as when objects vanish meanwhile, or lie over each other.
#include "storage/cloud/remaining_wal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/hash.h"
#include "cloud/memory_bucket.h"
#include "cloud/slot.h"
#include "os/random.h"
#include "protobase/mock_s3_client.h"
#include "testing/manual_clock.h"

namespace protobase::storage {
namespace {

using cloud::Piece;

const UUID kWAL = *UUID::parse("11111111-0000-4000-8000-000000000000");

class RemainingWALTest : public ::testing::Test {
 protected:
  /// A segment that a merge made, of these bytes.
  Piece put_segment(std::uint64_t begin, std::uint64_t named_end, std::uint64_t size, char what,
                    const UUID& id = {}) {
    const Piece piece{begin, begin + size, named_end, 0, id};
    bucket_->put(cloud::key_of(kWAL, piece), Bytes(size, static_cast<std::byte>(what)));
    return piece;
  }
  std::string read(RemainingWAL& wal) {
    std::string text(wal.remains().end - wal.remains().begin(), '\0');
    EXPECT_EQ(wal.read(wal.remains().begin(), std::as_writable_bytes(std::span(text))),
              text.size());
    return text;
  }
  static std::vector<std::string> lost(const RemainingWAL& wal) {
    std::vector<std::string> told;
    for (const cloud::LostRange& range : wal.remains().lost) {
      told.push_back(std::to_string(range.begin) + "-" + std::to_string(range.end) + " " +
                     range.reason);
    }
    return told;
  }

  const std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
  const std::shared_ptr<cloud::MemoryBucket> bucket_ =
      std::make_shared<cloud::MemoryBucket>("mock", clock_);
  const std::shared_ptr<MockS3Client> client_ = std::make_shared<MockS3Client>(bucket_);
  cloud::DamagedBucket damaged_{cloud::Bucket(client_, {clock_, os::system_random()})};
  engine::WorkerPool pool_{1};
  const BucketParts parts_{damaged_, pool_};
};

TEST_F(RemainingWALTest, OfAPieceThatVanishedIsLostWhatNoMergeTookAlong) {
  cloud::WALRemains remains{kWAL};
  remains.sure_end = remains.end = 5000;
  remains.pieces = {{4096, 5000, 5000, 7, {}}};  // a slot, merged away by now
  put_segment(4096, 4600, 204, 'a');             // and that was cut short
  put_segment(4800, 5000, 200, 'b');
  RemainingWAL wal(parts_, remains);
  EXPECT_EQ(read(wal), std::string(204, 'a') + std::string(500, '\xFF') + std::string(200, 'b'));
  EXPECT_EQ(lost(wal), std::vector<std::string>{
                           "4300-4800 object log/00000000000000000007 vanished while it was read"});
}

TEST_F(RemainingWALTest, WhatAMergePutMeanwhileIsLostNoMore) {
  cloud::WALRemains remains{kWAL};
  remains.sure_end = remains.end = 5000;
  remains.pieces = {{4096, 4200, 4200, 7, {}}};
  remains.lost = {{4200, 5000, "object log/8 is missing"}};
  put_segment(4096, 4800, 704, 'a');
  RemainingWAL wal(parts_, remains);
  EXPECT_EQ(read(wal), std::string(704, 'a') + std::string(200, '\xFF'));
  EXPECT_EQ(lost(wal), std::vector<std::string>{"4800-5000 object log/8 is missing"});
}

TEST_F(RemainingWALTest, WhatWasRejectedIsNotBelievedLater) {
  cloud::WALRemains remains{kWAL};
  remains.sure_end = remains.end = 5000;
  remains.pieces = {{4096, 4200, 4200, 7, {}}, {4200, 5000, 5000, 8, {}}};
  remains.rejected = {put_segment(4096, 6000, 600, 'r')};
  put_segment(4096, 5000, 904, 'f', kWAL);  // by a flush that nothing named: not by a merge
  RemainingWAL wal(parts_, remains);
  EXPECT_EQ(read(wal), std::string(904, '\xFF'));
  EXPECT_EQ(lost(wal),
            (std::vector<std::string>{
                "4096-4200 object log/00000000000000000007 vanished while it was read",
                "4200-5000 object log/00000000000000000008 vanished while it was read"}));
}

TEST_F(RemainingWALTest, PiecesThatLieOverEachOtherMayVanishTogether) {
  cloud::WALRemains remains{kWAL};
  remains.sure_end = remains.end = 5600;
  remains.pieces = {{4096, 4600, 4600, 7, {}},
                    {4096, 5000, 5000, 8, {}},
                    {4300, 5200, 5200, 9, {}},
                    {5000, 5400, 5400, 10, {}}};
  remains.lost = {{5400, 5600, "object log/11 is missing"}};
  RemainingWAL wal(parts_, remains);
  EXPECT_EQ(read(wal), std::string(1504, '\xFF'));
  std::uint64_t end = wal.remains().begin();
  for (const cloud::LostRange& range : wal.remains().lost) {
    EXPECT_EQ(range.begin, end) << range.reason;
    end = range.end;
  }
  EXPECT_EQ(end, 5600u);
}

TEST_F(RemainingWALTest, ManyPiecesThatVanishedAreAskedForOnceMore) {
  constexpr std::uint64_t kPieces = 4000, kSize = 64;
  cloud::WALRemains remains{kWAL};
  std::string expected;
  for (std::uint64_t i = 0; i < kPieces; ++i) {
    const std::uint64_t begin = 4096 + i * kSize;
    remains.pieces.push_back({begin, begin + kSize, begin + kSize, 0, kWAL});
    const bool is_there = i % 2 == 1;
    if (is_there) put_segment(begin, begin + kSize, kSize, 'a', kWAL);
    expected += std::string(kSize, is_there ? 'a' : '\xFF');
  }
  remains.sure_end = remains.end = 4096 + kPieces * kSize;
  RemainingWAL wal(parts_, remains);
  EXPECT_EQ(read(wal), expected);
  EXPECT_EQ(wal.remains().lost.size(), kPieces / 2);
  // What is there is no record here, and is fetched again for that.
  EXPECT_LE(client_->counts().gets, 2 * kPieces);
}

TEST_F(RemainingWALTest, OfAPythonWALTheObjectWithAProvenHashIsTaken) {
  cloud::WALRemains remains{kWAL, WALLayout::kLegacyPython};
  remains.sure_end = remains.end = 1000;
  const Bytes whole(1000, static_cast<std::byte>('w'));
  remains.pieces = {put_segment(0, 1000, 1000, 'w', UUID{base::xxh3_128(whole)}),
                    put_segment(0, 1008, 1008, 'x'),         // no hash in the name
                    put_segment(0, 1016, 1012, 'x', kWAL),   // cut short
                    put_segment(0, 1010, 1010, 'x', kWAL)};  // another one's
  RemainingWAL wal(parts_, remains);
  EXPECT_EQ(read(wal), std::string(1000, 'w'));
}

TEST_F(RemainingWALTest, ThatBytesOfAPythonWALAreUnprovenIsTold) {
  cloud::WALRemains remains{kWAL, WALLayout::kLegacyPython};
  remains.sure_end = remains.end = 1000;
  remains.pieces = {put_segment(0, 1000, 1000, 'x')};
  RemainingWAL wal(parts_, remains);
  EXPECT_EQ(read(wal), std::string(1000, 'x'));
  ASSERT_EQ(wal.altered().size(), 1u);
  EXPECT_NE(wal.altered().front().reason.find("nothing proves"), std::string::npos);
}

}  // namespace
}  // namespace protobase::storage
