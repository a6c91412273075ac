#include "test/soak/bucket.h"

#include "protobase/errors.h"

#ifdef PROTOBASE_HAVE_CLOUD

#include "cli/location.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/google_cloud_client.h"
#include "protobase/s3_client.h"

namespace protobase::soak {
namespace {

constexpr std::uint64_t kRequestTimeoutMs = 500;
constexpr std::uint64_t kCommitTimeoutMs = 2'500;  // some tries of requests that hang
constexpr std::uint64_t kMergeAfterSlots = 24;
constexpr std::uint64_t kObjectSize = 1 << 20;  // the least

std::shared_ptr<CloudStorageClient> client_of(const cli::BucketLocation& place) {
  if (place.kind == cli::BucketKind::kS3) {
    S3ClientOptions options;
    options.bucket = place.bucket;
    options.prefix = place.prefix;
    options.endpoint_url = place.endpoint_url;
    options.path_style = true;
    options.connect_timeout_ms = options.request_timeout_ms = kRequestTimeoutMs;
    return std::make_shared<S3Client>(options);
  }
  GoogleCloudClientOptions options;
  options.bucket = place.bucket;
  options.prefix = place.prefix;
  options.endpoint_url = place.endpoint_url;
  options.credentials_path = "anonymous";
  options.connect_timeout_ms = options.request_timeout_ms = kRequestTimeoutMs;
  return std::make_shared<GoogleCloudClient>(options);
}

}  // namespace

bool is_bucket(const std::string& space) {
  return std::holds_alternative<cli::BucketLocation>(cli::parse_location(space));
}

std::unique_ptr<SharedStorage> open_bucket(const std::string& space, const StorageOptions& options,
                                           SpaceAccess access) {
  CloudStorageOptions cloud;
  cloud.access = access;
  cloud.poll_interval_ms = 0;
  cloud.commit_timeout_ms = kCommitTimeoutMs;
  cloud.merge_after_slots = kMergeAfterSlots;
  cloud.object_size = kObjectSize;
  cloud.logger = options.logger;
  const auto place = std::get<cli::BucketLocation>(cli::parse_location(space));
  return std::make_unique<CloudFileStorage>(client_of(place), cloud, options);
}

void merge_bucket(SharedStorage& storage) { dynamic_cast<CloudFileStorage&>(storage).merge(); }

}  // namespace protobase::soak

#else

namespace protobase::soak {

bool is_bucket(const std::string&) { return false; }

std::unique_ptr<SharedStorage> open_bucket(const std::string&, const StorageOptions&, SpaceAccess) {
  throw NotSupportedError("built without protobase::cloud");
}

void merge_bucket(SharedStorage&) { throw NotSupportedError("built without protobase::cloud"); }

}  // namespace protobase::soak

#endif
