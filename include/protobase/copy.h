// Copies a whole store: every WAL with its id and offsets, so that all pointers and the root stay
// valid.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "protobase/atom_pointer.h"
#include "protobase/export.h"

namespace protobase {

/// What copy_space() did.
struct CopyReport {
  std::uint64_t wals = 0;           ///< in the target
  std::uint64_t bytes = 0;          ///< of WAL content now in the target
  std::uint64_t resumed_bytes = 0;  ///< of those, already there from an earlier, interrupted copy
  std::optional<AtomPointer> root;  ///< of both; nullopt when none was set
};

/// Copies the space in directory `from` (a consistent state, also while others write to it) into
/// directory `to`, which must be absent, empty, or hold an interrupted copy of the same space: that
/// one is resumed. It must not lie below `from`. WALs of the Python storage, which have no
/// checksums, are copied as they are. The target cannot be opened before the copy is complete; when
/// the call returns it is durable. `progress` (may be empty) hears bytes done of all.
/// Errors: NotFoundError, ValidationError (target in use, or not empty), CorruptionError (a damaged
/// source), NoSpaceError (make room and call again).
PROTOBASE_EXPORT CopyReport
copy_space(const std::string& from, const std::string& to,
           const std::function<void(std::uint64_t done, std::uint64_t total)>& progress);

}  // namespace protobase
