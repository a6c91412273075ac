// A 128-bit identifier; every WAL has one. Text form: RFC 9562, 8-4-4-4-12, lower case.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protobase/export.h"

namespace protobase {

/// 16 bytes in network order, as in the text. A value: copies, compares, hashes.
struct PROTOBASE_EXPORT UUID {
  std::array<std::uint8_t, 16> bytes{};

  /// Accepts exactly the 36-character form, either case; anything else gives nullopt.
  static std::optional<UUID> parse(std::string_view text) noexcept;
  /// A version-4 UUID made of these 16 random bytes.
  static UUID from_random(const std::array<std::uint8_t, 16>& random) noexcept;

  std::string to_string() const;
  bool is_nil() const noexcept { return *this == UUID{}; }

  /// As two words: comparing the arrays would call memcmp, which is felt in a cache hit.
  friend constexpr bool operator==(const UUID& a, const UUID& b) noexcept {
    using Words = std::array<std::uint64_t, 2>;
    const auto x = std::bit_cast<Words>(a.bytes);
    const auto y = std::bit_cast<Words>(b.bytes);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
  }
  friend auto operator<=>(const UUID&, const UUID&) noexcept = default;
};

}  // namespace protobase

template <>
struct std::hash<protobase::UUID> {
  std::size_t operator()(const protobase::UUID& id) const noexcept {
    std::uint64_t halves[2];
    std::memcpy(halves, id.bytes.data(), sizeof halves);
    return static_cast<std::size_t>(halves[0] ^ (halves[1] * 0x9E3779B97F4A7C15ull));
  }
};
