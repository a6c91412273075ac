// Is this UTF-8? The strict answer of RFC 3629: no surrogates, no overlong forms, nothing above
// U+10FFFF.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace protobase::base {

/// Position of the first byte that cannot be part of valid UTF-8; nullopt when all is valid.
std::optional<std::size_t> find_invalid_utf8(std::string_view text) noexcept;

/// Appends the UTF-8 form of a code point, which must be no surrogate and at most 0x10FFFF.
void append_utf8(char32_t code_point, std::string& out);

}  // namespace protobase::base
