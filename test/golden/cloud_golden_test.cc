// The frozen bucket in test/golden/bucket_version1, and in bucket_objects what such a small bucket
// has none of: what is in them must be read for ever, and the bytes that this program writes today
// must be those bytes.
//
// The bucket is what GoldenBucket below gives: ids, times and content are determined. A new format
// version gets a new directory; the old one is never written again.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/endian.h"
#include "cloud/commit_log.h"
#include "cloud/copy_marker.h"
#include "cloud/journal.h"
#include "cloud/log_checkpoint.h"
#include "cloud/memory_bucket.h"
#include "cloud/merger.h"
#include "cloud/slot.h"
#include "format/record.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/mock_s3_client.h"
#include "testing/manual_clock.h"
#include "testing/memory_file_system.h"
#include "testing/temporary_directory.h"
#include "wal/log_buffer.h"

namespace protobase {
namespace {

namespace fs = std::filesystem;

const std::string kGolden = std::string(PROTOBASE_SOURCE_DIR) + "/test/golden";
const std::string kBucket = kGolden + "/bucket_version1";
const std::string kObjects = kGolden + "/bucket_objects";
constexpr std::int64_t kTime = 1'700'000'000'000'000;
const UUID kFirst = *UUID::parse("0b5ec7ed-1234-4abc-8def-0123456789ab");
const UUID kSecond = *UUID::parse("5ec0d000-1234-4abc-8def-0123456789ab");

UUID id_of(std::uint8_t number) {
  UUID id;
  id.bytes.fill(number);
  return id;
}

Bytes to_bytes(std::string_view text) {
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

class CountingRandom final : public os::Random {
 public:
  std::array<std::uint8_t, 16> bytes16() override { return id_of(++count_).bytes; }

 private:
  std::uint8_t count_ = 0x40;
};

/// Two writers: the first one's commits lie in a merged segment, in one of a flush, and in slots.
class GoldenBucket final {
 public:
  explicit GoldenBucket(const std::shared_ptr<cloud::MemoryBucket>& bucket)
      : bucket_(
            std::make_shared<MockS3Client>(bucket),
            {std::make_shared<testing::ManualClock>(), std::make_shared<CountingRandom>(), 1'000}) {
  }

  void write_all() {
    {
      cloud::CommitLog log(bucket_, pool_, [](const auto&...) {});
      log.open();
      log.claim();
      buffer_.start_wal({kFirst, kWALFirstRecordOffset});
      commit("one");
      put_slot(log, 1, false);
      push("beside");
      commit("two");
      put_slot(log, 2, false);
      push("in a segment of its own");
      flush();
      commit("three");
      put_slot(log, 3, true);
      cloud::Merger(log, bucket_, pool_).run();
      commit("four");
      put_slot(log, 4, false);
      commit("five");
      put_slot(log, 5, false);
    }
    cloud::CommitLog log(bucket_, pool_, [](const auto&...) {});
    log.open();
    log.claim();
    buffer_.start_wal({kSecond, kWALFirstRecordOffset});
    wal_ = kSecond;
    begin_ = kWALFirstRecordOffset;
    records_ = 0;
    commit("six");
    put_slot(log, 6, false);
  }

  const std::map<AtomPointer, std::string>& pushed() const noexcept { return pushed_; }
  const RootVersion& newest() const noexcept { return newest_; }

 private:
  AtomPointer push(const std::string& text) {
    const AtomPointer pointer =
        buffer_.append(format::RecordType::kData, RecordFormat::kRaw, as_bytes(text),
                       format::hash_payload(as_bytes(text)));
    ++records_;
    pushed_[pointer] = text;
    return pointer;
  }
  void commit(const std::string& text) {
    RootVersion version;
    version.root = push(text);
    version.previous_sequence = newest_.sequence;
    version.previous_commit = newest_.commit;
    version.sequence = newest_.sequence + 1;
    version.time_us = kTime + static_cast<std::int64_t>(version.sequence) * 1'000'000;
    buffer_.append_commit(version);
    ++records_;
    newest_ = version;
  }
  /// What was appended is a part of the next slot.
  void flush() {
    std::string bytes;
    while (const auto operation = buffer_.next_operation()) {
      for (const auto& segment : operation->segments) bytes += segment.as_text();
      buffer_.mark_written(*operation);
      buffer_.mark_durable(*operation);
    }
    auto owner = std::make_shared<const Bytes>(to_bytes(bytes));
    inline_parts_.push_back({owner, *owner});
  }
  void put_slot(cloud::CommitLog& log, std::uint8_t number, bool has_segment) {
    flush();
    cloud::SlotContents contents;
    contents.commit_id = id_of(number);
    contents.wal = wal_;
    contents.begin = begin_;
    contents.inline_parts = std::move(inline_parts_);
    contents.records = records_;
    contents.root = newest_;
    for (const SharedBytes& part : contents.inline_parts) begin_ += part.size();
    if (has_segment) {
      const SharedBytes first = contents.inline_parts.front();
      contents.segment_ends.push_back(contents.begin + first.size());
      bucket_.put(
          cloud::segment_key({wal_, contents.begin, contents.segment_ends[0], contents.commit_id}),
          first.span());
      contents.inline_parts.erase(contents.inline_parts.begin());
    }
    log.append(contents);
    inline_parts_.clear();
  }

  const cloud::Bucket bucket_;
  engine::WorkerPool pool_{1};
  wal::LogBuffer buffer_{64 * 1024};
  UUID wal_ = kFirst;
  std::uint64_t begin_ = kWALFirstRecordOffset;
  std::uint64_t records_ = 0;
  std::vector<SharedBytes> inline_parts_;
  std::map<AtomPointer, std::string> pushed_;
  RootVersion newest_;
};

std::map<std::string, std::string> golden_files() {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(kBucket)) {
    if (!entry.is_regular_file()) continue;
    const std::string path = entry.path().string();
    files[path.substr(kBucket.size() + 1)] = testing::read_file(path);
  }
  return files;
}

class CloudGoldenVersion1 : public ::testing::Test {
 protected:
  CloudGoldenVersion1() { golden_.write_all(); }

  const std::shared_ptr<cloud::MemoryBucket> written_ = std::make_shared<cloud::MemoryBucket>();
  GoldenBucket golden_{written_};
};

TEST_F(CloudGoldenVersion1, ItIsReadAndGoesOn) {
  const auto bucket = std::make_shared<cloud::MemoryBucket>();
  for (const auto& [key, content] : golden_files()) bucket->put(key, to_bytes(content));
  for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
    CloudStorageOptions options;
    options.access = access;
    CloudFileStorage storage(std::make_shared<MockS3Client>(bucket), options);
    for (const auto& [pointer, text] : golden_.pushed()) {
      EXPECT_EQ(storage.get_bytes(pointer).as_text(), text);
    }
    const auto history = storage.root_history(100);
    ASSERT_EQ(history.size(), 6u);
    EXPECT_EQ(history.front(), golden_.newest());
    EXPECT_EQ(storage.get_bytes(history.back().root).as_text(), "one");
    EXPECT_EQ(storage.verify({}).bad_places, 0u);
    if (access == SpaceAccess::kReadOnly) continue;
    storage.set_current_root(storage.push_bytes(as_bytes(std::string("seven"))));
    storage.merge();
    EXPECT_EQ(storage.root_history(100).size(), 7u);
    EXPECT_EQ(storage.verify({}).bad_places, 0u);
  }
}

TEST_F(CloudGoldenVersion1, TheBytesWrittenTodayAreThese) {
  std::map<std::string, std::string> written;
  for (const auto& [key, object] : written_->list({}, {}, 1000)) {
    const auto* const begin = reinterpret_cast<const char*>(object.bytes->data());
    written[key] = std::string(begin, object.bytes->size());
  }
  const auto golden = golden_files();
  ASSERT_EQ(golden.size(), 10u) << "checkpoint; 2 claims; 3 slots and the one that the merge left; "
                                   "3 segments of flush and merges";
  for (const auto& [key, content] : golden) {
    ASSERT_TRUE(written.contains(key)) << key;
    EXPECT_TRUE(written[key] == content) << key << " has other bytes";
  }
  EXPECT_EQ(written.size(), golden.size());
}

std::string as_string(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(CloudGoldenObjects, ACheckpointOfVersion2) {
  cloud::LogCheckpoint checkpoint;
  checkpoint.store = id_of(7);
  checkpoint.slot = 5;
  checkpoint.boundary = 4;
  checkpoint.epoch = 2;
  checkpoint.root = {{kSecond, 4096}, 3, 2, kTime, {kSecond, 4120}, {kFirst, 12}};
  checkpoint.inherited_root = AtomPointer{kFirst, 12};
  checkpoint.index.add_legacy(kFirst);
  checkpoint.index.add(kFirst, {100, 0, id_of(9)});
  checkpoint.index.set_records(kFirst, 2);
  checkpoint.index.add(kSecond, {4400, 0, {}});
  checkpoint.index.add(kSecond, {4500, 5, {}});
  checkpoint.index.set_records(kSecond, 4);
  const std::string golden = testing::read_file(kObjects + "/checkpoint_version2");
  EXPECT_TRUE(as_string(cloud::write_checkpoint(checkpoint)) == golden);
  const Bytes bytes = to_bytes(golden);
  EXPECT_EQ(base::load_le<std::uint32_t>(bytes.data() + 8), 2u);
  EXPECT_EQ(cloud::read_checkpoint(bytes, "bucket"), checkpoint);
}

TEST(CloudGoldenObjects, AMarkerOfACopy) {
  const cloud::CopyMarker marker{id_of(7), "/a path with \"quotes\"", {kFirst, kSecond}};
  const std::string golden = testing::read_file(kObjects + "/copy");
  EXPECT_TRUE(as_string(cloud::write_copy_marker(marker)) == golden);
  EXPECT_EQ(cloud::read_copy_marker(to_bytes(golden), "bucket"), marker);
}

/// As a writer that died left it, without the room that was taken ahead.
TEST(CloudGoldenObjects, AJournal) {
  const std::string name = "00000000000000000001.journal";
  const std::vector<std::string> texts = {"25 bytes of the first WAL", "8 bytes."};
  const auto files = std::make_shared<testing::MemoryFileSystem>();
  {
    cloud::Journal journal("/journal", files, Logger());
    for (const std::string& text : texts) {
      const auto owner = std::make_shared<const Bytes>(to_bytes(text));
      cloud::JournalEntry entry;
      entry.wal = text == texts.front() ? kFirst : kSecond;
      entry.begin = kWALFirstRecordOffset;
      entry.end = entry.begin + owner->size();
      entry.records = 2;
      entry.commit_offset = text == texts.front() ? 0 : kWALFirstRecordOffset;
      entry.parts.push_back({owner, *owner});
      journal.append(id_of(7), entry);
    }
  }
  const std::string golden = testing::read_file(kObjects + "/" + name);
  std::vector<std::byte> written = files->content("/journal/" + name);
  ASSERT_GT(written.size(), golden.size());
  written.resize(golden.size());
  EXPECT_TRUE(as_string({written.begin(), written.end()}) == golden);

  const auto kept = std::make_shared<testing::MemoryFileSystem>();
  kept->make_directory("/journal");
  kept->open("/journal/" + name, os::OpenMode::kCreate);
  kept->set_content("/journal/" + name, to_bytes(golden));
  cloud::Journal journal("/journal", kept, Logger());
  EXPECT_EQ(journal.store(), id_of(7));
  const auto left = journal.take_left();
  ASSERT_EQ(left.size(), texts.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    EXPECT_EQ(left[i].number, i + 1);
    EXPECT_EQ(left[i].parts.front().as_text(), texts[i]);
  }
  EXPECT_EQ(left[1].wal, kSecond);
  EXPECT_EQ(left[1].commit_offset, kWALFirstRecordOffset);
}

}  // namespace
}  // namespace protobase
