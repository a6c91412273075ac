// The two small files of a directory written by ProtoBase's Python storage: `space_root`, a JSON
// object with `transaction_id` and `offset`, and `space.config`, an INI file. Both are only ever
// read.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "protobase/atom_pointer.h"

namespace protobase::format {

/// Larger ones are not what they claim to be.
inline constexpr std::size_t kMaxLegacyFileSize = 64 * 1024;

/// Throws CorruptionError naming what was expected and found.
AtomPointer parse_space_root(std::string_view text);

/// "section.key" -> value, keys in lower case as Python's configparser reads them. Throws
/// CorruptionError.
std::map<std::string, std::string> parse_space_config(std::string_view text);

}  // namespace protobase::format
