// What is left of the commit log in a bucket that lost objects: which bytes of which WAL can still
// be had from where, how far each WAL went, and which objects are missing.
//
// The log vouches for what a slot, the checkpoint, a segment made by a merge or a root names.
// Other segments were put before the slot that would name them: where no such slot is left, nothing
// tells whether it ever was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cloud/damaged_bucket.h"
#include "cloud/log_inventory.h"
#include "engine/worker_pool.h"
#include "protobase/root_register.h"
#include "protobase/wal.h"

namespace protobase::cloud {

/// Bytes of a WAL that no object has.
struct LostRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string reason;
};

struct WALRemains {
  UUID id;
  WALLayout layout = WALLayout::kVersion1;
  std::uint64_t sure_end = 0;     ///< the log vouches for so much
  std::uint64_t end = 0;          ///< of all that is named
  std::vector<Piece> pieces{};    ///< by their begin; where two overlap, they are of the same bytes
  std::vector<LostRange> lost{};  ///< by their begin, apart from each other
  std::vector<Piece> rejected{};  ///< listed, and not what their names say

  std::uint64_t begin() const noexcept {
    return layout == WALLayout::kLegacyPython ? 0 : kWALFirstRecordOffset;
  }
};

struct LogRemains {
  std::optional<UUID> store{};
  std::optional<RootVersion> root{};  ///< the newest that anything names
  std::optional<AtomPointer> inherited_root{};
  std::vector<WALRemains> wals{};  ///< in the order of the log; each has a piece, or is empty
  std::vector<BadPlace> lost{};    ///< what is no range of these
};

/// What was merged and the checkpoint does not know, and what nothing names, is kept and told of.
/// Errors as take_inventory(); NotFoundError: there is no store.
LogRemains find_remains(DamagedBucket& bucket, engine::WorkerPool& pool);

}  // namespace protobase::cloud
