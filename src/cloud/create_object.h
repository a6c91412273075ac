// Creates an object that others may create as well, at a store that knows how to let one win.
#pragma once

#include <span>
#include <string>

#include "cloud/bucket.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// ValidationError: behind so long a prefix not every key of a store has a place, that of a segment
/// being the longest; one GET. A store without that could be committed to for a while, but never
/// merged.
void check_room_for_keys(const Bucket& bucket);

/// The object is there when this returns, whoever put it. NotSupportedError: the store does not
/// keep the conditions on which every commit rests, or does not list what was put, which an object
/// of random name has shown; ValidationError: see above; `key` was not touched then.
void create_object(const Bucket& bucket, const std::string& key, std::span<const std::byte> object);

}  // namespace protobase::cloud
