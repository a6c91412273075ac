// How times and messages look to people. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace protobase::cli {

/// RFC 3339 in UTC with microseconds: "2024-02-29T23:59:59.000001Z". From microseconds since 1970
/// UTC.
std::string rfc3339(std::int64_t unix_us);

/// Line breaks and other control characters become visible escapes.
std::string one_line(std::string_view text);

/// The first `count` characters of UTF-8, each taken for one column.
std::string_view first_columns(std::string_view text, std::size_t count);

}  // namespace protobase::cli
