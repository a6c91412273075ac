// See cloud.h.
#include "cli/cloud.h"

#include <utility>

#include "cli/exit_status.h"
#include "os/environment.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/errors.h"
#include "protobase/google_cloud_client.h"
#include "protobase/s3_client.h"

namespace protobase::cli {
namespace {

// Somebody waits in front of a terminal. A commit has longer: what it does not get to know is
// neither done nor undone.
constexpr std::uint64_t kReadTimeoutMs = 10'000;
constexpr std::uint64_t kCommitTimeoutMs = 30'000;

/// What the user typed and no client can be made of is wrong usage.
template <typename Options>
void validate(const Options& options) {
  try {
    options.validate();
  } catch (const ValidationError& error) {
    throw UsageError(std::string("SPACE: ") + error.what());
  }
}

std::shared_ptr<CloudStorageClient> s3_client(const BucketLocation& location) {
  S3ClientOptions options;
  options.bucket = location.bucket;
  options.prefix = location.prefix;
  options.endpoint_url = location.endpoint_url;
  options.region = location.region;
  options.path_style = location.path_style;
  validate(options);
  return std::make_shared<S3Client>(std::move(options));
}

std::shared_ptr<CloudStorageClient> google_client(const BucketLocation& location) {
  GoogleCloudClientOptions options;
  options.bucket = location.bucket;
  options.prefix = location.prefix;
  options.endpoint_url = location.endpoint_url;
  validate(options);
  return std::make_shared<GoogleCloudClient>(std::move(options));
}

}  // namespace

std::shared_ptr<CloudStorageClient> client_of(const BucketLocation& location) {
  return location.kind == BucketKind::kS3 ? s3_client(location) : google_client(location);
}

std::unique_ptr<SharedStorage> open_bucket(std::shared_ptr<CloudStorageClient> client,
                                           SpaceAccess access, const StorageOptions& options,
                                           bool has_block_cache) {
  CloudStorageOptions cloud;
  cloud.access = access;
  cloud.commit_timeout_ms = access == SpaceAccess::kReadOnly ? kReadTimeoutMs : kCommitTimeoutMs;
  cloud.cache_dir = os::process_environment()->get("PROTOBASE_CACHE_DIR").value_or("");
  if (!has_block_cache) {
    cloud.cache_dir.clear();
    cloud.cache_size = 0;
  }
  return std::make_unique<CloudFileStorage>(std::move(client), cloud, options);
}

std::vector<DoctorFinding> examine(CloudStorageClient& client) { return examine_bucket(client); }

}  // namespace protobase::cli
