// Little-endian integers in byte buffers: how everything of ours is stored.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

namespace protobase::base {

static_assert(std::endian::native == std::endian::little,
              "the disk format is little-endian; a big-endian port must swap here");

/// Precondition: at + sizeof(T) <= size of the buffer.
template <typename T>
T load_le(const std::byte* from) noexcept {
  static_assert(std::is_integral_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
void store_le(std::byte* to, std::type_identity_t<T> value) noexcept {
  static_assert(std::is_integral_v<T>);
  std::memcpy(to, &value, sizeof value);
}

/// `value` rounded up to a multiple of `alignment`, a power of two.
template <typename T>
constexpr T round_up(T value, std::type_identity_t<T> alignment) noexcept {
  return (value + alignment - 1) & ~(alignment - 1);
}

/// Whether every byte is zero.
inline bool all_zero(std::span<const std::byte> bytes) noexcept {
  return bytes.empty() || (bytes[0] == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace protobase::base
