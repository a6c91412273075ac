// salvage_space() of buckets whose objects lie: listed and not given, named longer than anything
// is, refused for good, of another store.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "cloud/slot.h"
#include "cloud/wal_index.h"
#include "format/record.h"
#include "protobase/errors.h"
#include "testing/checkpoint_version.h"
#include "testing/cloud_fault_client.h"
#include "testing/cloud_salvage_fixture.h"
#include "testing/expect_error.h"

namespace protobase {
namespace {

using testing::CloudCall;
using testing::expect_error;

class CloudSalvageFaultsTest : public testing::CloudSalvageTest {
 protected:
  std::shared_ptr<testing::CloudFaultClient> disturbed() {
    auto client = std::make_shared<testing::CloudFaultClient>(
        std::make_shared<MockS3Client>(bucket_), std::make_shared<testing::CloudFaultPlan>(1));
    client_ = client;
    return client;
  }
  /// Every get of the key says that it is not there; listings show it.
  void hide(const std::string& key) {
    const auto client = disturbed();
    client->set_before([this, key](CloudCall call, const std::string& asked) {
      if (call == CloudCall::kGet && asked == key) bucket_->remove(key);
    });
    client->set_after([this, key](CloudCall call, const std::string& asked) {
      if (call == CloudCall::kGet && asked == key) bucket_->put(key, objects_.at(key));
    });
  }
  /// Every get and head of the keys, or every request of all kinds when `keys` is empty, fails so.
  template <typename Error>
  void refuse(const std::vector<std::string>& keys, const Error& error, std::uint64_t from = 0) {
    asked_ = 0;
    disturbed()->set_before([this, keys, error, from](CloudCall call, const std::string& asked) {
      if (++asked_ <= from) return;
      const bool is_asked = call == CloudCall::kGet || call == CloudCall::kHead;
      const bool is_one = is_asked && std::ranges::find(keys, asked) != keys.end();
      if (keys.empty() || is_one) throw error;
    });
  }
  /// The slot that is put behind all others: of this header.
  std::string put_slot(cloud::SlotHeader header, const Bytes& body = {}) {
    header.body_hash = base::xxh3(body);
    const auto bytes = cloud::write_slot_header(header);
    Bytes object(bytes.begin(), bytes.end());
    object.insert(object.end(), body.begin(), body.end());
    if (header.segments > 0 && object.size() % 2 == 0) object.push_back(std::byte{0});
    const std::string key = cloud::slot_key(header.number);
    bucket_->put(key, object);
    return key;
  }
  cloud::SlotHeader newest_slot() const {
    const std::string key = keys("log/").back();
    return cloud::read_slot_header(objects_.at(key), *cloud::parse_slot_key(key), "");
  }

