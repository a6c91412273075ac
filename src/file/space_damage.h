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
#include "protobase/root_register.h"
#include "protobase/wal.h"

namespace protobase::file {

/// What the headers of a space's WALs, and the published root, say about its WALs.
class WALChain final {
 public:
  /// `published`: its commit proves that all below it in that WAL was durable.
  explicit WALChain(const std::optional<RootVersion>& published = std::nullopt);

  void add(const UUID& id, const WALHead& head);
  /// Everything of `id` below was durable once; 0 when nobody says so. Its own checkpoint, which
  /// may say more, is not asked.
  std::uint64_t proven(const UUID& id) const;
  /// Another WAL took its place: nothing is ever appended to it again.
  bool is_left_behind(const UUID& id) const { return named_.contains(id); }
  /// WALs that another one names as its predecessor and that are missing or too short, at the first
  /// byte that is lost. Ask when every WAL was added.
  std::vector<BadPlace> lost() const;

 private:
  struct Named {
    std::uint64_t end = 0;
    UUID successor;
  };
  std::optional<AtomPointer> published_end_;
  std::map<UUID, std::uint64_t> sizes_;
  std::map<UUID, Named> named_;
};

/// Reads the headers of all WALs.
WALChain read_chain(const SpaceDirectory& directory, const std::optional<RootVersion>& published);

/// Reads the headers of all WALs.
std::vector<BadPlace> find_space_damage(const SpaceDirectory& directory);

/// For a pointer that leads nowhere: the loss it fell into, nullopt when nothing was ever there as
/// far as the space knows. Reads the headers of all WALs.
std::optional<BadPlace> find_loss(const SpaceDirectory& directory, const AtomPointer& pointer);

}  // namespace protobase::file
