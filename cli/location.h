// What the user typed as SPACE or POINTER, parsed. Wrong text is wrong usage.
#pragma once

#include <string>
#include <string_view>

#include "protobase/atom_pointer.h"
#include "protobase/uuid.h"

namespace protobase::cli {

/// Where a space lies.
struct Location {
  std::string directory;
};

/// A path, or `file:PATH` for a path that looks like something else. Throws UsageError for an empty
/// path or an unknown scheme, NotSupportedError for the schemes this build has no client for.
Location parse_location(std::string_view text);

/// `UUID:OFFSET`. Throws UsageError.
AtomPointer parse_pointer(const std::string& text);

/// Throws UsageError.
UUID parse_wal_id(const std::string& text);

}  // namespace protobase::cli
