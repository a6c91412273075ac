// What may lie below a prefix besides a store: things that are in nobody's way, and things of
// somebody else.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cloud/bucket.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// In front of the objects, each named by a UUID, with which create_object() tests conditions.
inline constexpr std::string_view kProbePrefix = "probe/";
/// In front of the directories, each named by a UUID, in which examine_bucket() tries a bucket.
inline constexpr std::string_view kDoctorPrefix = "doctor/";

/// The first key below the prefix, but for what create_object() may have left of its test, and what
/// examine_bucket() may have left or is about to remove.
std::optional<std::string> find_first_object(const Bucket& bucket);

/// Whether a slot or a segment is listed, of whatever store.
bool has_slots_or_segments(const Bucket& bucket);

/// ValidationError: choose another prefix; `key` is one of the things.
[[noreturn]] void throw_other_things(const std::string& location, const std::string& key);

}  // namespace protobase::cloud
