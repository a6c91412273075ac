// Segments of WALs of the Python storage. Records there have no checksums; the hash in the key of a
// segment stands for all in it, and who has read a whole segment can check it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cloud/bucket.h"
#include "cloud/slot.h"
#include "cloud/wal_index.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/shared_bytes.h"
#include "protobase/wal.h"

namespace protobase::cloud {

/// A copy makes none that are longer. Longer ones are damage, never an allocation.
inline constexpr std::uint64_t kMaxLegacySegment = std::uint64_t{64} << 20;

struct LegacySegmentRead {
  SharedBytes bytes;
  std::string damage;  ///< names the object; empty: the bytes are those that were put
};

std::vector<SegmentName> segments_of(const IndexedWAL& wal);

/// The whole of it, past every cache; once more when it is not what was put, as what was damaged
/// on the way is whole the next time.
LegacySegmentRead read_legacy_segment(const Bucket& bucket, const SegmentName& segment);

/// Reads all segments of the legacy WALs; those that are whole go to `keep`.
std::vector<BadPlace> check_legacy_segments(
    const Bucket& bucket, const WALIndex& index,
    const std::function<void(const UUID& wal, std::uint64_t begin,
                             std::span<const std::byte> bytes)>& keep);

}  // namespace protobase::cloud
