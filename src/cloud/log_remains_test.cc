// Which objects of a damaged bucket are believed, and what finding that out costs.
#include "cloud/log_remains.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>

#include "base/endian.h"
#include "cloud/memory_bucket.h"
#include "cloud/slot.h"
#include "format/record.h"
#include "os/random.h"
#include "protobase/mock_s3_client.h"
#include "testing/forwarding_cloud_client.h"
#include "testing/manual_clock.h"

namespace protobase::cloud {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
const UUID kWAL = *UUID::parse("11111111-0000-4000-8000-000000000000");

/// Notes the longest range that was asked for.
class LongestGetClient final : public testing::ForwardingCloudClient {
 public:
  using ForwardingCloudClient::ForwardingCloudClient;

  std::uint64_t longest() const { return longest_; }

  CloudGetResult get(const std::string& key, const CloudGetOptions& options,
                     const std::string& known_version) override {
    const std::uint64_t length = options.range ? options.range->length : options.max_bytes;
    longest_ = std::max(longest_, length);
    return inner().get(key, options, known_version);
  }

 private:
  std::uint64_t longest_ = 0;  // only one thread asks
};

class LogRemainsTest : public ::testing::Test {
 protected:
  /// By a flush that nothing names, behind a gap: only what is in it can prove it.
  void put_segment(std::uint64_t begin, Bytes bytes) {
    const auto key = segment_key({kWAL, begin, begin + bytes.size(), UUID::from_random({1})});
    bucket_->put(key, std::move(bytes));
  }
  LogRemains find() {
    engine::WorkerPool pool(0);
    DamagedBucket damaged(Bucket(client_, {clock_, os::system_random()}));
    return find_remains(damaged, pool);
  }

  const std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
  const std::shared_ptr<MemoryBucket> bucket_ = std::make_shared<MemoryBucket>("mock", clock_);
  const std::shared_ptr<LongestGetClient> client_ =
      std::make_shared<LongestGetClient>(std::make_shared<MockS3Client>(bucket_));
};

TEST_F(LogRemainsTest, EachOfManyLostSlotsIsNamedWhereItsBytesWere) {
  constexpr std::uint64_t kSlots = 6000, kSize = 24;
  const UUID store = UUID::from_random({2});
  for (std::uint64_t number = 1; number <= kSlots; number += 2) {
    SlotHeader header;
    header.number = number;
    header.store = store;
    header.wal = kWAL;
    header.begin = 4096 + (number - 1) * kSize;
    header.length = header.inline_bytes = kSize;
    const auto bytes = write_slot_header(header);
    Bytes object(bytes.begin(), bytes.end());
    object.resize(kSlotHeaderSize + kSize);
    bucket_->put(slot_key(number), std::move(object));
  }
  const LogRemains remains = find();
  ASSERT_EQ(remains.wals.size(), 1u);
  const auto& lost = remains.wals.front().lost;
  ASSERT_EQ(lost.size(), kSlots / 2 - 1);
  for (std::size_t i = 0; i < lost.size(); ++i) {
    const std::uint64_t number = 2 * (i + 1);
    EXPECT_EQ(lost[i].begin, 4096 + (number - 1) * kSize);
    EXPECT_EQ(lost[i].end, lost[i].begin + kSize);
    EXPECT_EQ(lost[i].reason, "object " + slot_key(number) + " is missing");
  }
}

TEST_F(LogRemainsTest, ALongRecordProvesItsObjectInParts) {
  constexpr std::uint64_t kBegin = 80'000;
  const Bytes payload(100 * kMiB, std::byte{'L'});
  Bytes record(format::stored_size(payload.size()));
  format::write_record(record, format::RecordType::kData, RecordFormat::kRaw, payload,
                       {kWAL, kBegin});
  put_segment(kBegin, std::move(record));
  const LogRemains remains = find();
  ASSERT_EQ(remains.wals.size(), 1u);
  EXPECT_EQ(remains.wals.front().pieces.size(), 1u);
  EXPECT_LE(client_->longest(), 64 * kMiB);
}

TEST_F(LogRemainsTest, WhatNamesALongRecordAndHasNoneIsNotReadAsAWhole) {
  Bytes garbage(200 * kMiB, std::byte{1});
  std::memset(garbage.data(), 0, 16);
  base::store_le<std::uint32_t>(garbage.data(), static_cast<std::uint32_t>(150 * kMiB));
  garbage[4] = static_cast<std::byte>(format::RecordType::kData);
  put_segment(80'000, std::move(garbage));
  const LogRemains remains = find();
  EXPECT_TRUE(remains.wals.empty());
  EXPECT_LE(client_->longest(), 64 * kMiB);
}

}  // namespace
}  // namespace protobase::cloud
