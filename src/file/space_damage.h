// Damage around the records of a space: headers, and WALs that must be there and are not. And what
// its files say about each other: how much of a WAL was durable once, so that what is missing of it
// is a loss, never "a shorter log".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "file/space_directory.h"
#include "file/wal_tail.h"
#include "protobase/root_register.h"
#include "protobase/wal.h"

namespace protobase::file {

/// How much of each WAL of a space was durable once, as others say it:
///  - its successor, begun at roll-over, names it and how long it was;
///  - the published root lies in it;
///  - a commit record of another WAL, or the published root, replaced a root that lies in it. A
///    commit record is made only after the one it replaces was acknowledged. (Not so within one
///    WAL: there both may be of one batch, of which a power cut leaves any part. What was durable
///    there, the record itself says.)
/// Whatever else a file says, true or forged, is at most damage that is none.
class WALChain final {
 public:
  explicit WALChain(const std::optional<RootVersion>& published = std::nullopt);

  void add(const UUID& id, const WALHead& head);
  /// A commit record that was read in a WAL.
  void add(const RootVersion& commit);
  /// The commit record there was durable, and is no valid one.
  void add_unreadable(const AtomPointer& commit, const std::string& read_error);
  /// Nobody looked whether a commit record of `id` is missing: the history is too long.
  void add_undecided(const UUID& id) { undecided_.insert(id); }
  /// `id` was left open; no commit record of it up to this sequence is missing.
  void note_newest(const UUID& id, std::uint64_t sequence);

  /// Everything of `id` below was durable once; 0 when nobody says so. Its own checkpoint, which
  /// may say more, is not asked.
  std::uint64_t proven(const UUID& id) const;
  /// Another WAL took its place: nothing is ever appended to it again.
  bool is_left_behind(const UUID& id) const { return named_.contains(id); }
  /// Commit records that were durable and are no longer there, by where they were.
  const std::vector<BadPlace>& unreadable() const { return unreadable_; }
  bool has_unreadable(const UUID& id) const;
  /// More than proven() may have been durable: what seems unfinished is not cut off, and nothing is
  /// appended.
  bool is_undecided(const UUID& id) const { return undecided_.contains(id); }
  /// WALs that another one names as its predecessor and that are missing or too short, at the first
  /// byte that is lost. Ask when every WAL was added.
  std::vector<BadPlace> lost() const;
  /// WALs that were not closed, whose tails may therefore lack what was durable; and the newest
  /// commit that is known not to be missing.
  const std::map<UUID, std::uint64_t>& open() const { return open_; }

 private:
  struct Named {
    std::uint64_t end = 0;
    UUID successor;
  };
  void prove(const AtomPointer& commit);

  std::map<UUID, std::uint64_t> sizes_;
  std::map<UUID, Named> named_;
  std::map<UUID, std::uint64_t> committed_;  // behind the last commit record known to be durable
  std::map<UUID, std::uint64_t> open_;
  std::vector<BadPlace> unreadable_;
  std::set<UUID> undecided_;
};

/// Reads the headers of all WALs, and follows the history of roots back from `newest` as far as it
/// matters (file/commit_trail.h).
WALChain read_chain(const SpaceDirectory& directory, const std::optional<RootVersion>& newest);

/// Reads the headers of all WALs.
std::vector<BadPlace> find_space_damage(const SpaceDirectory& directory);

/// For a pointer that leads nowhere: the loss it fell into, nullopt when nothing was ever there as
/// far as the space knows. Reads the headers of all WALs.
std::optional<BadPlace> find_loss(const SpaceDirectory& directory, const AtomPointer& pointer);

}  // namespace protobase::file
