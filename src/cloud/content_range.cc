#include "cloud/content_range.h"

#include <algorithm>
#include <charconv>

namespace protobase::cloud {

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const auto dash = text.find('-');
  const auto slash = text.find('/');
  if (dash == text.npos || slash == text.npos || slash < dash) return std::nullopt;
  const auto first = parse_size(text.substr(0, dash));
  const auto last = parse_size(text.substr(dash + 1, slash - dash - 1));
  const auto size = parse_size(text.substr(slash + 1));
  if (!first || !last || !size || *first > *last || *last >= *size) return std::nullopt;
  return ContentRange{*first, *last, *size};
}

CloudFailure failure_of_long_answer(RequestKind kind, const os::HTTPHeaders& headers) {
  // What a request that changes something is answered at such length, it may have done. A range may
  // be answered as such the next time.
  const bool has_range =
      std::ranges::any_of(headers, [](const auto& header) { return header.first == "Range"; });
  const bool is_final = is_reading(kind) && !has_range;
  return is_final ? CloudFailure::kRefused : CloudFailure::kUnknown;
}

}  // namespace protobase::cloud
