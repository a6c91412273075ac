// Every WAL of a space from its newest checkpoint on, judged by all that its files know of each
// other. Everything is read before anything is changed: the proof that one tail was durable may lie
// in another one.
#pragma once

#include <map>
#include <optional>

#include "file/space_damage.h"
#include "file/space_directory.h"
#include "file/wal_tail.h"
#include "protobase/root_register.h"

namespace protobase::file {

struct FoundWAL {
  WALHead head;
  WALTail tail;  ///< empty when the head is unborn
};

struct SpaceTails {
  WALChain chain;
  std::map<UUID, FoundWAL> wals;
};

/// Changes nothing. Damage is in the tails, not thrown. NotSupportedError for a newer format.
/// `published`: what protobase.root says, read before.
SpaceTails read_tails(const SpaceDirectory& directory, const std::optional<RootVersion>& published);

}  // namespace protobase::file
