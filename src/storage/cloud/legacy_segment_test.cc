// Segments of WALs of the Python storage, whose records have no checksums: the hash in the key
// finds every flipped bit, and what was damaged on the way is fetched once more.
#include "cloud/legacy_segment.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "base/hash.h"
#include "cloud/memory_bucket.h"
#include "cloud/slot.h"
#include "engine/worker_pool.h"
#include "protobase/cloud_block_provider.h"
#include "protobase/cloud_copy.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/errors.h"
#include "protobase/mock_s3_client.h"
#include "protobase/standalone_file_storage.h"
#include "storage/cloud/copy_parts.h"
#include "storage/cloud/legacy_read_ahead.h"
#include "testing/cloud_fault_client.h"
#include "testing/expect_error.h"
#include "testing/legacy_directory.h"
#include "testing/manual_clock.h"

namespace protobase {
namespace {

using cloud::MemoryBucket;
using testing::CloudCall;
using testing::CloudFault;
using testing::CloudFaultClient;
using testing::CloudFaultPlan;
using testing::expect_error;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

class LegacySegmentTest : public testing::LegacyDirectoryTest {
 protected:
  CloudCopyOptions options() const {
    CloudCopyOptions options;
    options.segment_size = kMiB;
    options.clock = clock_;
    return options;
  }
  std::shared_ptr<MemoryBucket> new_bucket() const {
    return std::make_shared<MemoryBucket>("mock", clock_);
  }
  static SpacePlace place(const std::shared_ptr<MemoryBucket>& bucket) {
    return {{}, std::make_shared<MockS3Client>(bucket)};
  }
  /// Of the directory at space().
  std::shared_ptr<MemoryBucket> copied() const {
    auto bucket = new_bucket();
    copy_space({space(), nullptr}, place(bucket), options());
    return bucket;
  }
  CloudStorageOptions reading() const {
    CloudStorageOptions options;
    options.access = SpaceAccess::kReadOnly;
    options.clock = clock_;
    return options;
  }
  VerifyReport verify(const std::shared_ptr<CloudStorageClient>& client) const {
    return CloudFileStorage(client, reading()).verify({});
  }
  /// The n-th get of a segment goes wrong.
  static std::shared_ptr<CloudFaultPlan> spoil_get(CloudFault fault, std::uint64_t n) {
    auto plan = std::make_shared<CloudFaultPlan>(n);
    plan->add({.fault = fault, .at_call = n, .only = CloudCall::kGet, .key_prefix = "segments/"});
    return plan;
  }
  static auto segments(const std::shared_ptr<MemoryBucket>& bucket) {
    return bucket->list("segments/", {}, 1000);
  }
  std::string target() const { return directory_.at("target"); }
  /// The WALs at target() are those at space(), byte by byte.
  void expect_target_is_whole() const {
    const auto made = testing::snapshot(target());
    for (const auto& [name, content] : testing::snapshot(space())) {
      if (!UUID::parse(name)) continue;
      EXPECT_TRUE(made.at(name) == content) << name;
    }
  }

  const std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
};

class LegacySegmentGoldenTest : public LegacySegmentTest,
                                public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override { take(GetParam()); }

