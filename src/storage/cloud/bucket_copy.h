// The half of copy_space() that makes a store in a bucket (docs/internals/cloud_format.md,
// Copying).
#pragma once

#include <memory>

#include "protobase/cloud_copy.h"
#include "protobase/cloud_storage_client.h"
#include "storage/copy_source.h"

namespace protobase::storage {

/// Makes a store where the client's bucket and prefix hold nothing, or an interrupted copy of the
/// same source; durable on return.
CopyReport copy_to_bucket(CopySource& source, const std::shared_ptr<CloudStorageClient>& client,
                          const CloudCopyOptions& options);

}  // namespace protobase::storage
