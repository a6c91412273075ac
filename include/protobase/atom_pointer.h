// The address of an atom: which WAL, and the byte offset at which its record starts.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include "protobase/export.h"
#include "protobase/uuid.h"

namespace protobase {

/// Valid for ever and in every copy of the store. Orders by WAL, then offset.
struct PROTOBASE_EXPORT AtomPointer {
  UUID transaction_id;       ///< the WAL's id; ProtoBase's name for it
  std::uint64_t offset = 0;  ///< bytes from the start of the WAL

  /// Parses `uuid:offset` (decimal, no sign, no leading zeros). Throws ValidationError.
  static AtomPointer parse(std::string_view text);
  /// `uuid:offset`, lower case.
  std::string to_string() const;

  friend auto operator<=>(const AtomPointer&, const AtomPointer&) noexcept = default;
};

PROTOBASE_EXPORT std::ostream& operator<<(std::ostream& out, const AtomPointer& pointer);

}  // namespace protobase

template <>
struct std::hash<protobase::AtomPointer> {
  std::size_t operator()(const protobase::AtomPointer& p) const noexcept {
    std::uint64_t h = std::hash<protobase::UUID>{}(p.transaction_id) ^ p.offset;
    h = (h ^ (h >> 32)) * 0xD6E8FEB86659FD93ull;  // offsets are multiples of 8: spread the low bits
    return static_cast<std::size_t>(h ^ (h >> 32));
  }
};
