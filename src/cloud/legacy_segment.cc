#include "cloud/legacy_segment.h"

#include <fmt/format.h>

#include <utility>

#include "base/hash.h"
#include "cloud/slot.h"

namespace protobase::cloud {
namespace {

/// Empty: none.
std::string find_damage(const CloudGetResult& got, const SegmentName& segment,
                        const std::string& key) {
  if (got.status != CloudGetStatus::kFound) return fmt::format("object {} is missing", key);
  const auto bytes = got.object.bytes.span();
  if (bytes.size() != segment.size()) {
    return fmt::format("object {}: expected {} bytes, found {}", key, segment.size(), bytes.size());
  }
  const UUID found{base::xxh3_128(bytes)};
  if (found == segment.id) return {};
  std::string digits;
  for (const std::uint8_t byte : found.bytes) digits += fmt::format("{:02x}", byte);
  return fmt::format("object {}: expected bytes with the hash in its name, found {}", key, digits);
}

}  // namespace

std::vector<SegmentName> segments_of(const IndexedWAL& wal) {
  std::vector<SegmentName> segments;
  std::uint64_t begin = wal.begin();
  for (const Extent& extent : wal.extents) {
    segments.push_back({wal.id, begin, extent.end, extent.segment_id});
    begin = extent.end;
  }
  return segments;
}

LegacySegmentRead read_legacy_segment(const Bucket& bucket, const SegmentName& segment) {
  const std::string key = segment_key(segment);
  if (segment.size() > kMaxLegacySegment) {
    return {{},
            fmt::format("object {}: {} bytes by its name, and {} bytes are the most that one "
                        "holds",
                        key, segment.size(), kMaxLegacySegment)};
  }
  CloudGetOptions options;
  options.range = CloudRange{0, segment.size()};
  constexpr int kTries = 2;
  LegacySegmentRead read;
  for (int tries = 0; tries < kTries; ++tries) {
    CloudGetResult got = bucket.get(key, options);
    read.damage = find_damage(got, segment, key);
    if (!read.damage.empty()) continue;
    read.bytes = std::move(got.object.bytes);
    break;
  }
  return read;
}

std::vector<BadPlace> check_legacy_segments(
    const Bucket& bucket, const WALIndex& index,
    const std::function<void(const UUID& wal, std::uint64_t begin,
                             std::span<const std::byte> bytes)>& keep) {
  std::vector<BadPlace> bad;
  for (const IndexedWAL& wal : index.wals()) {
    if (wal.layout != WALLayout::kLegacyPython) continue;
    for (const SegmentName& segment : segments_of(wal)) {
      const LegacySegmentRead read = read_legacy_segment(bucket, segment);
      if (read.damage.empty()) {
        keep(segment.wal, segment.begin, read.bytes.span());
      } else {
        bad.push_back({{segment.wal, segment.begin}, read.damage});
      }
    }
  }
  return bad;
}

}  // namespace protobase::cloud
