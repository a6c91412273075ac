// Segments that a log does not name. Those of a flush may be of one that never ended. A merge makes
// its own of slots, and removes these only behind a checkpoint that names the segments: where
// neither is there, an older checkpoint has taken the place of the newest one, or slots are lost.
#pragma once

#include <string>
#include <vector>

#include "cloud/bucket.h"
#include "cloud/slot.h"
#include "cloud/wal_index.h"
#include "protobase/cloud_block_provider.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

CloudUnnamedSegments count_unnamed_segments(const Bucket& bucket, const WALIndex& index);

/// Whether a merge made it, of bytes behind all that `index` has.
bool is_unknown_merge(const SegmentName& segment, const WALIndex& index) noexcept;

/// All that are listed. What others committed and merged since `index` was made is among them.
std::vector<SegmentName> list_unknown_merges(const Bucket& bucket, const WALIndex& index);

/// What is wrong with a bucket that has one, with that key.
std::string describe_unknown_merge(const std::string& segment);

}  // namespace protobase::cloud
