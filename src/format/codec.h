// Atom to payload and back, chosen by the record's format byte: what the engine calls.
// Pure functions of their arguments, safe from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "format/json_dialect.h"
#include "protobase/atom.h"
#include "protobase/record_format.h"

namespace protobase::format {

/// Appends the payload to `out`, whose capacity is worth keeping between calls. Throws
/// ValidationError for an atom this format cannot hold exactly, and for kRaw; `out` then ends with
/// an unfinished payload.
void encode(const Atom& atom, RecordFormat format, std::string& out);

/// Reads a whole payload. `dialect` matters for JSON only. Throws ValidationError with the byte
/// position when the payload is not exactly one value, and for kRaw, naming get_bytes.
Atom decode(std::span<const std::byte> payload, RecordFormat format, JSONDialect dialect);

}  // namespace protobase::format
