// Shared by the parts of copy_space() and salvage_space() that deal with a bucket.
#pragma once

#include <optional>
#include <string>

#include "cloud/bucket.h"
#include "cloud/log_checkpoint.h"
#include "protobase/atom_pointer.h"
#include "protobase/cloud_copy.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::storage {

cloud::Bucket bucket_of(const std::shared_ptr<CloudStorageClient>& client,
                        const CloudCopyOptions& options);

/// ValidationError unless it is one of the two.
void check_place(const SpacePlace& place);

/// `space_root`, as the Python storage writes it.
std::string space_root_text(const AtomPointer& root);

/// nullopt: there is none. Errors as read_checkpoint().
std::optional<cloud::LogCheckpoint> find_checkpoint(const cloud::Bucket& bucket);

}  // namespace protobase::storage
