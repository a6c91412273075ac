// What a commit log does that a storage on top of it cannot be brought to do in a test.
#include "cloud/commit_log.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "cloud/memory_bucket.h"
#include "protobase/errors.h"
#include "protobase/mock_s3_client.h"
#include "testing/expect_error.h"
#include "testing/manual_clock.h"

namespace protobase::cloud {
namespace {

constexpr std::uint64_t kLimit = 500;
constexpr std::uint64_t kSlots = 20;  // each a WAL of its own, 28 bytes of a checkpoint

const std::string kRecord = "record";

class LimitedCheckpointTest : public ::testing::Test {
 protected:
  LimitedCheckpointTest() {
    log_.claim();
    for (std::uint64_t i = 0; i < kSlots; ++i) append();
  }
  void append() {
    append(UUID::from_random(os::system_random()->bytes16()), kWALFirstRecordOffset);
  }
  void append(const UUID& wal, std::uint64_t begin) {
    SlotContents contents;
    contents.commit_id = UUID::from_random(os::system_random()->bytes16());
    contents.wal = wal;
    contents.begin = begin;
    contents.inline_parts.push_back(SharedBytes::copy_of(as_bytes(kRecord)));
    contents.records = 1;
    log_.append(contents);
  }
  Bytes stored() const { return *bucket_->find(kCheckpointKey)->bytes; }
  CommitLog new_log(std::uint64_t limit) {
    const Bucket bucket(std::make_shared<MockS3Client>(bucket_),
                        {clock_, os::system_random(), 1000});
    return {bucket, pool_, [](const auto&...) {}, limit};
  }

  const std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
  const std::shared_ptr<MemoryBucket> bucket_ = std::make_shared<MemoryBucket>("mock", clock_);
  engine::WorkerPool pool_{2};
  CommitLog log_ = new_log(kLimit);
};

TEST_F(LimitedCheckpointTest, NoneIsPutThatNoReaderWouldTake) {
  const Bytes old = stored();
  testing::expect_error<UnexpectedError>([&] { log_.checkpoint(1); },
                                         {"object checkpoint", "500 are the limit", "Merge"});
  EXPECT_EQ(stored(), old);
  EXPECT_EQ(log_.checkpoint_size(), old.size());
  append();
  EXPECT_NO_THROW(log_.checkpoint(16)) << "not made anew for each commit";
  testing::expect_error<UnexpectedError>([&] { log_.checkpoint(1); }, {"limit"});
  CommitLog reader = new_log(kLimit);
  ASSERT_TRUE(reader.open());
  EXPECT_EQ(reader.known().list_wals().size(), kSlots + 1)
      << "the old one costs requests, nothing else";
}

TEST_F(LimitedCheckpointTest, AMergeWhoseCheckpointIsTooLargeFailsAndTheLogGoesOn) {
  const Bytes old = stored();
  testing::expect_error<UnexpectedError>([&] { log_.publish_segments({}, kSlots + 2); },
                                         {"500 are the limit", "begin a new one"});
  EXPECT_EQ(stored(), old);
  EXPECT_EQ(log_.known().boundary(), 1u);
  append();
}

TEST_F(LimitedCheckpointTest, ItsSizeIsKnownToWhoPutsItAndToWhoReadsIt) {
  CommitLog writer = new_log(kMaxCheckpointSize);
  writer.claim();
  writer.checkpoint(1);
  EXPECT_GT(stored().size(), kLimit);
  EXPECT_EQ(writer.checkpoint_size(), stored().size());
  CommitLog reader = new_log(kMaxCheckpointSize);
  ASSERT_TRUE(reader.open());
  EXPECT_EQ(reader.checkpoint_size(), stored().size());
  EXPECT_TRUE((CloudCheckpointSize{501, 1000}.is_large()));
  EXPECT_FALSE((CloudCheckpointSize{500, 1000}.is_large()));
}

/// A merge that was stopped knew a newer slot of the WAL, and left older ones of others.
TEST_F(LimitedCheckpointTest, ShorterSegmentsAreNotNamedInPlaceOfThoseOfAnotherMerge) {
  constexpr std::uint64_t kBegin = kWALFirstRecordOffset;
  const UUID wal = UUID::from_random({7});
  append(wal, kBegin);
  CommitLog slower = new_log(kMaxCheckpointSize);
  ASSERT_TRUE(slower.open());
  append(wal, kBegin + kRecord.size());
  CommitLog stopped = new_log(kMaxCheckpointSize);
  ASSERT_TRUE(stopped.open());
  const SegmentName longer{wal, kBegin, kBegin + 2 * kRecord.size()};
  ASSERT_TRUE(stopped.publish_segments(std::span(&longer, 1), 2));
  const Bytes merged = stored();
  const SegmentName shorter{wal, kBegin, kBegin + kRecord.size()};
  EXPECT_FALSE(slower.publish_segments(std::span(&shorter, 1), slower.known().newest_slot() + 1))
      << "nothing was merged by it";
  EXPECT_EQ(stored(), merged);
}

/// A PUT that came late, into a prefix that was emptied and made anew.
TEST_F(LimitedCheckpointTest, ASegmentOfAMergeOfAnUnknownWALMayBeNoneOfThisStore) {
  const UUID stranger = UUID::from_random({7});
  bucket_->put(segment_key({stranger, 4096, 4196}), Bytes(100));
  CommitLog other = new_log(kMaxCheckpointSize);
  testing::expect_error<CorruptionError>(
      [&] { other.claim(); },
      {"older than what was merged", "restore it", "none of this store's", "remove the segment"});
  bucket_->remove(segment_key({stranger, 4096, 4196}));
  other.claim();
}

}  // namespace
}  // namespace protobase::cloud
