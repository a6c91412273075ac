// How commands print damaged and lost places.
#pragma once

#include <string_view>
#include <vector>

#include "cli/output.h"
#include "protobase/atom.h"
#include "protobase/wal.h"

namespace protobase::cli {

/// `WORD WAL OFFSET: reason`, a line each.
void print_places(std::string_view word, const std::vector<BadPlace>& places, Output& out);

/// An array of {"wal", "offset", "reason"}.
Atom places_to_atom(const std::vector<BadPlace>& places);

}  // namespace protobase::cli
