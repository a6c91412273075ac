// Base64 by RFC 4648, section 4; three bytes are four letters.
#include "base/base64.h"

#include <array>
#include <cstdint>

namespace protobase::base {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoLetter = 0xFF;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoLetter);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}
constexpr std::array<std::uint8_t, 256> kValues = make_values();

/// The bits of `count` letters, first letter highest; nullopt when one is no letter.
std::optional<std::uint32_t> read_letters(const char* letters, std::size_t count) noexcept {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t value = kValues[static_cast<std::uint8_t>(letters[i])];
    if (value == kNoLetter) return std::nullopt;
    bits = bits << 6 | value;
  }
  return bits;
}

/// One or two bytes at the end: `letters` is 2 or 3, the unused low bits must be zero.
bool read_tail(const char* text, std::size_t letters, std::byte* out) noexcept {
  const std::optional<std::uint32_t> bits = read_letters(text, letters);
  if (!bits) return false;
  const std::size_t unused_bits = letters == 2 ? 4 : 2;
  if ((*bits & ((1u << unused_bits) - 1)) != 0) return false;
  const std::uint32_t value = *bits >> unused_bits;
  if (letters == 3) *out++ = static_cast<std::byte>(value >> 8);
  *out = static_cast<std::byte>(value & 0xFF);
  return true;
}

}  // namespace

void append_base64(std::span<const std::byte> bytes, std::string& out) {
  const std::size_t start = out.size();
  out.resize(start + (bytes.size() + 2) / 3 * 4, '=');
  char* to = out.data() + start;
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t bits = std::to_integer<std::uint32_t>(bytes[i]) << 16 |
                               std::to_integer<std::uint32_t>(bytes[i + 1]) << 8 |
                               std::to_integer<std::uint32_t>(bytes[i + 2]);
    for (int shift = 18; shift >= 0; shift -= 6) *to++ = kAlphabet[bits >> shift & 63];
  }
  if (i == bytes.size()) return;
  const bool two = bytes.size() - i == 2;
  const std::uint32_t bits = std::to_integer<std::uint32_t>(bytes[i]) << 16 |
                             (two ? std::to_integer<std::uint32_t>(bytes[i + 1]) << 8 : 0);
  *to++ = kAlphabet[bits >> 18];
  *to++ = kAlphabet[bits >> 12 & 63];
  if (two) *to = kAlphabet[bits >> 6 & 63];
}

std::optional<Bytes> decode_canonical_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  Bytes bytes(text.size() / 4 * 3 - padding);
  std::byte* to = bytes.data();
  const char* const full_end = text.data() + text.size() - (padding > 0 ? 4 : 0);
  for (const char* from = text.data(); from != full_end; from += 4) {
    const std::optional<std::uint32_t> bits = read_letters(from, 4);
    if (!bits) return std::nullopt;
    for (int shift = 16; shift >= 0; shift -= 8)
      *to++ = static_cast<std::byte>(*bits >> shift & 0xFF);
  }
  if (padding > 0 && !read_tail(full_end, 4 - padding, to)) return std::nullopt;
  return bytes;
}

}  // namespace protobase::base
