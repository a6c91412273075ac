// The first 4096 bytes of a version-1 WAL file.
//
//   0     8 B  magic "PBWAL\r\n\x1a"
//   8     u32  format version: 1
//   12    u32  header size: 4096
//   16    16 B the WAL's UUID
//   32    u64  checksum: XXH3-64 of bytes 0-31
//   40    24 B predecessor: pointer to where the WAL ended whose place this one took at
//              roll-over; zeros: none
//   64    u64  checksum of it: XXH3-64 of this WAL's UUID (16) and bytes 40-63; zero: none
//   512   64 B checkpoint slot A
//   1024  64 B checkpoint slot B
//   other bytes: zeros
//
// A checkpoint slot, so that opening reads the tail only:
//   0   u64  generation; the valid slot with the larger one counts, the other is overwritten next
//   8   u64  durable offset: a record boundary; every record below was on stable storage when this
//            was written
//   16  u64  sequence of the newest commit record below it, 0 when none
//   24  u64  offset of that commit record, 0 when none
//   32  u64  data, commit, mark and void records below it
//   40  u64  flags: bit 0 closed (nothing was written at or above the durable offset),
//            bit 1 sealed (and nothing ever will be)
//   48  u64  zero
//   56  u64  checksum: XXH3-64 of the UUID (16), the slot's place in the file (u64) and the slot's
//            bytes 0-55
//
// The header is written and synced before any record, and after everything in the predecessor below
// that pointer was durable: a predecessor that is missing or shorter is a loss. The slots are hints
// in that a lost or damaged one costs reading, not data; what a valid one says is true.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "protobase/atom_pointer.h"
#include "protobase/uuid.h"
#include "protobase/wal.h"

namespace protobase::format {

inline constexpr std::size_t kWALHeaderSize = static_cast<std::size_t>(kWALFirstRecordOffset);
inline constexpr std::uint32_t kWALFormatVersion = 1;
/// Predecessor and its checksum.
inline constexpr std::size_t kPredecessorPlace = 40;
inline constexpr std::size_t kPredecessorEnd = 72;
inline constexpr std::size_t kSlotSize = 64;
inline constexpr std::array<std::size_t, 2> kSlotPlaces{512, 1024};

struct Checkpoint {
  std::uint64_t generation = 0;
  std::uint64_t durable_offset = kWALFirstRecordOffset;
  std::uint64_t commit_sequence = 0;
  std::uint64_t commit_offset = 0;
  std::uint64_t records = 0;
  bool closed = false;
  bool sealed = false;

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// A header with two empty slots. `predecessor`: which WAL it follows at roll-over, and how much of
/// that one is durable.
std::array<std::byte, kWALHeaderSize> make_wal_header(
    const UUID& id, const std::optional<AtomPointer>& predecessor = std::nullopt);

enum class WALHeaderState {
  kValid,
  kNoMagic,    ///< not a version-1 WAL: another file, or a legacy WAL
  kNewer,      ///< our magic, a version this program does not know
  kBad,        ///< our magic, but damaged
  kMisplaced,  ///< valid, but of another WAL
};

/// `bytes` may be shorter than a header: kNoMagic or kBad.
WALHeaderState check_wal_header(std::span<const std::byte> bytes, const UUID& id) noexcept;
/// The version field. Precondition: bytes.size() >= 12.
std::uint32_t wal_header_version(std::span<const std::byte> bytes) noexcept;

enum class PredecessorState { kNone, kValid, kBad };
/// Sets `predecessor` when the header names a valid one. Shorter headers have none.
PredecessorState read_predecessor(std::span<const std::byte> header, const UUID& id,
                                  std::optional<AtomPointer>& predecessor) noexcept;

/// `index`: 0 or 1.
std::array<std::byte, kSlotSize> make_slot(const Checkpoint& checkpoint, const UUID& id,
                                           std::size_t index) noexcept;

/// The newest valid checkpoint of a header and the index of its slot; nullopt when there is none.
struct FoundCheckpoint {
  Checkpoint checkpoint;
  std::size_t index = 0;
};
std::optional<FoundCheckpoint> newest_checkpoint(std::span<const std::byte, kWALHeaderSize> header,
                                                 const UUID& id) noexcept;

/// First place of the header that is neither what make_wal_header() writes nor a valid or empty
/// slot; nullopt when all is well.
std::optional<std::size_t> find_header_damage(std::span<const std::byte, kWALHeaderSize> header,
                                              const UUID& id) noexcept;

}  // namespace protobase::format
