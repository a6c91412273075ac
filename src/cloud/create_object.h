// Creates an object that others may create as well, at a store that knows how to let one win.
#pragma once

#include <span>
#include <string>

#include "cloud/retry.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// The object is there when this returns, whoever put it. NotSupportedError: the store would have
/// let a second one take its place, so nothing may be kept there.
void create_object(CloudStorageClient& client, const RetryParts& retry_parts,
                   const std::string& key, std::span<const std::byte> object);

}  // namespace protobase::cloud
