// Shared by the two halves of copy_space() that deal with a bucket.
#pragma once

#include <optional>

#include "cloud/log_checkpoint.h"
#include "cloud/retry.h"
#include "protobase/cloud_copy.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::storage {

cloud::RetryParts retry_parts_of(const CloudCopyOptions& options);

/// nullopt: there is none. Errors as read_checkpoint().
std::optional<cloud::LogCheckpoint> find_checkpoint(CloudStorageClient& client,
                                                    const cloud::RetryParts& retry_parts);

}  // namespace protobase::storage
