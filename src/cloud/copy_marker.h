// The object `copy`: this prefix is being made a copy of another store, and is none before the
// checkpoint is there (docs/internals/cloud_format.md, Copying).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloud/bucket.h"
#include "protobase/shared_bytes.h"
#include "protobase/uuid.h"

namespace protobase::cloud {

inline constexpr const char* kCopyMarkerKey = "copy";

struct CopyMarker {
  UUID store;              ///< the id that the copy will have
  std::string source;      ///< what is copied, in words that tell it from others
  std::vector<UUID> wals;  ///< of the source when the copy was begun: it will always have them

  friend bool operator==(const CopyMarker&, const CopyMarker&) = default;
};

Bytes write_copy_marker(const CopyMarker& marker);
/// Throws ValidationError (something else of that name) and NotSupportedError (a newer version)
/// that name the location.
CopyMarker read_copy_marker(std::span<const std::byte> object, const std::string& location);

/// nullopt: there is none. Errors as read_copy_marker() besides those of the request.
std::optional<CopyMarker> find_copy_marker(const Bucket& bucket);

/// What whoever would open that prefix is told.
std::string unfinished_copy(const std::string& location, const CopyMarker& marker);

}  // namespace protobase::cloud
