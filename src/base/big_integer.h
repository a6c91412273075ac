// Decimal text of integers of any size. No arithmetic: an integer beyond 64 bits is kept as its
// text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace protobase::base {

/// int64 where it fits, else uint64, else canonical text (no leading zeros, '-' only, never "-0").
using AnyInteger = std::variant<std::int64_t, std::uint64_t, std::string>;

/// Parses [-]digits; leading zeros are dropped. Throws ValidationError for anything else, and for
/// more than kMaxIntegerDigits digits.
AnyInteger parse_integer(std::string_view decimal);

}  // namespace protobase::base
