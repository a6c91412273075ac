// What opening reads of a version-1 WAL file: its header, its newest checkpoint, and the records
// behind that. And what a crash calls for: making sure that the tail that counts is on the disk.
//
// What the disk does not give back (os::ReadError) is damage of that WAL; reading goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "format/wal_header.h"
#include "os/file_system.h"
#include "protobase/root_register.h"
#include "protobase/wal.h"

namespace protobase::file {

struct WALHead {
  format::WALHeaderState state = format::WALHeaderState::kBad;
  format::Checkpoint checkpoint;
  std::size_t next_slot = 0;  ///< where the next checkpoint goes
  std::uint64_t file_size = 0;
  bool is_whole = false;  ///< all but the slots is as it should be
  bool has_checkpoint = false;
  std::optional<AtomPointer> predecessor{};  ///< the WAL this one follows, and how long it must be
  bool has_torn_slot = false;
  std::optional<std::size_t> damaged_at{};  ///< the first byte that is not as it should be
  std::string read_error{};  ///< why nothing is known of the header; empty: it was read
  /// A crash cut the making of the file short, and no record was ever written to it: a header that
  /// is not whole, nothing but parts of one or zeros, and nothing behind it.
  bool is_unborn = false;
};

/// Throws NotSupportedError when the WAL was written by a newer version.
WALHead read_wal_head(os::File& file, const UUID& id);

/// Told of every commit record that counts, in order.
using NoteCommit = std::function<void(const RootVersion& commit)>;

struct WALTail {
  std::uint64_t end = 0;                            ///< behind the last record that counts
  std::uint64_t proven = 0;                         ///< below, all is known to have been durable
  std::uint64_t records = 0;                        ///< in the whole WAL
  std::optional<format::Checkpoint> lost_commit{};  ///< a durable commit record that cannot be read
  std::optional<RootVersion> newest_commit{};
  std::vector<std::string> damage;  ///< what is corrupt, in words
  /// A place that cannot be read and may hold a commit newer than `newest_commit`.
  std::optional<BadPlace> unread{};
  bool torn = false;     ///< bytes of an unfinished write follow `end`
  bool settled = false;  ///< closed, and nothing was written since
};

/// Reads from the newest checkpoint to the end. `proven`: everything below is known, from outside
/// the file, to have been durable. `note_commit` also hears of the one the checkpoint names, when
/// none was met.
WALTail read_wal_tail(os::File& file, const UUID& id, const WALHead& head, std::uint64_t proven = 0,
                      const NoteCommit& note_commit = {});

/// Whether the WAL is closed and holds nothing but its log: there is nothing to settle.
bool is_settled(const WALHead& head, const WALTail& tail) noexcept;

/// The commit record at `where`; nullopt when there is no valid one. ReadError.
std::optional<RootVersion> read_commit_at(os::File& file, const AtomPointer& where);
/// Likewise; one that cannot be read is none, and `read_error` says why.
std::optional<RootVersion> try_read_commit_at(os::File& file, const AtomPointer& where,
                                              std::string& read_error);

/// Writes the tail behind the checkpoint once more and syncs it: after a failed fdatasync the page
/// cache may hold what the disk does not, and says it is clean.
void rewrite_tail(os::File& file, const UUID& id, const WALHead& head, const WALTail& tail);

/// Closes a WAL whose writer died, unless is_settled(). Rewrites the tail, cuts off what is torn,
/// writes a closing checkpoint; with `seal`, for good. Precondition: the writer lock is held, no
/// damage.
void settle_wal_tail(os::File& file, const UUID& id, WALHead& head, const WALTail& tail,
                     bool seal = false);

/// Writes the next checkpoint slot and advances `head`.
void write_checkpoint(os::File& file, const UUID& id, WALHead& head,
                      const format::Checkpoint& checkpoint);

}  // namespace protobase::file
