// Damage around the records of a space: headers, and WALs that must be there and are not. A WAL
// begun at roll-over names its predecessor, all of which was durable by then; so a predecessor that
// is missing or shorter is a loss, never "a shorter log".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "file/space_directory.h"
#include "file/wal_tail.h"
#include "protobase/wal.h"

namespace protobase::file {

/// What the WALs of a space say about each other.
class WALChain final {
 public:
  void add(const UUID& id, const WALHead& head);
  /// WALs that another one names as its predecessor and that are missing or too short, at the first
  /// byte that is lost. Ask when every WAL was added.
  std::vector<BadPlace> lost() const;

 private:
  std::map<UUID, std::uint64_t> sizes_;
  std::map<UUID, AtomPointer> predecessors_;
};

/// Reads the headers of all WALs.
std::vector<BadPlace> find_space_damage(const SpaceDirectory& directory);

/// For a pointer that leads nowhere: the loss it fell into, nullopt when nothing was ever there as
/// far as the space knows. Reads the headers of all WALs.
std::optional<BadPlace> find_loss(const SpaceDirectory& directory, const AtomPointer& pointer);

}  // namespace protobase::file
