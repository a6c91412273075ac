// The reference reader of the JSON language that decode_json accepts: slower than simdjson, but
// with integers of any size, NaN and infinities, and errors that say what is wrong at which byte.
#pragma once

#include <string_view>

#include "format/json_dialect.h"
#include "protobase/atom.h"

namespace protobase::format {

/// Same contract as decode_json.
Atom parse_json_exact(std::string_view text, JSONDialect dialect);

}  // namespace protobase::format
