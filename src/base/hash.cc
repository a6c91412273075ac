#include "base/hash.h"

// Inlined: the hash of a small atom costs less than a call through the library would.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace protobase::base {

std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace protobase::base
