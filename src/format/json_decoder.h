// JSON text to Atom, the way every JSON payload is read: simdjson for nearly all of it, the exact
// parser (json_exact_parser.h) for what simdjson refuses. Both accept the same language where they
// overlap.
#pragma once

#include <optional>
#include <string_view>

#include "format/json_dialect.h"
#include "protobase/atom.h"

namespace protobase::format {

/// One JSON text, UTF-8 without byte order mark, white space around it allowed. Beyond standard
/// JSON: integers of up to kMaxIntegerDigits digits, NaN, Infinity, -Infinity. A number with '.' or
/// an exponent is a double, any other an integer. Throws ValidationError with the byte position;
/// duplicate keys, lone surrogates, doubles beyond the range and more than kMaxAtomDepth levels are
/// refused too.
Atom decode_json(std::string_view text, JSONDialect dialect);

/// The fast way alone: nullopt where simdjson refuses or the exact parser has to explain. For tests
/// and measurements; decode_json is the one to use.
std::optional<Atom> try_decode_json_fast(std::string_view text, JSONDialect dialect);

}  // namespace protobase::format
