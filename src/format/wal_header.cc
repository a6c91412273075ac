#include "format/wal_header.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/endian.h"
#include "base/hash.h"
#include "format/commit_record.h"
#include "format/record.h"

namespace protobase::format {
namespace {

constexpr std::array<unsigned char, 8> kMagic{'P', 'B', 'W', 'A', 'L', '\r', '\n', 0x1A};
constexpr std::size_t kChecksummedSize = 32;
constexpr std::size_t kPreambleSize = 40;
constexpr std::uint64_t kClosedFlag = 1;
constexpr std::uint64_t kSealedFlag = 2;
// No file is that long; offsets beyond would not fit the system's type.
constexpr std::uint64_t kLargestOffset = std::uint64_t{1} << 62;

/// Of the 24 bytes at `predecessor`.
std::uint64_t predecessor_checksum(const std::byte* predecessor, const UUID& id) noexcept {
  std::array<std::byte, 16 + 24> block;
  std::memcpy(block.data(), id.bytes.data(), 16);
  std::memcpy(block.data() + 16, predecessor, 24);
  return base::xxh3(block);
}

std::uint64_t slot_checksum(const std::byte* slot, const UUID& id, std::size_t place) noexcept {
  std::array<std::byte, 24 + 56> block;
  std::memcpy(block.data(), id.bytes.data(), 16);
  base::store_le<std::uint64_t>(block.data() + 16, place);
  std::memcpy(block.data() + 24, slot, 56);
  return base::xxh3(block);
}

std::optional<Checkpoint> read_slot(const std::byte* slot, const UUID& id,
                                    std::size_t place) noexcept {
  if (base::load_le<std::uint64_t>(slot + 56) != slot_checksum(slot, id, place))
    return std::nullopt;
  Checkpoint checkpoint;
  checkpoint.generation = base::load_le<std::uint64_t>(slot);
  checkpoint.durable_offset = base::load_le<std::uint64_t>(slot + 8);
  checkpoint.commit_sequence = base::load_le<std::uint64_t>(slot + 16);
  checkpoint.commit_offset = base::load_le<std::uint64_t>(slot + 24);
  checkpoint.records = base::load_le<std::uint64_t>(slot + 32);
  const auto flags = base::load_le<std::uint64_t>(slot + 40);
  checkpoint.closed = (flags & kClosedFlag) != 0;
  checkpoint.sealed = (flags & kSealedFlag) != 0;
  const std::uint64_t furthest = std::max(checkpoint.durable_offset, checkpoint.commit_offset);
  if (furthest > kLargestOffset || checkpoint.durable_offset < kWALFirstRecordOffset ||
      checkpoint.durable_offset % kRecordAlignment != 0) {
    return std::nullopt;
  }
  // The commit that it names was durable with it.
  constexpr std::uint64_t kCommitSize = kRecordHeaderSize + kCommitPayloadSize;
  if (checkpoint.commit_sequence != 0 &&
      checkpoint.commit_offset + kCommitSize > checkpoint.durable_offset) {
    return std::nullopt;
  }
  return checkpoint;
}

/// Whether the preamble differs from that of WAL `id` in a single bit.
bool is_one_bit_off(std::span<const std::byte> bytes, const UUID& id) noexcept {
  const auto expected = make_wal_header(id);
  int bits = 0;
  for (std::size_t i = 0; i < kPreambleSize; ++i) {
    bits += std::popcount(std::to_integer<unsigned>(bytes[i] ^ expected[i]));
  }
  return bits == 1;
}

}  // namespace

std::array<std::byte, kWALHeaderSize> make_wal_header(
    const UUID& id, const std::optional<AtomPointer>& predecessor) {
  std::array<std::byte, kWALHeaderSize> header{};
  std::memcpy(header.data(), kMagic.data(), kMagic.size());
  base::store_le<std::uint32_t>(header.data() + 8, kWALFormatVersion);
  base::store_le<std::uint32_t>(header.data() + 12, static_cast<std::uint32_t>(kWALHeaderSize));
  std::memcpy(header.data() + 16, id.bytes.data(), 16);
  const std::span<const std::byte> checked(header.data(), kChecksummedSize);
  base::store_le<std::uint64_t>(header.data() + kChecksummedSize, base::xxh3(checked));
  if (predecessor) {
    std::byte* const place = header.data() + kPredecessorPlace;
    std::memcpy(place, predecessor->transaction_id.bytes.data(), 16);
    base::store_le<std::uint64_t>(place + 16, predecessor->offset);
    base::store_le<std::uint64_t>(place + 24, predecessor_checksum(place, id));
  }
  return header;
}

WALHeaderState check_wal_header(std::span<const std::byte> bytes, const UUID& id) noexcept {
  if (bytes.size() < kPreambleSize || std::memcmp(bytes.data(), kMagic.data(), 8) != 0) {
    return WALHeaderState::kNoMagic;
  }
  const bool checks = base::load_le<std::uint64_t>(bytes.data() + kChecksummedSize) ==
                      base::xxh3(bytes.first(kChecksummedSize));
  // A newer version may compute its checksum otherwise. One flipped bit is damage all the same.
  if (!checks) {
    const bool newer = wal_header_version(bytes) > kWALFormatVersion;
    return newer && !is_one_bit_off(bytes, id) ? WALHeaderState::kNewer : WALHeaderState::kBad;
  }
  if (wal_header_version(bytes) > kWALFormatVersion) return WALHeaderState::kNewer;
  if (bytes.size() < kWALHeaderSize) return WALHeaderState::kBad;
  return std::memcmp(bytes.data() + 16, id.bytes.data(), 16) == 0 ? WALHeaderState::kValid
                                                                  : WALHeaderState::kMisplaced;
}

std::uint32_t wal_header_version(std::span<const std::byte> bytes) noexcept {
  return base::load_le<std::uint32_t>(bytes.data() + 8);
}

PredecessorState read_predecessor(std::span<const std::byte> header, const UUID& id,
                                  std::optional<AtomPointer>& predecessor) noexcept {
  predecessor.reset();
  if (header.size() < kPredecessorEnd) return PredecessorState::kNone;
  const auto bytes = header.subspan(kPredecessorPlace, kPredecessorEnd - kPredecessorPlace);
  if (base::all_zero(bytes)) return PredecessorState::kNone;
  if (base::load_le<std::uint64_t>(bytes.data() + 24) != predecessor_checksum(bytes.data(), id)) {
    return PredecessorState::kBad;
  }
  predecessor.emplace();
  std::memcpy(predecessor->transaction_id.bytes.data(), bytes.data(), 16);
  predecessor->offset = base::load_le<std::uint64_t>(bytes.data() + 16);
  return PredecessorState::kValid;
}

std::array<std::byte, kSlotSize> make_slot(const Checkpoint& checkpoint, const UUID& id,
                                           std::size_t index) noexcept {
  std::array<std::byte, kSlotSize> slot{};
  base::store_le<std::uint64_t>(slot.data(), checkpoint.generation);
  base::store_le<std::uint64_t>(slot.data() + 8, checkpoint.durable_offset);
  base::store_le<std::uint64_t>(slot.data() + 16, checkpoint.commit_sequence);
  base::store_le<std::uint64_t>(slot.data() + 24, checkpoint.commit_offset);
  base::store_le<std::uint64_t>(slot.data() + 32, checkpoint.records);
  base::store_le<std::uint64_t>(slot.data() + 40, (checkpoint.closed ? kClosedFlag : 0) |
                                                      (checkpoint.sealed ? kSealedFlag : 0));
  base::store_le<std::uint64_t>(slot.data() + 56,
                                slot_checksum(slot.data(), id, kSlotPlaces[index]));
  return slot;
}

std::optional<FoundCheckpoint> newest_checkpoint(std::span<const std::byte, kWALHeaderSize> header,
                                                 const UUID& id) noexcept {
  std::optional<FoundCheckpoint> newest;
  for (std::size_t i = 0; i < kSlotPlaces.size(); ++i) {
    const auto found = read_slot(header.data() + kSlotPlaces[i], id, kSlotPlaces[i]);
    if (found && (!newest || found->generation > newest->checkpoint.generation)) {
      newest = FoundCheckpoint{*found, i};
    }
  }
  return newest;
}

std::optional<std::size_t> find_header_damage(std::span<const std::byte, kWALHeaderSize> header,
                                              const UUID& id) noexcept {
  std::optional<AtomPointer> predecessor;
  if (read_predecessor(header, id, predecessor) == PredecessorState::kBad) return kPredecessorPlace;
  auto expected = make_wal_header(id, predecessor);
  for (const std::size_t place : kSlotPlaces) {
    const auto slot = header.subspan(place, kSlotSize);
    if (!base::all_zero(slot) && !read_slot(slot.data(), id, place)) return place;
    std::ranges::copy(slot, expected.begin() + static_cast<std::ptrdiff_t>(place));
  }
  // Every opening does this for every WAL, and seldom finds anything.
  if (std::memcmp(header.data(), expected.data(), kWALHeaderSize) == 0) return std::nullopt;
  const auto differs = std::ranges::mismatch(header, expected).in1;
  return static_cast<std::size_t>(differs - header.begin());
}

}  // namespace protobase::format
