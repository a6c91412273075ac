#include "cloud/unnamed_segments.h"

#include <fmt/format.h>

#include <unordered_set>

namespace protobase::cloud {

CloudUnnamedSegments count_unnamed_segments(const Bucket& bucket, const WALIndex& index) {
  std::unordered_set<std::string> named;
  for (const IndexedWAL& wal : index.wals()) {
    std::uint64_t begin = wal.begin();
    for (const Extent& extent : wal.extents) {
      if (extent.slot == 0) named.insert(object_key(wal.id, begin, extent));
      begin = extent.end;
    }
  }
  CloudUnnamedSegments unnamed;
  bucket.for_each(kSegmentPrefix, [&](const CloudObjectMetadata& object) {
    if (named.contains(object.key)) return true;
    ++unnamed.objects;
    unnamed.bytes += object.size;
    return true;
  });
  return unnamed;
}

bool is_unknown_merge(const SegmentName& segment, const WALIndex& index) noexcept {
  const bool is_possible = segment.begin >= kWALFirstRecordOffset && segment.begin < segment.end &&
                           segment.end <= kMaxWALSize;
  if (!segment.id.is_nil() || !is_possible) return false;
  const IndexedWAL* const known = index.find(segment.wal);
  return known == nullptr || known->end() < segment.end;
}

std::vector<SegmentName> list_unknown_merges(const Bucket& bucket, const WALIndex& index) {
  std::vector<SegmentName> unknown;
  bucket.for_each(kSegmentPrefix, [&](const CloudObjectMetadata& object) {
    const auto name = parse_segment_key(object.key);
    if (name && is_unknown_merge(*name, index)) unknown.push_back(*name);
    return true;
  });
  return unknown;
}

std::string describe_unknown_merge(const std::string& segment) {
  return fmt::format(
      "object {} is older than what was merged into object {}: its newest version is missing, or "
      "newest slots are",
      kCheckpointKey, segment);
}

}  // namespace protobase::cloud
