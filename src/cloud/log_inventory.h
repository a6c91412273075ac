// What lies in a bucket whose log may have lost objects: no object is believed to be there because
// another one says so, and no name is more than a name.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cloud/damaged_bucket.h"
#include "cloud/log_checkpoint.h"
#include "engine/worker_pool.h"
#include "protobase/root_register.h"
#include "protobase/uuid.h"

namespace protobase::cloud {

/// An object of which bytes [begin, end) of a WAL can be had. Of a slot they are the first of the
/// body.
struct Piece {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;        ///< of what is there
  std::uint64_t named_end = 0;  ///< of what should be: behind `end` when the object was cut short
  std::uint64_t slot = 0;       ///< its number; 0: a segment
  UUID segment_id;              ///< in the segment's key; nil: made by a merge

  std::uint64_t size() const noexcept { return end - begin; }
};

std::string key_of(const UUID& wal, const Piece& piece);
/// Whether it has the name of a segment that a merge made, so of committed bytes.
bool is_merged(const Piece& piece) noexcept;

/// A slot that was listed, and is no claim.
struct FoundSlot {
  std::uint64_t number = 0;
  std::uint64_t object_size = 0;
  std::string problem{};  ///< why the rest is not known; empty: it is
  UUID store{};
  UUID commit_id{};
  UUID wal{};
  std::uint64_t begin = 0;         ///< of what it covers,
  std::uint64_t inline_begin = 0;  ///< of what is in its body,
  std::uint64_t end = 0;           ///< and of both
};

/// As of one moment: nothing was merged while it was made.
struct LogInventory {
  bool has_objects = false;  ///< one of a store, at least
  std::optional<LogCheckpoint> checkpoint{};
  std::string checkpoint_problem{};  ///< why it is not known
  bool is_unfinished_copy = false;
  std::vector<FoundSlot> slots;  ///< by number
  /// Numbers that are missing: behind what the checkpoint knows, or from 1 on.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;
  std::map<UUID, std::vector<Piece>> segments;  ///< by WAL
  std::optional<UUID> store{};                  ///< that of the checkpoint or of most slots
  std::optional<RootVersion> root{};            ///< the newest that is named in this store
};

/// Damage is in what is returned. Throws NotSupportedError (a newer format) and what requests
/// throw.
LogInventory take_inventory(DamagedBucket& bucket, engine::WorkerPool& pool);

/// The segments of one WAL; of all when it is nil.
std::map<UUID, std::vector<Piece>> list_segments(const DamagedBucket& bucket, const UUID& wal);

}  // namespace protobase::cloud
