// The write-ahead log as its users and its media see it: where it stands, and one write to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protobase/atom_pointer.h"
#include "protobase/shared_bytes.h"
#include "protobase/uuid.h"

namespace protobase {

/// Offset of the first record in every version-1 WAL; below it lies the header.
inline constexpr std::uint64_t kWALFirstRecordOffset = 4096;

/// A snapshot of where a log stands.
struct WALState {
  UUID transaction_id;               ///< the WAL being appended to; nil before the first push
  std::uint64_t base = 0;            ///< all bytes of this WAL below are with the block provider
  std::uint64_t offset = 0;          ///< where the next record will start
  std::uint64_t buffered_bytes = 0;  ///< pushed and not yet durable, over all WALs
  std::uint64_t buffered_operations = 0;  ///< records among them
};

/// Where a commit record lies and which one it is; a medium keeps it as a hint for recovery.
struct CommitMark {
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;  ///< in the WAL of the operation it belongs to
};

/// One pending write: `segments`, one behind the other, go to `offset` of a WAL.
/// Holds its bytes alive. Writing the same operation twice is harmless.
struct WALWriteOperation {
  UUID transaction_id;
  std::uint64_t offset = 0;
  std::vector<SharedBytes> segments;
  std::uint64_t records = 0;                  ///< whole records in the segments
  std::optional<CommitMark> newest_commit{};  ///< the newest commit record among them
  std::uint64_t placed = 0;  ///< bytes behind the segments that BlockProvider::place() put there

  std::uint64_t size() const noexcept {
    std::uint64_t total = placed;
    for (const auto& segment : segments) total += segment.size();
    return total;
  }
};

/// Damage: where, and what was expected and found there.
struct BadPlace {
  AtomPointer pointer;
  std::string reason;
};

/// How the records of a WAL are framed.
enum class WALLayout {
  kVersion1,      ///< docs/internals/file_format.md
  kLegacyPython,  ///< written by ProtoBase's Python storage; read only
};

/// What a provider knows of one WAL without reading its records.
struct WALDescription {
  UUID transaction_id;
  WALLayout layout = WALLayout::kVersion1;
  std::uint64_t stored_bytes = 0;  ///< bytes it takes on its medium, preallocation included
  std::uint64_t end = 0;           ///< no record starts at or beyond; may grow
  std::uint64_t durable = 0;  ///< known to be on stable storage up to here; the truth may be more
  std::uint64_t records = 0;  ///< records below `durable`, where the medium keeps count, else 0
};

}  // namespace protobase
