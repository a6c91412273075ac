// Finding the newest root of a space from its WALs, and closing what a crash left open.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "file/space_damage.h"
#include "file/space_directory.h"
#include "file/wal_tail.h"
#include "protobase/options.h"
#include "protobase/root_register.h"

namespace protobase::file {

struct RecoveredSpace {
  std::optional<RootVersion> newest{};  ///< newest readable commit
  std::uint64_t highest_sequence = 0;   ///< of any commit known to have been durable
  /// Set when a newer one than `newest` is known to be lost, or may be: where.
  std::optional<AtomPointer> lost_commit{};
  std::string read_error{};   ///< why it cannot be read; empty: it was read and is damaged
  std::set<UUID> unusable{};  ///< WALs that are damaged or sealed: never to be appended to
  WALChain chain{};           ///< what the files of the space say about each other
};

/// Reads every WAL's tail; what it finds is durable. With `settle`, also closes those whose writer
/// died (and no other process may have the space open). Damage is logged, not thrown. Throws
/// NotSupportedError for a newer format. `published`: what protobase.root says, read before;
/// nullopt also when it cannot be told. It was durable.
RecoveredSpace recover_space(const SpaceDirectory& directory,
                             const std::optional<RootVersion>& published, bool settle,
                             const Logger& logger);

/// Makes the records of a WAL durable whose writer is another, perhaps alive, perhaps after a
/// failed sync; returns where they end.
std::uint64_t harden_wal(const SpaceDirectory& directory, const UUID& id, std::uint64_t proven);

/// One WAL, opened by its writer-to-be: takes the writer lock, settles the tail. nullptr when
/// somebody else writes it, it is sealed, left behind, damaged, or no version-1 WAL.
std::unique_ptr<os::File> take_wal(const SpaceDirectory& directory, const UUID& id,
                                   const WALChain& chain, WALHead& head, const Logger& logger);

}  // namespace protobase::file
