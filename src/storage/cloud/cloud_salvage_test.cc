// salvage_space() of buckets that lost objects: whatever is gone, every record that is in another
// object is at its old address, the lost ones are not found, and the report names what is missing.
#include "protobase/cloud_salvage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "base/endian.h"
#include "base/hash.h"
#include "cloud/slot.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/errors.h"
#include "protobase/mock_s3_client.h"
#include "protobase/standalone_file_storage.h"
#include "testing/cloud_fault_client.h"
#include "testing/cloud_salvage_fixture.h"
#include "testing/expect_error.h"

namespace protobase {
namespace {

using testing::CloudSalvageTest;
using testing::expect_error;

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
    remove_merged_slot();
  }
  remember();
  bucket_->remove("checkpoint");
  const SalvageReport report = salvage();
  EXPECT_TRUE(names(report, "perhaps never acknowledged")) << all(report);
  EXPECT_EQ(report.root, history_.front().root);
  expect_all_but({});
}

/// It is neither a loss that the ones before it are gone, nor needed.
TEST_F(CloudSalvageTest, TheSlotThatAMergeLeftMakesNoGap) {
  fill(/*keeps_merged_slot=*/true);
  const std::string left = keys("log/").at(1);  // behind the first claim
  const auto range = range_of(left);
  ASSERT_TRUE(range);
  for (const bool has_checkpoint : {true, false}) {
    for (const bool has_slot : {true, false}) {
      restore();
      if (!has_checkpoint) bucket_->remove("checkpoint");
      if (!has_slot) bucket_->remove(left);
      const SalvageReport report = salvage();
      EXPECT_EQ(report.lost_places, has_checkpoint ? 0u : 1u) << all(report);
      EXPECT_EQ(report.root, history_.front().root);
      expect_all_but({});
    }
    restore();
    if (!has_checkpoint) bucket_->remove("checkpoint");
    for (const std::string& key : keys("segments/" + range->wal.to_string())) bucket_->remove(key);
    const SalvageReport report = salvage();
    EXPECT_GT(report.lost_places, 0u);
    expect_all_but({{range->wal, kWALFirstRecordOffset, range->begin}});
  }
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
  std::vector<testing::HeldRange> lost;
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
    std::vector<testing::HeldRange> lost;
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
    std::vector<testing::HeldRange> touched;
    for (int i = 0; i < 3; ++i) {
      const std::string from = any(), to = any();
      bucket_->put(to, objects_.at(from));
      if (const auto range = range_of(to)) touched.push_back(*range);
      const auto name = cloud::parse_segment_key(from);
      if (!name) continue;
      const std::uint64_t moved = 8 * (draws() % 1000);  // over others, or with a gap
      bucket_->put(
          cloud::segment_key({name->wal, name->begin + moved, name->end + moved, name->id}),
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

TEST_F(CloudSalvageTest, WhatAWriterGaveUpIsKeptAndTold) {
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
  SalvageReport report;
  for (const bool has_checkpoint : {true, false}) {
    if (!has_checkpoint) bucket_->remove("checkpoint");
    report = salvage();
    EXPECT_EQ(report.lost_places, has_checkpoint ? 1u : 2u) << all(report);
    EXPECT_TRUE(names(report, "perhaps never acknowledged")) << all(report);
    EXPECT_EQ(report.records, texts_.size() + 2) << "nothing tells that no slot named them";
    EXPECT_NE(report.root, history_.front().root);
    expect_records_but({});
  }

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
  const std::string far = cloud::segment_key({known, std::uint64_t{1} << 40, (1ull << 40) + 8});
  bucket_->put(far, Bytes(8, std::byte{7}));
  bucket_->put(cloud::segment_key({stranger, 4096, std::uint64_t{1} << 41}), Bytes(100));
  bucket_->put(cloud::segment_key({stranger, 5000, ~std::uint64_t{0}}), Bytes(100));
  bucket_->put(cloud::segment_key({known, 0, 1}), Bytes(1));  // as of the Python storage
  bucket_->put(cloud::segment_key({known, 8, 16, stranger}), Bytes(8));
  bucket_->put(cloud::segment_key({UUID::from_random({4}), 0, 100}), Bytes(100));
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
