// Atom to MessagePack and back, the payload of records of format 0x02.
//
// Written: integers in their smallest form, every double as float64 with its bits, strings as str,
// bytes as bin. Read, besides: every longer form, float32 (widened exactly), and what other writers
// may have stored and an Atom has no kind for. The last is for reading only and does not turn back
// when encoded:
//   a map with a key that is no string   {"$map": [[key, value], ...]}
//   an ext                               {"$ext": [type, bytes]}
//   a timestamp (ext -1 of the specification)  {"$timestamp": [seconds, nanoseconds]}
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "protobase/atom.h"

namespace protobase::format {

/// Appends to `out`. Throws ValidationError for integers beyond 64 bits (JSON takes them), invalid
/// UTF-8, more than kMaxAtomDepth levels, and anything of 4 GiB or 2^32 elements.
void encode_msgpack(const Atom& atom, std::string& out);

/// Exactly one value. Throws ValidationError with the byte position for truncated or trailing
/// bytes, the invalid byte 0xc1, invalid UTF-8, duplicate keys, more than kMaxAtomDepth levels.
/// Never allocates for a length that the payload cannot hold.
Atom decode_msgpack(std::span<const std::byte> payload);

/// The same without the fast decoder, which it agrees with. For tests and measurements;
/// decode_msgpack is the one to use.
Atom parse_msgpack(std::span<const std::byte> payload);

}  // namespace protobase::format
