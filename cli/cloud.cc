// See cloud.h.
#include "cli/cloud.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "base/hash.h"
#include "cli/exit_status.h"
#include "cli/waiting_client.h"
#include "cloud/url.h"
#include "os/environment.h"
#include "os/file_system.h"
#include "protobase/cloud_copy.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/cloud_salvage.h"
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
void validate(const BucketLocation& location, const Options& options) {
  try {
    // Here it is typed as `endpoint`.
    if (!location.endpoint_url.empty()) cloud::parse_endpoint(location.endpoint_url, "endpoint");
    options.validate();
  } catch (const ValidationError& error) {
    throw UsageError(location.argument + ": " + error.what());
  }
}

std::shared_ptr<CloudStorageClient> s3_client(const BucketLocation& location) {
  S3ClientOptions options;
  options.bucket = location.bucket;
  options.prefix = location.prefix;
  options.endpoint_url = location.endpoint_url;
  options.region = location.region;
  options.path_style = location.path_style;
  validate(location, options);
  return std::make_shared<S3Client>(std::move(options));
}

std::shared_ptr<CloudStorageClient> google_client(const BucketLocation& location) {
  GoogleCloudClientOptions options;
  options.bucket = location.bucket;
  options.prefix = location.prefix;
  options.endpoint_url = location.endpoint_url;
  validate(location, options);
  return std::make_shared<GoogleCloudClient>(std::move(options));
}

/// Of this space, below PROTOBASE_CACHE_DIR; "" when that is not set.
std::string cache_directory(const std::string& location) {
  const std::string all = os::process_environment()->get("PROTOBASE_CACHE_DIR").value_or("");
  if (all.empty()) return {};
  std::string own = fmt::format("{}/{:016x}", all, base::xxh3(std::as_bytes(std::span(location))));
  const auto advise = [](const std::exception& error) {
    return fmt::format(
        "{}; PROTOBASE_CACHE_DIR must name a directory that can be made and written, or be unset",
        error.what());
  };
  try {
    const auto file_system = os::posix_file_system();
    file_system->make_directory(all);
    file_system->make_directory(own);
  } catch (const NotAuthorizedError& error) {
    throw NotAuthorizedError(advise(error));
  } catch (const UnexpectedError& error) {
    throw UnexpectedError(advise(error));
  }
  return own;
}

CloudCopyOptions copy_options(const Progress& progress) {
  CloudCopyOptions options;
  options.request_timeout_ms = kCommitTimeoutMs;
  options.progress = progress;
  return options;
}

SpacePlace place_of(const Location& location) {
  if (const auto* const bucket = std::get_if<BucketLocation>(&location)) {
    return {{}, client_of(*bucket)};
  }
  return {std::get<DirectoryLocation>(location).path, nullptr};
}

}  // namespace

std::shared_ptr<CloudStorageClient> client_of(const BucketLocation& location) {
  return show_waiting(location.kind == BucketKind::kS3 ? s3_client(location)
                                                       : google_client(location));
}

std::unique_ptr<SharedStorage> open_bucket(std::shared_ptr<CloudStorageClient> client,
                                           SpaceAccess access, const StorageOptions& options,
                                           bool has_block_cache) {
  CloudStorageOptions cloud;
  cloud.access = access;
  cloud.commit_timeout_ms = access == SpaceAccess::kReadOnly ? kReadTimeoutMs : kCommitTimeoutMs;
  if (has_block_cache) {
    cloud.cache_dir = cache_directory(client->location());
  } else {
    cloud.cache_size = 0;
  }
  return std::make_unique<CloudFileStorage>(std::move(client), cloud, options);
}

CloudUnnamedSegments unnamed_segments_of(SharedStorage& storage) {
  return dynamic_cast<CloudFileStorage&>(storage).unnamed_segments();
}

CloudCheckpointSize checkpoint_size_of(SharedStorage& storage) {
  return dynamic_cast<CloudFileStorage&>(storage).checkpoint_size();
}

CloudMergeReport merge_slots(SharedStorage& storage, const Progress& progress) {
  return dynamic_cast<CloudFileStorage&>(storage).merge(progress);
}

CopyReport copy_places(const Location& from, const Location& to, const Progress& progress) {
  return copy_space(place_of(from), place_of(to), copy_options(progress));
}

SalvageReport salvage_place(const Location& from, const std::string& to, const Progress& progress) {
  return salvage_space(place_of(from), to, copy_options(progress));
}

std::vector<DoctorFinding> examine(CloudStorageClient& client) { return examine_bucket(client); }

}  // namespace protobase::cli