  /// `segment` is not what its key says.
  void expect_found(const std::shared_ptr<MemoryBucket>& bucket, const std::string& segment) const {
    const VerifyReport report = verify(std::make_shared<MockS3Client>(bucket));
    ASSERT_GT(report.bad_places, 0u) << segment;
    EXPECT_NE(segment.find(report.bad[0].pointer.transaction_id.to_string()), std::string::npos);
    EXPECT_NE(report.bad[0].reason.find(segment), std::string::npos) << report.bad[0].reason;

    expect_error<CorruptionError>(
        [&] {
          copy_space(place(bucket), {target(), nullptr}, options());
        },
        {"WAL", "offset", segment});
    EXPECT_THROW(StandaloneFileStorage{target()}, ValidationError);
    const auto second = new_bucket();
    expect_error<CorruptionError>([&] { copy_space(place(bucket), place(second), options()); },
                                  {segment});
    EXPECT_FALSE(second->find("checkpoint"));
  }
};

TEST_P(LegacySegmentGoldenTest, AFlippedBitIsFoundByVerifyAndStopsCopies) {
  const auto bucket = copied();
  ASSERT_FALSE(segments(bucket).empty());
  for (const auto& [key, object] : segments(bucket)) {
    SCOPED_TRACE(key);
    for (const std::size_t at :
         {std::size_t{0}, object.bytes->size() / 2, object.bytes->size() - 1}) {
      Bytes damaged = *object.bytes;
      damaged[at] ^= std::byte{0x10};
      bucket->put(key, damaged);
      expect_found(bucket, key);
    }
    bucket->put(key, *object.bytes);
  }
  EXPECT_EQ(verify(std::make_shared<MockS3Client>(bucket)).bad_places, 0u);
  copy_space(place(bucket), {target(), nullptr}, options());
  expect_target_is_whole();
}

TEST_P(LegacySegmentGoldenTest, WhatIsDamagedOnTheWayIsFetchedOnceMore) {
  const auto bucket = copied();
  const std::uint64_t count = segments(bucket).size();
  for (const CloudFault fault : {CloudFault::kCorruptBody, CloudFault::kShortBody}) {
    for (std::uint64_t n = 1; n <= count; ++n) {
      SCOPED_TRACE(n);
      auto plan = spoil_get(fault, n);
      const auto base = std::make_shared<MockS3Client>(bucket);
      EXPECT_EQ(verify(std::make_shared<CloudFaultClient>(base, plan)).bad_places, 0u);
      EXPECT_EQ(plan->hits(fault), 1u);

      plan = spoil_get(fault, n);
      std::filesystem::remove_all(target());
      copy_space({{}, std::make_shared<CloudFaultClient>(base, plan)}, {target(), nullptr},
                 options());
      EXPECT_EQ(plan->hits(fault), 1u);
      expect_target_is_whole();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, LegacySegmentGoldenTest,
                         ::testing::Values("json_atoms", "legacy_no_indicator", "msgpack_atoms",
                                           "raw_bytes", "root_set"),
                         [](const auto& test) { return std::string(test.param); });

TEST_F(LegacySegmentTest, VerifyPutsRightWhatCameDamagedIntoTheCache) {
  take("raw_bytes");
  const auto bucket = copied();
  const auto plan = spoil_get(CloudFault::kCorruptBody, 1);
  CloudBlockProvider provider(
      std::make_shared<CloudFaultClient>(std::make_shared<MockS3Client>(bucket), plan), reading());
  const auto [key, object] = segments(bucket).front();
  const UUID wal = *UUID::parse(key.substr(9, 36));
  const std::vector<std::byte> good(object.bytes->begin(), object.bytes->end());
  std::vector<std::byte> read(good.size());
  provider.read(wal, 0, read, read.size());
  EXPECT_NE(read, good) << "one read of a legacy record is believed";
  ASSERT_EQ(plan->hits(CloudFault::kCorruptBody), 1u);
  EXPECT_TRUE(provider.find_damage().empty());
  provider.read(wal, 0, read, read.size());
  EXPECT_EQ(read, good);
}

TEST_F(LegacySegmentTest, CutOffFromItsSourceAtAnyRequestACopyGoesOn) {
  take("raw_bytes");
  const auto bucket = copied();
  bool is_cut = true;
  for (std::uint64_t step = 1; is_cut; ++step) {
    SCOPED_TRACE(step);
    ASSERT_LT(step, 50u);
    std::filesystem::remove_all(target());
    const auto client = std::make_shared<CloudFaultClient>(std::make_shared<MockS3Client>(bucket),
                                                           std::make_shared<CloudFaultPlan>(step));
    std::atomic<std::uint64_t> calls = 0;
    client->set_before([&](CloudCall, const std::string&) {
      if (++calls == step) client->cut_off(true);
    });
    is_cut = false;
    try {
      copy_space({{}, client}, {target(), nullptr}, options());
    } catch (const CloudStorageError&) {
      is_cut = true;
      copy_space(place(bucket), {target(), nullptr}, options());
    }
    expect_target_is_whole();
    EXPECT_EQ(is_cut, calls >= step);
  }
}

TEST_F(LegacySegmentTest, ASegmentLongerThanAnyIsDamageWithoutARequest) {
  const auto client = std::make_shared<MockS3Client>(new_bucket());
  const cloud::SegmentName segment{UUID::from_random({}), 0, cloud::kMaxLegacySegment + 1,
                                   UUID::from_random({})};
  const auto read = read_legacy_segment(storage::bucket_of(client, options()), segment);
  for (const char* words : {"object segments/", "67108865 bytes by", "67108864 bytes are the most"})
    EXPECT_NE(read.damage.find(words), std::string::npos) << read.damage;
  EXPECT_EQ(client->counts().gets, 0u);
}

TEST_F(LegacySegmentTest, AnyOrderOfReadsGivesTheBytesOfTheWAL) {
  const auto bucket = new_bucket();
  cloud::IndexedWAL wal;
  wal.layout = WALLayout::kLegacyPython;
  std::string content;
  constexpr std::size_t kSize = 100;
  for (int i = 0; i < 20; ++i) {
    const Bytes part(kSize, static_cast<std::byte>('a' + i));
    const UUID hash{base::xxh3_128(part)};
    bucket->put(cloud::segment_key({wal.id, content.size(), content.size() + kSize, hash}), part);
    content.append(kSize, static_cast<char>('a' + i));
    wal.extents.push_back({content.size(), 0, hash});
  }
  engine::WorkerPool pool(3);
  const auto client = std::make_shared<MockS3Client>(bucket);
  storage::LegacyReadAhead reader(storage::bucket_of(client, options()), pool, wal);
  const auto text_at = [&](std::uint64_t offset, std::size_t size) {
    std::string text(size, '?');
    text.resize(reader.read(offset, std::as_writable_bytes(std::span(text))));
    return text;
  };
  for (const std::size_t offset : {0, 150, 120, 1990, 0, 700, 650, 1000}) {
    EXPECT_EQ(text_at(offset, 250), content.substr(offset, 250)) << offset;
  }
  EXPECT_EQ(text_at(2000, 10), "");
  EXPECT_EQ(text_at(0, 5000), content);
}

}  // namespace
}  // namespace protobase
