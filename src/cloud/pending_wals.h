// What was written to the WALs of this writer and is not in the bucket yet, in memory.
//
// Invariants: a WAL's bytes are taken once, in order, without gaps; below `begin` they are in the
// log, below `synced` durable, below `end` written.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "cloud/journal.h"
#include "os/random.h"
#include "protobase/root_register.h"
#include "protobase/wal.h"

namespace protobase::cloud {

/// Bytes of a WAL that were written and not synced.
struct UnsyncedRange {
  UUID wal;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t records = 0;  ///< of the whole WAL
  std::vector<SharedBytes> parts;
  std::optional<CommitMark> newest_commit;
};

/// Thread-safe.
class PendingWALs final {
 public:
  /// A new WAL.
  UUID claim(os::Random& random);
  /// Throws NotFoundError for a WAL that was not claimed here, ValidationError for a gap.
  void write(const WALWriteOperation& operation);
  /// What an earlier process left: written and durable. Precondition: in order, without gaps.
  void restore(const JournalEntry& entry);

  /// nullopt: no WAL of ours.
  std::optional<UnsyncedRange> unsynced(const UUID& wal) const;
  void mark_synced(const UUID& wal, std::uint64_t end);
  /// Its commit records are void when these bytes go out.
  void give_up_commit(const UUID& wal);
  /// Below `end` it is in the log.
  void drop(const UUID& wal, std::uint64_t end);

  /// What is here of `wal` from `offset` on: how much of `out` that fills.
  std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out) const;
  /// The parts that make up [begin, end). Precondition: they are here, and both are ends of parts.
  std::vector<SharedBytes> parts(const UUID& wal, std::uint64_t begin, std::uint64_t end) const;
  /// The commit record at `offset` of `wal`. Precondition: it is here.
  RootVersion read_commit(const UUID& wal, std::uint64_t offset) const;
  /// Of the commits that led to `newest` one after the other, the first that lies in `wal` at or
  /// behind `begin`.
  RootVersion first_of_chain(RootVersion newest, const UUID& wal, std::uint64_t begin) const;

  /// Where the written bytes of a WAL of ours end.
  std::optional<std::uint64_t> end_of(const UUID& wal) const;
  /// Precondition of both: a WAL of ours.
  std::uint64_t synced_of(const UUID& wal) const;
  std::uint64_t records_of(const UUID& wal) const;
  std::vector<UUID> ids() const;

 private:
  struct Part {
    std::uint64_t begin = 0;
    SharedBytes bytes;
  };
  struct WAL {
    std::uint64_t begin = kWALFirstRecordOffset;
    std::uint64_t synced = kWALFirstRecordOffset;
    std::uint64_t end = kWALFirstRecordOffset;
    std::uint64_t records = 0;
    std::deque<Part> parts;
    std::optional<CommitMark> newest_commit;  // of what is not synced

    std::deque<Part>::const_iterator find(std::uint64_t offset) const;
  };

  static void append(WAL& wal, const SharedBytes& part);

  mutable std::mutex mutex_;
  std::unordered_map<UUID, WAL> wals_;
};

}  // namespace protobase::cloud
