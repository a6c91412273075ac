// A store in a bucket as the soak opens it: requests and commits are given up soon, because they
// fail on purpose.
#pragma once

#include <memory>
#include <string>

#include "protobase/file_block_provider.h"
#include "protobase/options.h"
#include "protobase/storage.h"

namespace protobase::soak {

bool is_bucket(const std::string& space);

/// `space` as the command line takes it; keys of S3 from the environment, Google without any.
/// Throws what the storage throws; NotSupportedError in a build without protobase::cloud.
std::unique_ptr<SharedStorage> open_bucket(const std::string& space, const StorageOptions& options,
                                           SpaceAccess access);

/// CloudFileStorage::merge(). Precondition: `storage` is one of open_bucket().
void merge_bucket(SharedStorage& storage);

}  // namespace protobase::soak
