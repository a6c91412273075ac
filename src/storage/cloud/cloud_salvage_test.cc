// salvage_space() of buckets that lost objects: whatever is gone, every record that is in another
// object is at its old address, the lost ones are not found, and the report names what is missing.
#include "protobase/cloud_salvage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/endian.h"
#include "base/hash.h"
#include "cloud/memory_bucket.h"
#include "cloud/slot.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/errors.h"
#include "protobase/mock_s3_client.h"
#include "protobase/standalone_file_storage.h"
#include "testing/cloud_fault_client.h"
#include "testing/expect_error.h"
#include "testing/legacy_directory.h"
#include "testing/manual_clock.h"

namespace protobase {
namespace {

using cloud::MemoryBucket;
using testing::expect_error;

constexpr std::size_t kMiB = std::size_t{1} << 20;

/// Bytes of a WAL that an object held.
struct Range {
  UUID wal;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool holds(const AtomPointer& where) const {
    return where.transaction_id == wal && where.offset >= begin && where.offset < end;
  }
};

class CloudSalvageTest : public testing::LegacyDirectoryTest {
 protected:
  std::unique_ptr<CloudFileStorage> open(SpaceAccess access = SpaceAccess::kReadWrite) const {
    CloudStorageOptions cloud;
    cloud.access = access;
    cloud.clock = clock_;
    cloud.object_size = kMiB;
    return std::make_unique<CloudFileStorage>(std::make_shared<MockS3Client>(bucket_), cloud);
  }
  std::string target() const { return directory_.at("target"); }

