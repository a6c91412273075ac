// Which meaning JSON payloads have, and the one place that knows how version 1 writes bytes in
// JSON. Version 1: {"$bytes":"<canonical base64>"} is bytes. So that every atom survives, an object
// of exactly one member whose key is '$', more '$', "bytes" carries one '$' more in the text than
// in the atom.
#pragma once

#include <cstdint>
#include <string_view>

#include "protobase/atom.h"

namespace protobase::format {

/// The WAL's version decides: records of ProtoBase's Python storage have no convention for bytes,
/// there "$bytes" is a key like any other.
enum class JSONDialect : std::uint8_t { kVersion1, kLegacy };

/// Whether `key` is one or more '$' followed by "bytes".
bool is_bytes_key(std::string_view key) noexcept;

/// The atom that the members of one JSON object mean. Throws ValidationError when a key comes
/// twice.
Atom make_json_object(Atom::Object members, JSONDialect dialect);

}  // namespace protobase::format
