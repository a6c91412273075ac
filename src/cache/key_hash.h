// Keys of the two caches and how they are mixed. The stripe comes from the high bits of a hash, the
// place in the stripe's table from the low ones: both must be good, for offsets are anything but
// random.
#pragma once

#include <cstdint>
#include <cstring>

#include "protobase/atom_pointer.h"

namespace protobase::cache {

/// A decoded atom depends on the schema it was decoded under.
struct ObjectKey {
  AtomPointer pointer;
  std::uint64_t schema_epoch = 0;

  friend bool operator==(const ObjectKey&, const ObjectKey&) noexcept = default;
};

/// Both halves of the 128-bit product, folded: every input bit reaches every output bit.
inline std::uint64_t multiply_fold(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

struct KeyHash {
  std::uint64_t operator()(const AtomPointer& pointer, std::uint64_t seed = 0) const noexcept {
    std::uint64_t halves[2];
    std::memcpy(halves, pointer.transaction_id.bytes.data(), sizeof halves);
    const std::uint64_t place =
        multiply_fold(pointer.offset ^ 0xA0761D6478BD642Full, halves[0] ^ 0xE7037ED1A0B428DBull);
    return multiply_fold(place ^ halves[1], seed ^ 0x8EBC6AF09C88C6E3ull);
  }
  std::uint64_t operator()(const ObjectKey& key) const noexcept {
    return (*this)(key.pointer, key.schema_epoch);
  }
};

}  // namespace protobase::cache
