// Carries a WAL of ProtoBase's Python storage over into a salvaged space. Its layout cannot say
// that nothing is at some place, so the file is copied as it is, damage included.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "os/file_system.h"
#include "protobase/wal.h"

namespace protobase::storage {

/// What is in the copy.
struct LegacyRemains {
  std::uint64_t end = 0;
  std::uint64_t records = 0;  ///< undamaged ones that can be listed
  std::uint64_t payload_bytes = 0;
};

/// Copies the file `from` of WAL `wal` to the empty file `to`, durably. Every damaged record goes
/// to `lose`. One that cannot be read is marked by an impossible length (engine::kLegacyLost): a
/// pointer to it gives CorruptionError, never other bytes. Where records behind a damaged length
/// can no longer be told apart, their bytes are kept for those who have pointers, up to the first
/// that cannot be read.
LegacyRemains salvage_legacy_wal(const UUID& wal, os::File& from, os::File& to,
                                 const std::function<void(const BadPlace&)>& lose,
                                 const std::function<void(std::uint64_t)>& progress);

/// Whether the copy holds an undamaged record at `offset`, as far as that can be told.
bool is_legacy_record(os::File& file, const AtomPointer& where);

}  // namespace protobase::storage