  std::atomic<std::uint64_t> asked_ = 0;
};

TEST_F(CloudSalvageFaultsTest, AListedSlotThatNobodyGetsIsOneLostSlot) {
  fill();
  int checked = 0;
  for (const bool has_checkpoint : {true, false}) {
    for (const std::string& key : keys("log/")) {
      const auto range = range_of(key);
      if (!range) continue;
      SCOPED_TRACE(key);
      restore();
      if (!has_checkpoint) bucket_->remove("checkpoint");
      hide(key);
      const SalvageReport report = salvage();
      EXPECT_TRUE(names(report, key)) << all(report);
      expect_records_but({*range});
      ++checked;
    }
  }
  EXPECT_GT(checked, 10);
}

TEST_F(CloudSalvageFaultsTest, ACheckpointOfANewerFormatIsRefusedUnlessItIsDamage) {
  fill();
  Bytes newer = objects_.at("checkpoint");
  newer[8] ^= std::byte{0x40};
  bucket_->put("checkpoint", newer);
  EXPECT_TRUE(names(salvage(), "checkpoint")) << "nobody wrote that version";
  expect_all_but({});
  testing::set_checkpoint_version(newer, 9);
  bucket_->put("checkpoint", newer);
  expect_error<NotSupportedError>([&] { salvage(); }, {"checkpoint", "version 9"});
}

TEST_F(CloudSalvageFaultsTest, ASlotMayNameMoreThanThereIs) {
  fill();
  const cloud::SlotHeader newest = newest_slot();
  for (const std::uint64_t begin : {newest.end(), std::uint64_t{1} << 40}) {
    for (const bool has_checkpoint : {true, false}) {
      restore();
      cloud::SlotHeader header = newest;
      header.number = newest.number + 1;
      header.commit_id = UUID::from_random({7});
      header.begin = begin;
      header.length = cloud::kMaxWALSize - begin;
      header.inline_bytes = 0;
      header.segments = 1;
      const std::string key = put_slot(header, Bytes(8));
      if (!has_checkpoint) bucket_->remove("checkpoint");
      const SalvageReport report = salvage();
      EXPECT_TRUE(names(report, "segments/" + newest.wal.to_string())) << all(report);
      EXPECT_LT(report.lost_places, 10u) << all(report);
      expect_all_but({});
    }
  }
}

TEST_F(CloudSalvageFaultsTest, ASlotMayEndWhereNoRecordCan) {
  fill();
  cloud::SlotHeader header = newest_slot();
  header.number += 1;
  header.begin = header.end();
  header.inline_bytes = header.length = 13;
  const std::string key = put_slot(header, Bytes(13));
  for (const bool has_checkpoint : {true, false}) {
    if (!has_checkpoint) bucket_->remove("checkpoint");
    const SalvageReport report = salvage();
    EXPECT_FALSE(names(report, "header of the WAL")) << all(report);
    EXPECT_TRUE(names(report, key)) << all(report);
    expect_all_but({});
  }
}

TEST_F(CloudSalvageFaultsTest, ARecordBehindAVeryLongGapTakesNoRoomForTheGap) {
  fill();
  cloud::SlotHeader header = newest_slot();
  header.number += 1;
  header.begin = std::uint64_t{1} << 30;
  const std::string text = "far away";
  Bytes body(format::stored_size(text.size()));
  const AtomPointer far{header.wal, header.begin};
  format::write_record(body, format::RecordType::kData, RecordFormat::kRaw, as_bytes(text), far);
  header.inline_bytes = header.length = body.size();
  put_slot(header, body);
  texts_[far] = text;
  bucket_->remove("checkpoint");
  const SalvageReport report = salvage();
  EXPECT_LT(report.lost_places, 5u) << all(report);
  expect_all_but({});
  struct stat file {};
  ASSERT_EQ(::stat((target() + "/" + header.wal.to_string() + ".wal").c_str(), &file), 0);
  EXPECT_GT(file.st_size, std::int64_t{1} << 30);
  EXPECT_LT(file.st_blocks * 512, std::int64_t{16} << 20);
}

TEST_F(CloudSalvageFaultsTest, AnObjectThatIsRefusedForGoodIsLostAndTheRestIsNot) {
  fill();
  const NotAuthorizedError archived("get: status 403, InvalidObjectState");
  const CloudStorageError refused(CloudFailure::kRefused, 400, "get: status 400, KeyTooOdd");
  int checked = 0;
  for (const bool has_checkpoint : {true, false}) {
    for (const std::string prefix : {"log/", "segments/"}) {
      for (const std::string& key : keys(prefix)) {
        const auto range = range_of(key);
        if (!range) continue;
        SCOPED_TRACE(key);
        restore();
        if (!has_checkpoint) bucket_->remove("checkpoint");
        if (++checked % 2 == 0) {
          refuse({key}, archived);
        } else {
          refuse({key}, refused);
        }
        const SalvageReport report = salvage();
        EXPECT_TRUE(names(report, key)) << all(report);
        EXPECT_TRUE(names(report, checked % 2 == 0 ? "InvalidObjectState" : "KeyTooOdd"))
            << all(report);
        expect_records_but({*range});
      }
    }
  }
  EXPECT_GT(checked, 20);
}

TEST_F(CloudSalvageFaultsTest, ACheckpointThatIsNeitherGivenNorToldOfIsLost) {
  fill();
  const auto expect_lost = [&](const std::string& word) {
    const SalvageReport report = salvage();
    EXPECT_TRUE(names(report, "object checkpoint is not given")) << all(report);
    EXPECT_TRUE(names(report, word)) << all(report);
    expect_all_but({});
  };
  refuse({"checkpoint"}, NotAuthorizedError("get: status 403, AccessDenied"));
  expect_lost("AccessDenied");
  refuse({"checkpoint"}, CloudStorageError(CloudFailure::kUnknown, 500, "get: InternalError"));
  expect_lost("InternalError");
  refuse({"checkpoint", "copy"}, NotAuthorizedError("get: status 403, AccessDenied"));
  bucket_->remove("checkpoint");
  EXPECT_TRUE(names(salvage(), "object checkpoint is missing"));
  expect_all_but({});
}

TEST_F(CloudSalvageFaultsTest, AStoreThatGivesNothingAnyMoreEndsIt) {
  fill();
  const NotAuthorizedError expired("get: status 403, ExpiredToken; get new credentials");
  const CloudStorageError down(CloudFailure::kNotSent, 0, "nobody listens there");
  refuse({}, expired, ~std::uint64_t{0});
  salvage();
  const std::uint64_t all_requests = asked_;
  ASSERT_GT(all_requests, 20u);
  for (std::uint64_t from = 0; from < all_requests; ++from) {
    SCOPED_TRACE(from);
    refuse({}, expired, from);
    expect_error<NotAuthorizedError>([&] { salvage(); }, {"ExpiredToken"});
    refuse({}, down, from);
    expect_error<CloudStorageError>([&] { salvage(); }, {"nobody listens there"});
  }
}

TEST_F(CloudSalvageFaultsTest, WhoMayListAndGetNothingIsTold) {
  fill();
  std::vector<std::string> all_keys;
  for (const auto& [key, bytes] : objects_) all_keys.push_back(key);
  for (const bool has_slots : {true, false}) {
    if (!has_slots) {
      bucket_->remove("checkpoint");
      for (const std::string& key : keys("log/")) bucket_->remove(key);
    }
    refuse(all_keys, NotAuthorizedError("get: status 403, AccessDenied"));
    expect_error<NotAuthorizedError>([&] { salvage(); }, {"AccessDenied"});
  }
}

TEST_F(CloudSalvageFaultsTest, OneSlotOfAnotherStoreDoesNotDecideWhichStoreThisIs) {
  fill();
  cloud::SlotHeader foreign = newest_slot();
  foreign.number += 1;
  foreign.store = UUID::from_random({9});
  foreign.inline_bytes = foreign.length = 8;
  const std::string key = put_slot(foreign, Bytes(8));
  bucket_->remove("checkpoint");
  const SalvageReport report = salvage();
  EXPECT_TRUE(names(report, key)) << all(report);
  EXPECT_EQ(report.root, history_.front().root);
  expect_all_but({});
}

/// What a writer gave up is no more acknowledged because something with the name of a merge
/// follows.
TEST_F(CloudSalvageFaultsTest, AnObjectBehindWhatAWriterGaveUpDoesNotVouchForIt) {
  fill();
  std::optional<testing::HeldRange> given_up;
  std::map<std::string, Bytes> segments;
  {
    const auto storage = open();
    storage->push_bytes(as_bytes(std::string(2 * kMiB, 'u')));
    storage->set_current_root(storage->push_bytes(as_bytes(std::string("never acknowledged"))));
  }
  for (const auto& [key, object] : bucket_->list("segments/", {}, 1000)) {
    if (!objects_.contains(key)) segments[key] = *object.bytes, given_up = range_of(key);
  }
  ASSERT_TRUE(given_up);
  restore();
  commit(*open(), "somebody else's");
  remember();
  for (const auto& [key, bytes] : segments) bucket_->put(key, bytes);
  bucket_->put(cloud::segment_key({given_up->wal, given_up->end, given_up->end + 8}), Bytes(8));
  bucket_->remove("checkpoint");
  const SalvageReport report = salvage();
  EXPECT_EQ(report.root, history_.front().root) << all(report);
  EXPECT_TRUE(names(report, "perhaps never acknowledged")) << all(report);
  expect_all_but({});
}

/// It was acknowledged. Its segments are all that is left of it.
TEST_F(CloudSalvageFaultsTest, TheNewestSlotOfALargeCommitMayBeLost) {
  const auto storage = open();
  commit_some(*storage, 2);
  push(*storage, std::string(kMiB + kMiB / 2, 'a'));
  push(*storage, std::string(kMiB + kMiB / 2, 'b'));
  commit(*storage, "large");
  remember();
  for (const bool has_checkpoint : {true, false}) {
    restore();
    bucket_->remove(keys("log/").back());
    if (!has_checkpoint) bucket_->remove("checkpoint");
    const SalvageReport report = salvage();
    EXPECT_TRUE(names(report, "perhaps never acknowledged")) << all(report);
    EXPECT_EQ(report.root, history_.front().root);
    expect_all_but({});
  }
}

TEST_F(CloudSalvageFaultsTest, WithAnOlderCheckpointWhatWasMergedIsKept) {
  for (const int writers : {1, 2, 3}) {
    empty();
    commit_some(*open(), 4);
    if (writers > 1) open()->merge();
    const Bytes older = *bucket_->find("checkpoint")->bytes;
    {
      const auto storage = open();
      commit_some(*storage, 2);
      push(*storage, std::string(kMiB + kMiB / 2, 'a'));
      commit(*storage, "large");
      commit_some(*storage, 2);
      storage->merge();
    }
    if (writers > 2) commit_some(*open(), 3);
    remember();
    bucket_->put("checkpoint", older);
    const SalvageReport report = salvage();
    EXPECT_TRUE(names(report, "checkpoint is older than what was merged")) << all(report);
    EXPECT_EQ(report.lost_places, 1u) << all(report);
    EXPECT_EQ(report.root, history_.front().root);
    expect_all_but({});
  }
}

/// Committed and merged behind the listing of slots, and the merge's checkpoint still to come.
TEST_F(CloudSalvageFaultsTest, AMergeUnderWayLooksLikeNoOlderCheckpoint) {
  commit_some(*open(), 4);
  const auto busy = std::make_shared<testing::CloudFaultClient>(
      std::make_shared<MockS3Client>(bucket_), std::make_shared<testing::CloudFaultPlan>(1));
  busy->set_before([](CloudCall call, const std::string& key) {
    if (call == CloudCall::kPut && key == "checkpoint") throw std::runtime_error("broken off");
  });
  int merges = 0;
  disturbed()->set_before([&](CloudCall call, const std::string& prefix) {
    if (call != CloudCall::kList || prefix != "segments/" || ++merges > 1) return;
    CloudStorageOptions cloud;
    cloud.clock = clock_;
    CloudFileStorage storage(busy, cloud);
    commit_some(storage, 3);
    EXPECT_THROW(storage.merge(), std::runtime_error);
  });
  const SalvageReport report = salvage();
  EXPECT_GT(merges, 1);
  EXPECT_EQ(report.lost_places, 0u) << all(report);
  expect_records_but({});
}

/// The checkpoint of one store among the objects of another.
TEST_F(CloudSalvageFaultsTest, ACheckpointOfAnotherStoreDoesNotOutvoteAllSlots) {
  for (const int foreign_commits : {1, 200}) {
    for (const bool is_merged : {false, true}) {
      SCOPED_TRACE(std::to_string(foreign_commits) + (is_merged ? " merged" : ""));
      empty();
      {
        const auto other = open();
        for (int i = 0; i < foreign_commits; ++i) {
          other->set_current_root(other->push_bytes(as_bytes(std::string("of another store"))));
        }
        other->merge();
      }
      const Bytes foreign = *bucket_->find("checkpoint")->bytes;
      empty();
      fill();
      if (is_merged) open()->merge();
      remember();
      bucket_->put("checkpoint", foreign);
      const SalvageReport report = salvage();
      EXPECT_TRUE(names(report, "object checkpoint is of another store")) << all(report);
      EXPECT_EQ(report.lost_places, 1u) << all(report);
      EXPECT_EQ(report.root, history_.front().root);
      expect_all_but({});
    }
  }
}

/// A few slots of another store do not outvote the checkpoint.
TEST_F(CloudSalvageFaultsTest, ACheckpointOfThisStoreOutvotesForeignSlots) {
  fill();
  open()->merge();
  remember();
  cloud::SlotHeader foreign = cloud::read_slot_header(
      objects_.at(keys("log/").back()), *cloud::parse_slot_key(keys("log/").back()), "");
  foreign.store = UUID::from_random({9});
  foreign.wal = UUID::from_random({9});
  foreign.begin = 4096;
  foreign.inline_bytes = foreign.length = 8;
  std::vector<std::string> put;
  for (int i = 1; i <= 3; ++i) {
    ++foreign.number;
    put.push_back(put_slot(foreign, Bytes(8)));
  }
  const SalvageReport report = salvage();
  EXPECT_FALSE(names(report, "checkpoint")) << all(report);
  EXPECT_TRUE(names(report, put.front())) << all(report);
  EXPECT_EQ(report.root, history_.front().root);
  expect_all_but({});
}

TEST_F(CloudSalvageFaultsTest, SlotsThatVanishWhileTheyAreReadLeaveNoWrongGaps) {
  commit_some(*open(), 3);
  {
    const auto storage = open();
    for (int i = 0; i < 40; ++i) commit(*storage, std::string(2000, 'v'));
  }
  remember();
  const auto slots = keys("log/");
  for (const std::size_t step : {1, 3, 7}) {
    SCOPED_TRACE(step);
    restore();
    std::vector<std::string> gone;
    std::vector<testing::HeldRange> lost;
    for (std::size_t i = 5; i < slots.size(); i += step + 1) gone.push_back(slots[i]);
    for (const std::string& key : gone) {
      if (const auto range = range_of(key)) lost.push_back(*range);
    }
    std::uint64_t heads = 0;
    const auto client = disturbed();
    client->set_after([&](CloudCall call, const std::string& key) {
      // Behind the last look at the checkpoint, which ends the inventory.
      if (call == CloudCall::kHead && key == "checkpoint" && ++heads == 2) {
        for (const std::string& slot : gone) bucket_->remove(slot);
      }
    });
    const SalvageReport report = salvage();
    EXPECT_GE(heads, 2u);
    for (const std::string& key : gone) {
      if (range_of(key)) {
        EXPECT_TRUE(names(report, key)) << key << "\n" << all(report);
      }
    }
    for (const BadPlace& place : report.lost) {
      EXPECT_EQ(place.reason.find("no record can be read"), std::string::npos) << all(report);
    }
    expect_records_but(lost);
  }
}

}  // namespace
}  // namespace protobase
