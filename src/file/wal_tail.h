// What opening reads of a version-1 WAL file: its header, its newest checkpoint, and the records
// behind that. And what a crash calls for: making sure that the tail that counts is on the disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/wal_header.h"
#include "os/file_system.h"
#include "protobase/root_register.h"

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
  /// A crash cut the making of the file short, and no record was ever written to it: a header that
  /// is not whole, nothing but parts of one or zeros, and nothing behind it.
  bool is_unborn = false;
};

/// Throws NotSupportedError when the WAL was written by a newer version.
WALHead read_wal_head(os::File& file, const UUID& id);

struct WALTail {
  std::uint64_t end = 0;                            ///< behind the last record that counts
  std::uint64_t proven = 0;                         ///< below, all is known to have been durable
  std::uint64_t records = 0;                        ///< in the whole WAL
  std::optional<format::Checkpoint> lost_commit{};  ///< a durable commit record that cannot be read
  std::optional<RootVersion> newest_commit{};
  std::vector<std::string> damage;  ///< what is corrupt, in words
  bool torn = false;                ///< bytes of an unfinished write follow `end`
  bool settled = false;             ///< closed, and nothing was written since
};

/// Reads from the newest checkpoint to the end. `proven`: everything below is known, from outside
/// the file, to have been durable.
WALTail read_wal_tail(os::File& file, const UUID& id, const WALHead& head,
                      std::uint64_t proven = 0);

/// The commit record at `where`; nullopt when there is no valid one.
std::optional<RootVersion> read_commit_at(os::File& file, const AtomPointer& where);

/// Writes the tail behind the checkpoint once more and syncs it: after a failed fdatasync the page
/// cache may hold what the disk does not, and says it is clean.
void rewrite_tail(os::File& file, const UUID& id, const WALHead& head, const WALTail& tail);

/// Closes a WAL whose writer died. Rewrites the tail, cuts off what is torn, writes a closing
/// checkpoint. Precondition: the writer lock is held, no damage.
void settle_wal_tail(os::File& file, const UUID& id, WALHead& head, const WALTail& tail);

/// Writes the next checkpoint slot and advances `head`.
void write_checkpoint(os::File& file, const UUID& id, WALHead& head,
                      const format::Checkpoint& checkpoint);

}  // namespace protobase::file
