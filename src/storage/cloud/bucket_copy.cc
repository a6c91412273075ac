#include "storage/cloud/bucket_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "cloud/copy_marker.h"
#include "cloud/create_object.h"
#include "cloud/log_checkpoint.h"
#include "cloud/other_things.h"
#include "cloud/slot.h"
#include "format/record.h"
#include "protobase/errors.h"
#include "storage/cloud/copy_parts.h"
#include "storage/cloud/segment_uploader.h"

namespace protobase::storage {
namespace {

using cloud::CopyMarker;
using cloud::kCheckpointKey;
using cloud::kCopyMarkerKey;
using cloud::LogCheckpoint;

// A record that would make a segment longer than this many times its size goes into the next one.
constexpr std::uint64_t kLongestSegments = 4;

/// Cuts a WAL into segments of about the same size, each to an uploader.
class SegmentCutter {
 public:
  SegmentCutter(SegmentUploader& uploader, const UUID& wal, std::uint64_t begin,
                std::uint64_t segment_size)
      : uploader_(uploader), wal_(wal), begin_(begin), segment_size_(segment_size) {}

  /// A record, not to be cut.
  void add(const RecordInfo& info, std::span<const std::byte> payload) {
    const std::uint64_t size = format::stored_size(payload.size());
    if (!bytes_.empty() && bytes_.size() + size > kLongestSegments * segment_size_) cut();
    const AtomPointer where{wal_, begin_ + bytes_.size()};
    format::write_record(extend(size), type_of(info.kind), info.format, payload, where);
    if (bytes_.size() >= segment_size_) cut();
  }
  /// Room for `size` more bytes, to be filled before the next call.
  std::span<std::byte> extend(std::uint64_t size) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + static_cast<std::size_t>(size));
    return std::span(bytes_).subspan(at);
  }
  void cut() {
    if (bytes_.empty()) return;
    const std::uint64_t end = begin_ + bytes_.size();
    uploader_.add(wal_, std::exchange(begin_, end), std::exchange(bytes_, {}));
  }

 private:
  SegmentUploader& uploader_;
  const UUID wal_;
  std::uint64_t begin_;
  const std::uint64_t segment_size_;
  Bytes bytes_;
};

class BucketCopy {
 public:
  BucketCopy(CopySource& source, const std::shared_ptr<CloudStorageClient>& client,
             const CloudCopyOptions& options)
      : source_(source),
        bucket_(bucket_of(client, options)),
        options_(options),
        total_(source.state().bytes()) {}

  CopyReport run() {
    const auto marker = find_marker();
    if (const auto there = find_checkpoint(bucket_)) {
      // Perhaps an earlier run made it, and did not come to remove the marker.
      if (!marker || marker->store != there->store || !is_ours(*marker)) throw_is_store();
      report_.resumed_bytes = record_bytes(*there);
      return finish(*there);
    }
    take_place(marker);
    // Who found the prefix empty just before the marker was there may have made a store in it.
    check_undisturbed();
    put_wals(marker.has_value());
    const LogCheckpoint there = publish();
    if (options_.progress) options_.progress(total_, total_);
    return finish(there);
  }

 private:
  std::optional<CopyMarker> find_marker() const { return cloud::find_copy_marker(bucket_); }

  /// Whether the copy that the marker speaks of is of our source.
  bool is_ours(const CopyMarker& marker) const {
    const SourceName& name = source_.name();
    return (marker.source == name.text || name.is_also(marker.source)) &&
           std::ranges::all_of(marker.wals,
                               [&](const UUID& id) { return source_.state().has(id); });
  }

  [[noreturn]] void throw_is_store() const {
    throw ValidationError(bucket_.location() + " is a store already: choose an empty prefix");
  }

  static std::uint64_t record_bytes(const LogCheckpoint& there) {
    std::uint64_t sum = 0;
    for (const cloud::IndexedWAL& wal : there.index.wals()) sum += wal.end() - wal.begin();
    return sum;
  }

  /// The copy is complete. It is what is there, which another run of it may have put: before this
  /// one, or by a request that came late.
  CopyReport finish(const LogCheckpoint& there) {
    remove_marker();
    if (!has_all(there)) {
      throw ValidationError(fmt::format(
          "{} holds a complete copy of an earlier state of {} (root {} there, {} in the source): "
          "choose an empty prefix to copy what it is now",
          bucket_.location(), source_.name().text, name_of(root_of(there)),
          name_of(source_.state().current_root())));
    }
    for (const cloud::IndexedWAL& wal : there.index.wals()) {
      ++report_.wals;
      report_.bytes += wal.end();
    }
    report_.root = root_of(there);
    return report_;
  }

  /// Whether nothing of the source is missing there. It may hold more: of a later state, or written
  /// by who uses it already.
  bool has_all(const LogCheckpoint& there) const {
    const CopiedState& state = source_.state();
    const bool has_root = state.root ? there.root && there.root->sequence >= state.root->sequence
                                     : there.root || there.inherited_root == state.inherited_root;
    return has_root && std::ranges::all_of(state.wals, [&](const CopiedWAL& wal) {
             const cloud::IndexedWAL* const found = there.index.find(wal.id);
             return (found != nullptr ? found->end() : wal.begin()) >= wal.end;
           });
  }
  static std::optional<AtomPointer> root_of(const LogCheckpoint& there) {
    return there.root ? std::optional(there.root->root) : there.inherited_root;
  }
  static std::string name_of(const std::optional<AtomPointer>& root) {
    return root ? root->to_string() : "none";
  }

