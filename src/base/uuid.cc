// UUID and AtomPointer: their text forms.
#include "protobase/uuid.h"

#include <charconv>
#include <ostream>

#include "protobase/atom_pointer.h"
#include "protobase/errors.h"

namespace protobase {
namespace {

constexpr std::size_t kTextLength = 36;
constexpr bool is_hyphen_place(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<UUID> UUID::parse(std::string_view text) noexcept {
  if (text.size() != kTextLength) return std::nullopt;
  UUID id;
  std::size_t nibble = 0;
  for (std::size_t i = 0; i < kTextLength; ++i) {
    if (is_hyphen_place(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int digit = hex_digit(text[i]);
    if (digit < 0) return std::nullopt;
    auto& byte = id.bytes[nibble / 2];
    byte = static_cast<std::uint8_t>((byte << 4) | digit);
    ++nibble;
  }
  return id;
}

UUID UUID::from_random(const std::array<std::uint8_t, 16>& random) noexcept {
  UUID id{random};
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0F) | 0x40);  // version 4
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3F) | 0x80);  // RFC variant
  return id;
}

std::string UUID::to_string() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(kTextLength, '-');
  std::size_t nibble = 0;
  for (std::size_t i = 0; i < kTextLength; ++i) {
    if (is_hyphen_place(i)) continue;
    const unsigned byte = bytes[nibble / 2];
    text[i] = kDigits[nibble % 2 == 0 ? byte >> 4 : byte & 0x0F];
    ++nibble;
  }
  return text;
}

AtomPointer AtomPointer::parse(std::string_view text) {
  const auto fail = [&](const char* why) {
    throw ValidationError("bad pointer \"" + std::string(text.substr(0, 80)) + "\": " + why +
                          "; expected UUID:OFFSET");
  };
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) fail("no colon");
  const auto id = UUID::parse(text.substr(0, colon));
  if (!id) fail("the part before the colon is not a UUID");
  const std::string_view digits = text.substr(colon + 1);
  AtomPointer pointer{*id, 0};
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), pointer.offset);
  const bool leading_zero = digits.size() > 1 && digits[0] == '0';
  if (error != std::errc{} || end != digits.data() + digits.size() || leading_zero) {
    fail("the offset is not a decimal number below 2^64");
  }
  return pointer;
}

std::string AtomPointer::to_string() const {
  return transaction_id.to_string() + ":" + std::to_string(offset);
}

std::ostream& operator<<(std::ostream& out, const AtomPointer& pointer) {
  return out << pointer.to_string();
}

}  // namespace protobase
