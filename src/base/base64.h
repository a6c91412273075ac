// Base64 of RFC 4648, section 4: with padding, without line breaks. How bytes stand in JSON.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "protobase/shared_bytes.h"

namespace protobase::base {

/// Appends the text of `bytes` to `out`.
void append_base64(std::span<const std::byte> bytes, std::string& out);

/// Only what append_base64 writes: one text for each value. Everything else (missing padding, other
/// alphabets, white space, bits set behind the last byte) gives nullopt.
std::optional<Bytes> decode_canonical_base64(std::string_view text);

}  // namespace protobase::base
