// XXH3-64, the checksum of everything we store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace protobase::base {

/// XXH3_64bits with the default secret and seed 0.
std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept;

}  // namespace protobase::base
