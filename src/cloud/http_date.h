// The ways in which HTTP, S3 and Google write a moment. All in UTC, all years from 1970 to 9999.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace protobase::cloud {

/// `20130524T000000Z`, as signatures have it.
std::string to_basic_time(std::int64_t unix_seconds);

/// `Fri, 24 May 2013 00:00:00 GMT`: the Date and Last-Modified headers. Seconds since 1970.
std::optional<std::int64_t> parse_http_date(std::string_view text);

/// `2013-05-24T00:00:00Z`, with or without a fraction of a second. Microseconds since 1970.
std::optional<std::int64_t> parse_iso_time_us(std::string_view text);

}  // namespace protobase::cloud
