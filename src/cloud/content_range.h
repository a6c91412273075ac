// What headers say of sizes and ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "os/net/http.h"

namespace protobase::cloud {

/// Digits and nothing else; nullopt for other text and for what does not fit.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// `bytes first-last/size`
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t size = 0;
};

/// nullopt unless all three are told and fit each other.
std::optional<ContentRange> parse_content_range(std::string_view text);

/// Of a request.
bool asks_for_range(const os::HTTPHeaders& headers);

}  // namespace protobase::cloud
