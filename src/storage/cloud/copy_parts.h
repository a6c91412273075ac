// Shared by the parts of copy_space() and salvage_space() that deal with a bucket.
#pragma once

#include <string>

#include "cloud/retry.h"
#include "protobase/atom_pointer.h"
#include "protobase/cloud_copy.h"

namespace protobase::storage {

cloud::RetryParts retry_parts_of(const CloudCopyOptions& options);

/// ValidationError unless it is one of the two.
void check_place(const SpacePlace& place);

/// `space_root`, as the Python storage writes it.
std::string space_root_text(const AtomPointer& root);

}  // namespace protobase::storage
