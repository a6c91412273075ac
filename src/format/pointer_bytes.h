// An AtomPointer in our binary formats: the WAL's UUID (16 bytes), then the offset (u64).
#pragma once

#include <cstddef>
#include <cstring>

#include "base/endian.h"
#include "protobase/atom_pointer.h"

namespace protobase::format {

inline constexpr std::size_t kPointerSize = 24;

inline void store_pointer(std::byte* to, const AtomPointer& pointer) noexcept {
  std::memcpy(to, pointer.transaction_id.bytes.data(), 16);
  base::store_le<std::uint64_t>(to + 16, pointer.offset);
}

inline AtomPointer load_pointer(const std::byte* from) noexcept {
  AtomPointer pointer;
  std::memcpy(pointer.transaction_id.bytes.data(), from, 16);
  pointer.offset = base::load_le<std::uint64_t>(from + 16);
  return pointer;
}

}  // namespace protobase::format