  AtomPointer push(SharedStorage& storage, const std::string& text) {
    const AtomPointer pointer = storage.push_bytes(as_bytes(text));
    texts_[pointer] = text;
    return pointer;
  }
  void commit(SharedStorage& storage, const std::string& text) {
    push(storage, "beside " + text);
    storage.set_current_root(push(storage, text));
  }
  void commit_some(SharedStorage& storage, int commits) {
    for (int i = 0; i < commits; ++i) commit(storage, "commit " + std::to_string(texts_.size()));
  }
  /// Three writers: one merged, one with a commit in segments, one with small slots.
  void fill() {
    commit_some(*open(), 4);
    open()->merge();
    {
      const auto storage = open();
      commit_some(*storage, 2);
      push(*storage, std::string(kMiB + kMiB / 2, 'a'));
      push(*storage, std::string(kMiB + kMiB / 2, 'b'));
      commit(*storage, "large");
      commit_some(*storage, 2);
    }
    commit_some(*open(), 3);
    remember();
  }
  void remember() {
    const auto storage = open(SpaceAccess::kReadOnly);
    history_ = storage->root_history(1000);
    objects_.clear();
    for (auto& [key, object] : bucket_->list({}, {}, 10'000)) objects_[key] = *object.bytes;
  }
  void restore() {
    for (const auto& [key, object] : bucket_->list({}, {}, 10'000)) bucket_->remove(key);
    for (const auto& [key, bytes] : objects_) bucket_->put(key, bytes);
  }

  std::vector<std::string> keys(const std::string& prefix) const {
    std::vector<std::string> found;
    for (const auto& [key, bytes] : objects_) {
      if (key.starts_with(prefix)) found.push_back(key);
    }
    return found;
  }
  /// Nothing for a claim.
  std::optional<Range> range_of(const std::string& key) const {
    if (const auto segment = cloud::parse_segment_key(key)) {
      return Range{segment->wal, segment->begin, segment->end};
    }
    const auto number = cloud::parse_slot_key(key);
    if (!number) return std::nullopt;
    const auto header = cloud::read_slot_header(objects_.at(key), *number, "");
    if (header.inline_bytes == 0) return std::nullopt;
    return Range{header.wal, header.end() - header.inline_bytes, header.end()};
  }

  SalvageReport salvage() {
    std::filesystem::remove_all(target());
    CloudCopyOptions options;
    options.clock = clock_;
    const auto client = client_ ? client_ : std::make_shared<MockS3Client>(bucket_);
    return salvage_space({{}, client}, target(), options);
  }
  static bool names(const SalvageReport& report, const std::string& word) {
    return std::ranges::any_of(report.lost, [&](const BadPlace& place) {
      return place.reason.find(word) != std::string::npos;
    });
  }
  static std::string all(const SalvageReport& report) {
    std::string text;
    for (const BadPlace& place : report.lost) {
      text += place.pointer.to_string() + " " + place.reason + "\n";
    }
    return text;
  }

  static bool lies_in(const std::vector<Range>& ranges, const AtomPointer& where) {
    return std::ranges::any_of(ranges, [&](const Range& range) { return range.holds(where); });
  }
  /// The target has every record that does not lie in `lost`; `is_all_lost`: and none that does.
  void expect_records_but(const std::vector<Range>& lost, bool is_all_lost = true) const {
    StandaloneFileStorage saved(target());
    const VerifyReport report = saved.verify({});
    EXPECT_EQ(report.bad_places, 0u) << report.bad[0].reason;
    for (const auto& [pointer, text] : texts_) {
      if (!lies_in(lost, pointer)) {
        EXPECT_EQ(saved.get_bytes(pointer).as_text(), text) << pointer.to_string();
      } else if (is_all_lost) {
        EXPECT_THROW(saved.get_bytes(pointer), NotFoundError) << pointer.to_string();
      }
    }
  }
  /// And the root history too.
  void expect_all_but(const std::vector<Range>& lost) const {
    expect_records_but(lost);
    StandaloneFileStorage saved(target());
    std::vector<AtomPointer> expected, found;
    for (const RootVersion& version : history_) {
      if (!lies_in(lost, version.root) && !lies_in(lost, version.commit)) {
        expected.push_back(version.commit);
      }
    }
    for (const RootVersion& version : saved.root_history(1000)) found.push_back(version.commit);
    EXPECT_EQ(found, expected);
  }

  const std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
  const std::shared_ptr<MemoryBucket> bucket_ = std::make_shared<MemoryBucket>("mock", clock_);
  std::shared_ptr<CloudStorageClient> client_;  // null: one that works
  std::map<AtomPointer, std::string> texts_;
  std::vector<RootVersion> history_;
  std::map<std::string, Bytes> objects_;
};

TEST_F(CloudSalvageTest, AWholeStoreLosesNothing) {
  fill();
  const SalvageReport report = salvage();
  EXPECT_EQ(report.lost_places, 0u) << all(report);
  EXPECT_EQ(report.records, texts_.size());
  EXPECT_EQ(report.commits, history_.size());
  EXPECT_EQ(report.root, history_.front().root);
  expect_all_but({});
  EXPECT_EQ(StandaloneFileStorage(target()).root_history(1000), history_);
}

TEST_F(CloudSalvageTest, ACheckpointThatIsGoneOrGarbageCostsNothing) {
  fill();
  const Bytes whole = objects_.at("checkpoint");
  Bytes flipped = whole;
  flipped[flipped.size() / 2] ^= std::byte{1};
  const Bytes cut(whole.begin(), whole.begin() + 30);
  bucket_->remove("checkpoint");
  expect_error<CorruptionError>([&] { open(); }, {"checkpoint", "protobase salvage"});
  for (const Bytes& garbage : {Bytes(), flipped, cut, Bytes(100, std::byte{0xA5})}) {
    const SalvageReport report = salvage();
    EXPECT_TRUE(names(report, "checkpoint")) << all(report);
    EXPECT_EQ(report.lost_places, 1u) << all(report);
    EXPECT_EQ(report.root, history_.front().root);
    expect_all_but({});
    bucket_->put("checkpoint", garbage);
  }
}

TEST_F(CloudSalvageTest, WithoutACheckpointALastCommitInSegmentsCounts) {
  commit_some(*open(), 3);
  {
    const auto storage = open();
    push(*storage, std::string(2 * kMiB, 'a'));
    commit(*storage, "large");
    storage->merge();
  }
  remember();
  bucket_->remove("checkpoint");
  const SalvageReport report = salvage();
  EXPECT_TRUE(names(report, "perhaps never acknowledged")) << all(report);
  EXPECT_EQ(report.root, history_.front().root);
  expect_all_but({});
}

TEST_F(CloudSalvageTest, AnyObjectMayBeMissing) {
  fill();
  int checked = 0;
  for (const bool has_checkpoint : {true, false}) {
    for (const std::string prefix : {"log/", "segments/"}) {
      for (const std::string& key : keys(prefix)) {
        SCOPED_TRACE(key + (has_checkpoint ? "" : ", and no checkpoint"));
        const auto range = range_of(key);
        if (!range) continue;
        restore();
        bucket_->remove(key);
        if (!has_checkpoint) bucket_->remove("checkpoint");
        const SalvageReport report = salvage();
        expect_all_but({*range});
        const bool is_last = key == keys("log/").back();
        if (has_checkpoint && !is_last) {
          EXPECT_TRUE(names(report, key)) << all(report);
        }
        EXPECT_EQ(report.lost_places > 0, !is_last || !has_checkpoint) << all(report);
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 20);
}

TEST_F(CloudSalvageTest, AnyObjectMayBeCutShortOrDamaged) {
  fill();
  for (const std::string prefix : {"log/", "segments/"}) {
    for (const std::string& key : keys(prefix)) {
      SCOPED_TRACE(key);
      const auto range = range_of(key);
      if (!range) continue;
      const Bytes& whole = objects_.at(key);
      // With 256 bytes a slot has the size of a claim.
      for (const std::size_t part : {0, 1, 2, 3, 4, 5}) {
        const std::size_t at =
            part == 5 ? std::min<std::size_t>(256, whole.size() - 1) : whole.size() * part / 5;
        SCOPED_TRACE(at);
        bucket_->put(key, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at)));
        SalvageReport report = salvage();
        EXPECT_TRUE(names(report, key)) << all(report);
        expect_records_but({*range}, /*is_all_lost=*/false);
        Bytes flipped = whole;
        flipped[at] ^= std::byte{0x10};
        bucket_->put(key, flipped);
        report = salvage();
        if (report.lost_places == 0) expect_all_but({});  // padding
        EXPECT_TRUE(report.lost_places == 0 || names(report, key)) << all(report);
        expect_records_but({*range}, /*is_all_lost=*/false);
      }
      bucket_->put(key, whole);
    }
  }
}

TEST_F(CloudSalvageTest, ASlotWhoseHeaderIsDamagedKeepsItsRecords) {
  fill();
  for (const std::string& key : keys("log/")) {
    SCOPED_TRACE(key);
    if (!range_of(key)) continue;
    Bytes damaged = objects_.at(key);
    damaged[100] ^= std::byte{1};
    bucket_->put(key, damaged);
    const SalvageReport report = salvage();
    EXPECT_TRUE(names(report, key)) << all(report);
    const bool begins_a_wal = damaged.size() % 2 == 1;
    if (begins_a_wal) {
      expect_records_but({*range_of(key)}, /*is_all_lost=*/false);
    } else {
      expect_all_but({});
    }
    restore();
  }
}

TEST_F(CloudSalvageTest, ObjectsThatAreTooLargeForTheirNamesAreNoObstacle) {
  {
    const auto storage = open();
    push(*storage, std::string(70 * kMiB, 'L'));
    commit(*storage, "behind it");
  }
  remember();
  bucket_->put("checkpoint", Bytes(70 * kMiB));
  const SalvageReport report = salvage();
  EXPECT_TRUE(names(report, "too many for a checkpoint")) << all(report);
  expect_all_but({});
}

TEST_F(CloudSalvageTest, ANewerFormatIsRefusedUnlessItIsDamage) {
  fill();
  const std::string key = keys("log/").back();
  Bytes newer = objects_.at(key);
  newer[8] = std::byte{2};
  bucket_->put(key, newer);
  EXPECT_TRUE(names(salvage(), key)) << "nobody wrote that version";
  expect_all_but({});
  base::store_le<std::uint64_t>(newer.data() + 248, base::xxh3({newer.data(), 248}));
  bucket_->put(key, newer);
  expect_error<NotSupportedError>([&] { salvage(); }, {key, "version 2"});
}

TEST_F(CloudSalvageTest, SeveralObjectsMayBeMissingAtOnce) {
  fill();
  const auto slots = keys("log/");
  std::vector<Range> lost;
  for (std::size_t i = slots.size() / 2; i < slots.size() - 1; ++i) {
    bucket_->remove(slots[i]);
    if (const auto range = range_of(slots[i])) lost.push_back(*range);
  }
  bucket_->remove("checkpoint");
  ASSERT_GT(lost.size(), 2u);
  const SalvageReport report = salvage();
  EXPECT_TRUE(names(report, slots[slots.size() / 2])) << all(report);
  expect_all_but(lost);
}

TEST_F(CloudSalvageTest, AnySetOfObjectsMayBeMissing) {
  fill();
  std::vector<std::string> all_keys;
  for (const auto& [key, bytes] : objects_) all_keys.push_back(key);
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    restore();
    std::mt19937 draws(seed);
    std::vector<Range> lost;
    std::vector<std::string> gone;
    for (const std::string& key : all_keys) {
      if (draws() % 4 != 0) continue;
      bucket_->remove(key);
      gone.push_back(key);
      if (const auto range = range_of(key)) lost.push_back(*range);
    }
    const SalvageReport report = salvage();
    SCOPED_TRACE(::testing::PrintToString(gone) + "\n" + all(report));
    expect_records_but(lost);
    std::optional<AtomPointer> newest;
    for (const RootVersion& version : history_) {
      const bool is_lost = lies_in(lost, version.root) || lies_in(lost, version.commit);
      if (!is_lost && !newest) newest = version.root;
    }
    EXPECT_EQ(report.root, newest);
  }
}

TEST_F(CloudSalvageTest, ObjectsUnderOtherNamesGiveNoWrongRecord) {
  fill();
  std::vector<std::string> all_keys;
  for (const auto& [key, bytes] : objects_) all_keys.push_back(key);
  for (unsigned seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    restore();
    std::mt19937 draws(seed);
    const auto any = [&] { return all_keys[draws() % all_keys.size()]; };
    std::vector<Range> touched;
    for (int i = 0; i < 3; ++i) {
      const std::string from = any(), to = any();
      bucket_->put(to, objects_.at(from));
      if (const auto range = range_of(to)) touched.push_back(*range);
      const auto name = cloud::parse_segment_key(from);
      if (!name) continue;
      const std::uint64_t moved = 8 * (draws() % 1000);  // over others, or with a gap
      bucket_->put(cloud::segment_key(name->wal, name->begin + moved, name->end + moved, name->id),
                   objects_.at(from));
    }
    const SalvageReport report = salvage();
    SCOPED_TRACE(all(report));
    expect_records_but(touched, /*is_all_lost=*/false);
    StandaloneFileStorage saved(target());
    for (const auto& [pointer, text] : texts_) {
      try {
        EXPECT_EQ(saved.get_bytes(pointer).as_text(), text);
      } catch (const NotFoundError&) {
        EXPECT_TRUE(lies_in(touched, pointer)) << pointer.to_string();
      }
    }
  }
}

TEST_F(CloudSalvageTest, WhatGoesWrongOnceIsNotLost) {
  fill();
  std::uint64_t hits = 0;
  using enum testing::CloudFault;
  for (const auto fault : {kShortBody, kCorruptBody, kUnavailable, kLostAnswer, kNotSent}) {
    for (std::uint64_t call = 1;; ++call) {
      SCOPED_TRACE(std::string(to_text(fault)) + " at " + std::to_string(call));
      const auto plan = std::make_shared<testing::CloudFaultPlan>(call);
      plan->add({.fault = fault, .at_call = call});
      client_ = std::make_shared<testing::CloudFaultClient>(std::make_shared<MockS3Client>(bucket_),
                                                            plan);
      const SalvageReport report = salvage();
      EXPECT_EQ(report.lost_places, 0u) << all(report);
      expect_all_but({});
      if (plan->hits() == 0) break;
      ++hits;
    }
  }
  EXPECT_GT(hits, 100u);
}

TEST_F(CloudSalvageTest, WhatLiesInTwoObjectsIsTakenFromTheOneThatIsWhole) {
  commit_some(*open(), 6);
  remember();
  const auto slots = objects_;
  open()->merge();
  remember();
  for (const auto& [key, bytes] : slots) {
    if (key.starts_with("log/")) bucket_->put(key, bytes);  // that merge did not get to remove them
  }
  const std::string merged = keys("segments/").front();
  const auto expect_all_there = [&] {
    const SalvageReport report = salvage();
    EXPECT_EQ(report.lost_places, 0u) << all(report);
    expect_all_but({});
  };
  expect_all_there();
  for (std::size_t at = 5; at < objects_.at(merged).size(); at += 70) {
    Bytes damaged = objects_.at(merged);
    damaged[at] ^= std::byte{1};
    bucket_->put(merged, damaged);
    expect_all_there();
  }
}

TEST_F(CloudSalvageTest, WhatAWriterGaveUpIsLeftOutOfAWholeStore) {
  fill();
  const auto whole = objects_;
  {
    const auto storage = open();
    storage->push_bytes(as_bytes(std::string(2 * kMiB, 'u')));
    storage->set_current_root(storage->push_bytes(as_bytes(std::string("never acknowledged"))));
  }
  std::map<std::string, Bytes> segments;
  for (const auto& [key, object] : bucket_->list("segments/", {}, 1000)) {
    if (!whole.contains(key)) segments[key] = *object.bytes;
  }
  ASSERT_FALSE(segments.empty());
  objects_ = whole;
  restore();
  for (const auto& [key, bytes] : segments) bucket_->put(key, bytes);
  SalvageReport report = salvage();
  EXPECT_EQ(report.lost_places, 0u) << all(report);
  EXPECT_EQ(report.records, texts_.size());
  expect_all_but({});

  bucket_->remove("checkpoint");
  report = salvage();
  EXPECT_EQ(report.records, texts_.size() + 2) << "nothing tells that they were not";
  EXPECT_NE(report.root, history_.front().root);

  commit(
      *[&] {
        restore();
        return open();
      }(),
      "somebody else's");
  remember();
  for (const auto& [key, bytes] : segments) bucket_->put(key, bytes);
  bucket_->remove("checkpoint");
  report = salvage();
  EXPECT_EQ(report.records, texts_.size() + 2);
  EXPECT_EQ(report.root, history_.front().root);
  EXPECT_TRUE(names(report, "perhaps never acknowledged, and another one was")) << all(report);
  expect_all_but({});
}

TEST_F(CloudSalvageTest, SlotsThatAreMergedAwayMeanwhileAreReadFromTheirSegments) {
  commit_some(*open(), 3);
  for (int i = 0; i < 3; ++i) {
    const auto storage = open();
    for (int n = 0; n < 100; ++n) commit(*storage, std::string(1000, static_cast<char>('a' + i)));
  }
  commit_some(*open(), 3);  // the checkpoint does not know of them
  remember();
  for (const std::uint64_t step : {2, 3, 4, 5, 100, 400, 401, 402}) {
    SCOPED_TRACE(step);
    restore();
    std::filesystem::remove_all(target());
    const auto client = std::make_shared<testing::CloudFaultClient>(
        std::make_shared<MockS3Client>(bucket_), std::make_shared<testing::CloudFaultPlan>(1));
    std::atomic<std::uint64_t> calls = 0;
    client->set_before([&](testing::CloudCall, const std::string&) {
      if (++calls != step) return;
      open()->merge();
      const auto another = open();
      another->push_bytes(as_bytes(std::string("behind what was merged")));
      another->flush_wal();
    });
    CloudCopyOptions options;
    options.clock = clock_;
    options.max_parallel_requests = 1;
    const SalvageReport report = salvage_space({{}, client}, target(), options);
    EXPECT_GT(calls, step);
    EXPECT_EQ(report.lost_places, 0u) << all(report);
    expect_all_but({});
  }
}

TEST_F(CloudSalvageTest, ASlotThatAListingMissesIsNotLost) {
  fill();
  const std::string key = keys("log/").rbegin()[1];
  const auto client = std::make_shared<testing::CloudFaultClient>(
      std::make_shared<MockS3Client>(bucket_), std::make_shared<testing::CloudFaultPlan>(1));
  int lists = 0;
  client->set_before([&](testing::CloudCall call, const std::string& prefix) {
    if (call == testing::CloudCall::kList && prefix == "log/" && ++lists == 1) bucket_->remove(key);
  });
  client->set_after([&](testing::CloudCall call, const std::string&) {
    if (call == testing::CloudCall::kList) bucket_->put(key, objects_.at(key));
  });
  client_ = client;
  const SalvageReport report = salvage();
  EXPECT_GT(lists, 1);
  EXPECT_EQ(report.lost_places, 0u) << all(report);
  expect_all_but({});
}

TEST_F(CloudSalvageTest, ABucketCopyOfADirectoryNeedsNoCheckpoint) {
  {
    StorageOptions small;
    small.wal_max_size = kMiB;
    StandaloneFileStorage storage(space(), small);
    for (int i = 0; i < 4; ++i) {
      push(storage, std::string(kMiB / 2, 'd'));
      commit_some(storage, 3);
    }
  }
  copy_space({space(), nullptr}, {{}, std::make_shared<MockS3Client>(bucket_)});
  remember();
  bucket_->remove("checkpoint");
  EXPECT_EQ(salvage().root, history_.front().root);
  expect_all_but({});
  bucket_->put("copy", Bytes(10));
  bucket_->remove(keys("segments/").front());
  const SalvageReport report = salvage();
  EXPECT_TRUE(names(report, "unfinished copy")) << all(report);
  expect_records_but({*range_of(keys("segments/").front())});
}

class CloudSalvageLegacyTest : public CloudSalvageTest {
 protected:
  void SetUp() override {
    take("root_set");
    copy_space({space(), nullptr}, {{}, std::make_shared<MockS3Client>(bucket_)});
    for (auto& [key, object] : bucket_->list({}, {}, 1000)) objects_[key] = *object.bytes;
  }
  std::vector<AtomPointer> unreadable() const {
    StandaloneFileStorage source(space(), {}, SpaceAccess::kReadOnly);
    StandaloneFileStorage saved(target());
    std::vector<AtomPointer> lost;
    for (const JSON& record : manifest_["records"]) {
      const AtomPointer where = pointer_of(record);
      try {
        EXPECT_EQ(saved.get_bytes(where).as_text(), source.get_bytes(where).as_text());
      } catch (const ProtoBaseError&) {
        lost.push_back(where);
      }
    }
    return lost;
  }
};

TEST_F(CloudSalvageLegacyTest, AWholeCopyGivesAllBackAndTheRoot) {
  const SalvageReport report = salvage();
  EXPECT_EQ(report.lost_places, 0u) << all(report);
  EXPECT_TRUE(unreadable().empty());
  EXPECT_EQ(StandaloneFileStorage(target()).read_current_root(),
            StandaloneFileStorage(space()).read_current_root());
}

TEST_F(CloudSalvageLegacyTest, WithoutTheCheckpointOnlyTheRootIsLost) {
  bucket_->remove("checkpoint");
  const SalvageReport report = salvage();
  EXPECT_TRUE(names(report, "which root the Python storage set")) << all(report);
  EXPECT_TRUE(unreadable().empty());
  EXPECT_EQ(report.root, std::nullopt);
}

TEST_F(CloudSalvageLegacyTest, CommitsInTheBucketBesideThemAreKeptToo) {
  commit_some(*open(), 3);
  open()->merge();
  commit_some(*open(), 3);
  remember();
  bucket_->remove("checkpoint");
  bucket_->remove(keys("log/").rbegin()[1]);
  const SalvageReport report = salvage();
  EXPECT_TRUE(unreadable().empty());
  EXPECT_EQ(report.root, history_.front().root);
  expect_records_but({*range_of(keys("log/").rbegin()[1])});
}

TEST_F(CloudSalvageLegacyTest, ASegmentThatIsMissingOrAlteredIsNamed) {
  for (const std::string& key : keys("segments/")) {
    SCOPED_TRACE(key);
    Bytes altered = objects_.at(key);
    altered[altered.size() / 2] ^= std::byte{1};
    bucket_->put(key, altered);
    EXPECT_TRUE(names(salvage(), key));
    bucket_->put(key, Bytes(altered.begin(), altered.begin() + 1));
    EXPECT_TRUE(names(salvage(), key));
    bucket_->remove(key);
    EXPECT_TRUE(names(salvage(), key));
    EXPECT_FALSE(unreadable().empty());
    restore();
  }
}

TEST_F(CloudSalvageTest, WhereNoStoreIsNothingIsMade) {
  expect_error<NotFoundError>([&] { salvage(); }, {"no store"});
  bucket_->put("photo.jpg", Bytes(10));
  expect_error<NotFoundError>([&] { salvage(); }, {"no store"});
  EXPECT_FALSE(std::filesystem::exists(target()));
}

TEST_F(CloudSalvageTest, AnEmptyStoreIsOneWithoutARoot) {
  open()->flush_wal();
  bucket_->put("checkpoint", Bytes(3));
  const SalvageReport report = salvage();
  EXPECT_EQ(report.records, 0u);
  EXPECT_EQ(report.root, std::nullopt);
  EXPECT_EQ(StandaloneFileStorage(target()).read_current_root(), std::nullopt);
}

TEST_F(CloudSalvageTest, StrangeObjectsMakeNoWALAndNoLength) {
  fill();
  const UUID stranger = UUID::from_random({1, 2, 3});
  const UUID known = texts_.begin()->first.transaction_id;
  const std::string far = cloud::segment_key(known, std::uint64_t{1} << 40, (1ull << 40) + 8, {});
  bucket_->put(far, Bytes(8, std::byte{7}));
  bucket_->put(cloud::segment_key(stranger, 4096, std::uint64_t{1} << 41, {}), Bytes(100));
  bucket_->put(cloud::segment_key(stranger, 5000, ~std::uint64_t{0}, {}), Bytes(100));
  bucket_->put(cloud::segment_key(known, 0, 1, {}), Bytes(1));  // as of the Python storage
  bucket_->put(cloud::segment_key(known, 8, 16, stranger), Bytes(8));
  bucket_->put(cloud::segment_key(UUID::from_random({4}), 0, 100, {}), Bytes(100));
  bucket_->put("segments/else", Bytes(100));
  bucket_->put("log/else", Bytes(100));
  bucket_->remove("checkpoint");
  const SalvageReport report = salvage();
  EXPECT_TRUE(names(report, far)) << all(report);
  EXPECT_TRUE(names(report, stranger.to_string())) << all(report);
  expect_all_but({});
}

TEST_F(CloudSalvageTest, ATargetThatIsTakenIsRefusedAndAnInterruptedOneBegunAnew) {
  fill();
  CloudCopyOptions options;
  options.clock = clock_;
  const SpacePlace from{{}, std::make_shared<MockS3Client>(bucket_)};
  options.progress = [](std::uint64_t done, std::uint64_t) {
    if (done > 0) throw std::runtime_error("interrupted");
  };
  EXPECT_THROW(salvage_space(from, target(), options), std::runtime_error);
  EXPECT_THROW(StandaloneFileStorage{target()}, ValidationError);
  options.progress = {};
  EXPECT_EQ(salvage_space(from, target(), options).records, texts_.size());
  expect_error<ValidationError>([&] { salvage_space(from, target(), options); }, {"already"});
  options.max_parallel_requests = 0;
  EXPECT_THROW(salvage_space(from, target(), options), ValidationError);
  EXPECT_THROW(salvage_space(SpacePlace{}, target()), ValidationError);
}

}  // namespace
}  // namespace protobase
