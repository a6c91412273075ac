#include "base/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace protobase::base {
namespace {

constexpr char32_t kLastCodePoint = 0x10FFFF;

TEST(UTF8, EveryCodePointThatIsNoSurrogateIsValid) {
  for (char32_t code_point = 0; code_point <= kLastCodePoint; ++code_point) {
    if (code_point == 0xD800) code_point = 0xE000;
    std::string text;
    append_utf8(code_point, text);
    ASSERT_EQ(find_invalid_utf8(text), std::nullopt)
        << std::hex << static_cast<std::uint32_t>(code_point);
  }
}

/// RFC 3629 read backwards: decode by hand, then ask whether the shortest form is the same bytes.
bool is_valid_by_reencoding(const std::string& text) {
  const auto byte = [&text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
  if (byte(0) >= 0x80 && byte(0) < 0xC0) return false;
  if (byte(0) >= 0xF8 || length != text.size()) return false;
  char32_t code_point = length == 1 ? byte(0) : byte(0) & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return false;
    code_point = code_point << 6 | (byte(i) & 0x3F);
  }
  if (code_point > kLastCodePoint || (code_point >= 0xD800 && code_point < 0xE000)) return false;
  std::string again;
  append_utf8(code_point, again);
  return again == text;
}

TEST(UTF8, EverySequenceOfTwoAndThreeBytesIsJudgedByTheRFC) {
  for (unsigned bits = 0; bits < 1u << 24; bits += 1) {
    std::string text{static_cast<char>(bits >> 16), static_cast<char>(bits >> 8),
                     static_cast<char>(bits)};
    if (static_cast<std::uint8_t>(text[0]) < 0xC0) {
      bits |= 0xFFFF;  // single bytes first: covered below
      continue;
    }
    if (static_cast<std::uint8_t>(text[0]) < 0xE0) text.resize(2), bits |= 0xFF;
    ASSERT_EQ(!find_invalid_utf8(text), is_valid_by_reencoding(text)) << std::hex << bits;
  }
}

TEST(UTF8, FourByteSequencesAtTheirEdges) {
  for (const unsigned lead : {0xEFu, 0xF0u, 0xF1u, 0xF3u, 0xF4u, 0xF5u, 0xFFu}) {
    for (unsigned second = 0; second < 256; ++second) {
      for (const unsigned tail : {0x7Fu, 0x80u, 0xBFu, 0xC0u}) {
        const std::string text{static_cast<char>(lead), static_cast<char>(second),
                               static_cast<char>(tail), '\x80'};
        if (lead == 0xEF) continue;
        ASSERT_EQ(!find_invalid_utf8(text), is_valid_by_reencoding(text)) << lead << ' ' << second;
      }
    }
  }
}

TEST(UTF8, SaysWhereTheFirstInvalidByteIs) {
  EXPECT_EQ(find_invalid_utf8("0123456789\xFF"), 10u);
  EXPECT_EQ(find_invalid_utf8("\x80"), 0u);
  EXPECT_EQ(find_invalid_utf8("caf\xC3\xA9 \xE2\x82"), 6u) << "cut inside a character";
  EXPECT_EQ(find_invalid_utf8(""), std::nullopt);
}

}  // namespace
}  // namespace protobase::base
