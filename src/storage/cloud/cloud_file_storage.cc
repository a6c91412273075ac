#include "protobase/cloud_file_storage.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace protobase {
namespace {

std::shared_ptr<CloudBlockProvider> open_provider(std::shared_ptr<CloudStorageClient> client,
                                                  const CloudStorageOptions& cloud,
                                                  const StorageOptions& options) {
  options.validate();  // before the bucket is asked
  return std::make_shared<CloudBlockProvider>(std::move(client), cloud);
}

/// Room for several objects on their way while more is pushed.
StorageOptions with_room(StorageOptions options, const CloudStorageOptions& cloud) {
  constexpr std::uint64_t kObjects = 16;
  options.max_unflushed_bytes = std::max(options.max_unflushed_bytes, kObjects * cloud.object_size);
  return options;
}

}  // namespace

CloudFileStorage::CloudFileStorage(std::shared_ptr<CloudStorageClient> client,
                                   const CloudStorageOptions& cloud, const StorageOptions& options)
    : CloudFileStorage(open_provider(std::move(client), cloud, options),
                       with_room(options, cloud)) {}

CloudFileStorage::CloudFileStorage(std::shared_ptr<CloudBlockProvider> provider,
                                   const StorageOptions& options)
    : EngineStorage(provider, options), provider_(std::move(provider)) {}

CloudMergeReport CloudFileStorage::merge() { return provider_->merge(); }
CloudCacheStats CloudFileStorage::cache_stats() const { return provider_->cache_stats(); }

}  // namespace protobase
