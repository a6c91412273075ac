#include "protobase/cloud_file_storage.h"

#include <memory>
#include <utility>

namespace protobase {
namespace {

std::shared_ptr<BlockProvider> open_provider(std::shared_ptr<CloudStorageClient> client,
                                             const CloudStorageOptions& cloud,
                                             const StorageOptions& options) {
  options.validate();  // before the bucket is asked
  return std::make_shared<CloudBlockProvider>(std::move(client), cloud);
}

}  // namespace

CloudFileStorage::CloudFileStorage(std::shared_ptr<CloudStorageClient> client,
                                   const CloudStorageOptions& cloud, const StorageOptions& options)
    : EngineStorage(open_provider(std::move(client), cloud, options), options) {}

}  // namespace protobase
