// Makes a healthy space out of what can still be read of a damaged one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protobase/atom_pointer.h"
#include "protobase/export.h"
#include "protobase/wal.h"

namespace protobase {

/// What salvage_space() kept and what it had to leave.
struct SalvageReport {
  std::uint64_t wals = 0;           ///< in the target
  std::uint64_t records = 0;        ///< data records in the target
  std::uint64_t payload_bytes = 0;  ///< of those
  std::uint64_t commits = 0;        ///< in the root history of the target, but the Python root
  std::optional<AtomPointer> root;  ///< of the target; nullopt when there is none left
  std::uint64_t lost_places = 0;    ///< all of them; `lost` lists the first 1,000
  std::vector<BadPlace> lost;       ///< where, and what was lost there
};

/// Copies every record of the damaged space in directory `from` that can be read into a new space
/// in directory `to`, which must be absent or empty, not below `from`, or hold what an interrupted
/// salvage left: that is begun anew. Every pointer to a kept record stays valid; a pointer to a
/// lost one gives NotFoundError there. The root is that of the newest commit whose root can be
/// read; commits that cannot be kept are left out of the history. Nothing of `from` is changed.
/// When the call returns the target is durable and verify() finds nothing in it. `progress` (may be
/// empty) hears bytes done of all.
///
/// What is left out is in `lost`, with its size. Behind a place where nothing tells damage from the
/// rest of an unfinished write, atoms are kept and commits are not; both are named as "perhaps
/// never acknowledged". What the disk refuses to give is asked for again a few times.
///
/// WALs of the Python storage are copied as they are, since their layout cannot say that nothing is
/// at some place: a damaged record is in `lost` and keeps its bytes, a pointer to one that could
/// not be read gives CorruptionError, and verify() of the target names both.
///
/// Memory: about 400 bytes per commit of the source.
/// Errors: NotFoundError, ValidationError (target in use, or not empty), NotSupportedError (a newer
/// format), NoSpaceError, LockingError.
PROTOBASE_EXPORT SalvageReport
salvage_space(const std::string& from, const std::string& to,
              const std::function<void(std::uint64_t done, std::uint64_t total)>& progress);

}  // namespace protobase
