// XXH3-64, the checksum of everything we store.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace protobase::base {

/// XXH3_64bits with the default secret and seed 0.
std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept;

/// XXH3_128bits, in its canonical form (big-endian): a name for these bytes.
std::array<std::uint8_t, 16> xxh3_128(std::span<const std::byte> bytes) noexcept;

/// xxh3() over bytes that come in parts.
class HashStream final {
 public:
  HashStream();
  ~HashStream();
  HashStream(const HashStream&) = delete;
  HashStream& operator=(const HashStream&) = delete;

  void add(std::span<const std::byte> bytes) noexcept;
  std::uint64_t value() const noexcept;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace protobase::base
