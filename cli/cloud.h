// What commands do with buckets. cli/cloud.cc does it; in a build without PROTOBASE_CLOUD
// cli/without_cloud.cc stands in its place and throws NotSupportedError.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/location.h"
#include "protobase/bucket_doctor.h"
#include "protobase/cloud_block_provider.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/copy.h"
#include "protobase/file_block_provider.h"
#include "protobase/options.h"
#include "protobase/salvage.h"
#include "protobase/storage.h"

namespace protobase::cli {

/// Hears bytes done of all.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Makes no request. UsageError: bucket, prefix, endpoint or region cannot be such.
std::shared_ptr<CloudStorageClient> client_of(const BucketLocation& location);

/// Blocks that were read are kept in memory, or in a directory of this space below the one that
/// PROTOBASE_CACHE_DIR names. `has_block_cache` false: they are not kept. NotFoundError: read-only,
/// and no store is there.
std::unique_ptr<SharedStorage> open_bucket(std::shared_ptr<CloudStorageClient> client,
                                           SpaceAccess access, const StorageOptions& options,
                                           bool has_block_cache);

/// What these members of CloudFileStorage give, of what open_bucket() gave.
CloudUnnamedSegments unnamed_segments_of(SharedStorage& storage);
CloudCheckpointSize checkpoint_size_of(SharedStorage& storage);
CloudMergeReport merge_slots(SharedStorage& storage, const Progress& progress);

/// copy_space() of protobase/cloud_copy.h.
CopyReport copy_places(const Location& from, const Location& to, const Progress& progress);

/// salvage_space() of protobase/cloud_salvage.h.
SalvageReport salvage_place(const Location& from, const std::string& to, const Progress& progress);

/// examine_bucket() of protobase/bucket_doctor.h.
std::vector<DoctorFinding> examine(CloudStorageClient& client);

}  // namespace protobase::cli
