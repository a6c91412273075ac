// A checkpoint object of a store in a bucket as a program of another version would write it.
#pragma once

#include <cstdint>
#include <span>

#include "base/endian.h"
#include "base/hash.h"
#include "protobase/shared_bytes.h"

namespace protobase::testing {

inline void set_checkpoint_version(Bytes& object, std::uint8_t version) {
  object[8] = std::byte{version};
  base::HashStream hash;
  hash.add(std::span(object).first(16));
  hash.add(std::span(object).subspan(24));
  base::store_le<std::uint64_t>(object.data() + 16, hash.value());
}

}  // namespace protobase::testing
