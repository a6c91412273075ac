#include "base/hash.h"

// Inlined: the hash of a small atom costs less than a call through the library would.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace protobase::base {

std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::array<std::uint8_t, 16> xxh3_128(std::span<const std::byte> bytes) noexcept {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  std::array<std::uint8_t, 16> result;
  std::copy_n(canonical.digest, result.size(), result.begin());
  return result;
}

struct HashStream::State {
  XXH3_state_t state;
};

HashStream::HashStream() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->state); }

HashStream::~HashStream() = default;

void HashStream::add(std::span<const std::byte> bytes) noexcept {
  XXH3_64bits_update(&state_->state, bytes.data(), bytes.size());
}

std::uint64_t HashStream::value() const noexcept { return XXH3_64bits_digest(&state_->state); }

}  // namespace protobase::base
