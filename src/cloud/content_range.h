// What the headers of an answer say of sizes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

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

}  // namespace protobase::cloud
