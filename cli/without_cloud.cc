// Takes the place of cloud.cc in a build without PROTOBASE_CLOUD.
#include "cli/cloud.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

[[noreturn]] void throw_not_supported() {
  throw NotSupportedError("buckets (s3:, gs:) are not supported in this build; use a directory");
}

}  // namespace

std::shared_ptr<CloudStorageClient> client_of(const BucketLocation& /*location*/) {
  throw_not_supported();
}

std::unique_ptr<SharedStorage> open_bucket(std::shared_ptr<CloudStorageClient> /*client*/,
                                           SpaceAccess /*access*/,
                                           const StorageOptions& /*options*/,
                                           bool /*has_block_cache*/) {
  throw_not_supported();
}

CloudUnnamedSegments unnamed_segments_of(SharedStorage& /*storage*/) { throw_not_supported(); }

CloudCheckpointSize checkpoint_size_of(SharedStorage& /*storage*/) { throw_not_supported(); }
CloudMergeReport merge_slots(SharedStorage& /*storage*/, const Progress& /*progress*/) {
  throw_not_supported();
}

CopyReport copy_places(const Location& /*from*/, const Location& /*to*/,
                       const Progress& /*progress*/) {
  throw_not_supported();
}

SalvageReport salvage_place(const Location& /*from*/, const std::string& /*to*/,
                            const Progress& /*progress*/) {
  throw_not_supported();
}

std::vector<DoctorFinding> examine(CloudStorageClient& /*client*/) { throw_not_supported(); }

}  // namespace protobase::cli
