#include "cloud/object_check.h"

#include <fmt/format.h>

#include <utility>

#include "cloud/slot.h"
#include "cloud/unnamed_segments.h"

namespace protobase::cloud {

ObjectCheck::ObjectCheck(Bucket bucket) : bucket_(std::move(bucket)) {
  for (const char* const prefix : {kSlotPrefix, kSegmentPrefix}) {
    bucket_.for_each(prefix, [&](const CloudObjectMetadata& object) {
      return listed_.emplace(object.key, object.size), true;
    });
  }
}

std::vector<ObjectCheck::Bad> ObjectCheck::find_bad(const WALIndex& index) const {
  std::vector<Bad> bad;
  for (const IndexedWAL& wal : index.wals()) {
    if (wal.layout == WALLayout::kLegacyPython) continue;
    std::uint64_t begin = wal.begin();
    for (const Extent& extent : wal.extents) {
      const bool is_slot = extent.slot != 0;
      const std::string key = object_key(wal.id, begin, extent);
      const std::uint64_t least = extent.end - begin + (is_slot ? kSlotHeaderSize : 0);
      const auto size = size_of(key);
      if (!size) {
        bad.push_back({{{wal.id, begin}, "object " + key + " is missing"}, extent});
      } else if (*size < least) {
        const auto what = fmt::format("object {}: expected {} bytes, found {}", key, least, *size);
        bad.push_back({{{wal.id, begin}, what}, extent});
      }
      begin = extent.end;
    }
  }
  return bad;
}

std::vector<SegmentName> ObjectCheck::unknown_merges(const WALIndex& index) const {
  std::vector<SegmentName> unknown;
  for (const auto& [key, size] : listed_) {
    const auto name = parse_segment_key(key);
    if (name && is_unknown_merge(*name, index)) unknown.push_back(*name);
  }
  return unknown;
}

std::optional<std::uint64_t> ObjectCheck::size_of(const std::string& key) const {
  if (const auto found = listed_.find(key); found != listed_.end()) return found->second;
  const auto now = bucket_.head(key);
  return now ? std::optional(now->size) : std::nullopt;
}

}  // namespace protobase::cloud