  /// Puts our marker, unless it is there.
  void take_place(std::optional<CopyMarker> marker) {
    if (!marker) {
      check_is_empty();
      CopyMarker ours{bucket_.random_id(), source_.name().text, {}};
      for (const CopiedWAL& wal : source_.state().wals) ours.wals.push_back(wal.id);
      cloud::create_object(bucket_, kCopyMarkerKey, cloud::write_copy_marker(ours));
      marker = find_marker();          // somebody else's, if it was faster
      if (!marker) throw_disturbed();  // it came to its end meanwhile
    }
    if (!is_ours(*marker)) {
      throw ValidationError(fmt::format("{}, not of {}",
                                        cloud::unfinished_copy(bucket_.location(), *marker),
                                        source_.name().text));
    }
    made_.store = marker->store;
  }

  void check_is_empty() const {
    const auto first = cloud::find_first_object(bucket_);
    if (!first) return;
    throw ValidationError(fmt::format("{} is not empty (there is {}): choose an empty prefix",
                                      bucket_.location(), *first));
  }

  /// What is there, of this copy; nullopt: nothing yet.
  std::optional<LogCheckpoint> check_undisturbed() const {
    auto there = find_checkpoint(bucket_);
    if (!there || there->store == made_.store) return there;
    remove_marker();  // of a copy that nobody can finish any more
    throw_disturbed();
  }

  [[noreturn]] void throw_disturbed() const {
    throw ValidationError(bucket_.location() +
                          ": somebody else made a store there meanwhile: choose another prefix");
  }

  /// Keys and sizes of what an earlier run put.
  std::unordered_map<std::string, std::uint64_t> list_segments() const {
    std::unordered_map<std::string, std::uint64_t> sizes;
    bucket_.for_each(cloud::kSegmentPrefix, [&](const CloudObjectMetadata& object) {
      return sizes.emplace(object.key, object.size), true;
    });
    return sizes;
  }

  void put_wals(bool is_resumed) {
    const std::uint64_t max_bytes = options_.max_parallel_requests * options_.segment_size;
    SegmentUploader uploader(
        bucket_, options_.max_parallel_requests, max_bytes,
        is_resumed ? list_segments() : std::unordered_map<std::string, std::uint64_t>{},
        [this](const PutSegment& segment) { note(segment); });
    for (const CopiedWAL& wal : source_.state().wals) {
      if (wal.layout == WALLayout::kVersion1) {
        put_wal(wal, uploader);
      } else {
        put_legacy_wal(wal, uploader);
      }
    }
    uploader.finish();
    for (const auto& [wal, records] : records_) made_.index.set_records(wal, records);
  }

  void put_wal(const CopiedWAL& wal, SegmentUploader& uploader) {
    wal::WindowReader window(source_.open(wal));
    SegmentCutter cutter(uploader, wal.id, wal.begin(), options_.segment_size);
    std::uint64_t records = 0;
    visit_records(wal, wal.begin(), window,
                  [&](const RecordInfo& info, std::span<const std::byte> payload) {
                    cutter.add(info, payload);
                    ++records;
                  });
    cutter.cut();
    records_.emplace_back(wal.id, records);
  }

  /// As it is: it has no checksums, and where its records end is not told for sure.
  void put_legacy_wal(const CopiedWAL& wal, SegmentUploader& uploader) {
    made_.index.add_legacy(wal.id);
    const wal::ReadSome read = source_.open(wal);
    SegmentCutter cutter(uploader, wal.id, wal.begin(), options_.segment_size);
    for (std::uint64_t at = 0; at < wal.end; at += options_.segment_size) {
      const auto bytes = cutter.extend(std::min(options_.segment_size, wal.end - at));
      if (read(at, bytes) != bytes.size()) {
        throw CorruptionError({wal.id, at}, "the WAL became shorter");
      }
      cutter.cut();
    }
  }

  void note(const PutSegment& segment) {
    const auto& [wal, begin, end, id] = segment.name;
    made_.index.add(wal, {end, 0, id});
    const std::uint64_t size = end - begin;
    if (segment.was_there) report_.resumed_bytes += size;
    done_ += size;
    if (options_.progress) options_.progress(done_, total_);
  }

  /// One PUT, and the copy is there: this one, or that of another run which was faster.
  LogCheckpoint publish() {
    made_.root = source_.state().root;
    made_.inherited_root = source_.state().inherited_root;
    const Bytes object = cloud::write_checkpoint(made_);
    if (object.size() > cloud::kMaxCheckpointSize) {
      throw UnexpectedError(
          fmt::format("{}: a checkpoint of {} bytes, {} are the limit; use a larger segment_size",
                      bucket_.location(), object.size(), cloud::kMaxCheckpointSize));
    }
    bucket_.put(kCheckpointKey, object, CloudPutCondition::if_absent());
    auto there = check_undisturbed();
    if (!there) {
      throw UnexpectedError(fmt::format("{}: the object {} was put, and is not there",
                                        bucket_.location(), kCheckpointKey));
    }
    return *std::move(there);
  }

  void remove_marker() const {
    const std::string key = kCopyMarkerKey;
    bucket_.remove({&key, 1});
  }

  CopySource& source_;
  const cloud::Bucket bucket_;
  const CloudCopyOptions& options_;
  const std::uint64_t total_;
  LogCheckpoint made_;
  std::vector<std::pair<UUID, std::uint64_t>> records_;
  std::uint64_t done_ = 0;
  CopyReport report_;
};

}  // namespace

CopyReport copy_to_bucket(CopySource& source, const std::shared_ptr<CloudStorageClient>& client,
                          const CloudCopyOptions& options) {
  return BucketCopy(source, client, options).run();
}

}  // namespace protobase::storage
