// A store in a bucket in memory, of which a test takes objects away, and what salvage_space() makes
// of the rest.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/memory_bucket.h"
#include "cloud/slot.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/cloud_salvage.h"
#include "protobase/errors.h"
#include "protobase/mock_s3_client.h"
#include "protobase/standalone_file_storage.h"
#include "testing/legacy_directory.h"
#include "testing/manual_clock.h"

namespace protobase::testing {

/// Bytes of a WAL that an object held.
struct HeldRange {
  UUID wal;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool holds(const AtomPointer& where) const {
    return where.transaction_id == wal && where.offset >= begin && where.offset < end;
  }
};

class CloudSalvageTest : public LegacyDirectoryTest {
 protected:
  static constexpr std::size_t kMiB = std::size_t{1} << 20;

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
  /// The slot that a merge leaves, as merges of earlier programs did. Precondition: all is merged.
  void remove_merged_slot() {
    for (const auto& [key, object] : bucket_->list(cloud::kSlotPrefix, {}, 1000)) {
      if (object.bytes->size() > cloud::kSlotHeaderSize) bucket_->remove(key);
    }
  }
  /// Three writers: one merged, one with a commit in segments, one with small slots. Nothing lies
  /// in two objects, unless `keeps_merged_slot`.
  void fill(bool keeps_merged_slot = false) {
    commit_some(*open(), 4);
    open()->merge();
    if (!keeps_merged_slot) remove_merged_slot();
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
  /// Another store may be made.
  void empty() {
    for (const auto& [key, object] : bucket_->list({}, {}, 10'000)) bucket_->remove(key);
    texts_.clear();
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
  std::optional<HeldRange> range_of(const std::string& key) const {
    if (const auto segment = cloud::parse_segment_key(key)) {
      return HeldRange{segment->wal, segment->begin, segment->end};
    }
    const auto number = cloud::parse_slot_key(key);
    if (!number) return std::nullopt;
    const auto header = cloud::read_slot_header(objects_.at(key), *number, "");
    if (header.inline_bytes == 0) return std::nullopt;
    return HeldRange{header.wal, header.end() - header.inline_bytes, header.end()};
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

  static bool lies_in(const std::vector<HeldRange>& ranges, const AtomPointer& where) {
    return std::ranges::any_of(ranges, [&](const HeldRange& range) { return range.holds(where); });
  }
  /// The target has every record that does not lie in `lost`; `is_all_lost`: and none that does.
  void expect_records_but(const std::vector<HeldRange>& lost, bool is_all_lost = true) const {
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
  void expect_all_but(const std::vector<HeldRange>& lost) const {
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

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  const std::shared_ptr<cloud::MemoryBucket> bucket_ =
      std::make_shared<cloud::MemoryBucket>("mock", clock_);
  std::shared_ptr<CloudStorageClient> client_;  // null: one that works
  std::map<AtomPointer, std::string> texts_;
  std::vector<RootVersion> history_;
  std::map<std::string, Bytes> objects_;
};

}  // namespace protobase::testing
