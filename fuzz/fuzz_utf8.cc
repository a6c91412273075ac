// UTF-8: the place of the first bad byte is the one that decoding code point by code point finds,
// and the code points before it are written back as the same bytes.
#include <string>

#include "base/utf8.h"
#include "fuzz/fuzzing.h"

namespace {

using protobase::fuzz::require;

/// A code point by arithmetic alone: lead byte, tail bytes, then the value has to be one that needs
/// this length and may be encoded.
std::optional<std::pair<char32_t, std::size_t>> decode_one(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return std::pair(char32_t{lead}, std::size_t{1});
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC0 || lead >= 0xF8 || text.size() < length) return std::nullopt;
  char32_t value = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return std::nullopt;
    value = value << 6 | (at(i) & 0x3Fu);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallest[length] || value > 0x10FFFF || surrogate) return std::nullopt;
  return std::pair(value, length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::size_t at = 0;
  std::string again;
  while (at < text.size()) {
    const auto decoded = decode_one(text.substr(at));
    if (!decoded) break;
    protobase::base::append_utf8(decoded->first, again);
    at += decoded->second;
  }
  const auto bad = protobase::base::find_invalid_utf8(text);
  require(bad.value_or(size) == at && bad.has_value() == (at < size));
  require(again == text.substr(0, at));
  return 0;
}
