// A fuzzer's input as a WAL file. Checksums are what no fuzzer finds, so a checksum field of zero
// in a record or slot stands for the right one: mutations get past it, and other values stay wrong.
//
//   byte 0       bit 0: what follows is the file as it is, else
//                bits 1-2: that many 64-byte groups of zeros follow the records (preallocation)
//                bit 3: 24 bytes more, the predecessor, come next
//   1 to 64      checkpoint slot A
//   65 to 128    checkpoint slot B
//   from 129 on  the records, from offset 4096 of the file on
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "base/hash.h"
#include "format/record.h"
#include "format/wal_header.h"
#include "fuzz/fuzzing.h"

namespace protobase::fuzz {

/// The WAL that is fuzzed; its pointers in the corpus name it too.
inline UUID fuzzed_wal() {
  return UUID::parse("00112233-4455-4677-8899-aabbccddeeff").value_or(UUID{});
}

/// Gives every well-formed record with a checksum of zero the right one. `base`: the offset at
/// which `records` start.
inline void seal_records(std::span<std::byte> records, const UUID& wal, std::uint64_t base) {
  using format::kRecordHeaderSize;
  std::size_t at = 0;
  while (at + kRecordHeaderSize <= records.size()) {
    format::RecordHeader header;
    const auto rest = records.subspan(at);
    const bool open = format::parse_header(rest, header) == format::HeaderState::kValid &&
                      header.checksum == 0 &&
                      header.payload_size <= rest.size() - kRecordHeaderSize;
    if (!open) {
      at += format::kRecordAlignment;
      continue;
    }
    const auto whole = rest.first(kRecordHeaderSize + header.payload_size);  // padding stays
    format::seal_record(whole, header.type, header.format, header.payload_size,
                        format::hash_payload(whole.subspan(kRecordHeaderSize)), {wal, base + at});
    at += format::stored_size(header.payload_size);
  }
}

/// The same for a checkpoint slot that is not empty.
inline void seal_slot(std::span<std::byte> slot, const UUID& wal, std::size_t place) {
  constexpr std::size_t kChecksumPlace = 56;
  if (base::all_zero(slot) || !base::all_zero(slot.subspan(kChecksumPlace))) return;
  std::vector<std::byte> covered;
  for (const std::uint8_t byte : wal.bytes) covered.push_back(std::byte{byte});
  covered.resize(24);
  base::store_le<std::uint64_t>(covered.data() + 16, place);
  covered.insert(covered.end(), slot.begin(), slot.begin() + kChecksumPlace);
  base::store_le<std::uint64_t>(slot.data() + kChecksumPlace, base::xxh3(covered));
}

inline AtomPointer take_predecessor(Input& input) {
  AtomPointer predecessor;
  input.fill(std::as_writable_bytes(std::span(predecessor.transaction_id.bytes)));
  predecessor.offset = input.integer<std::uint64_t>();
  return predecessor;
}

/// A sound header with these slots.
inline std::vector<std::byte> make_header(Input& input, bool has_predecessor) {
  const auto fresh = has_predecessor
                         ? format::make_wal_header(fuzzed_wal(), take_predecessor(input))
                         : format::make_wal_header(fuzzed_wal());
  std::vector<std::byte> header(fresh.begin(), fresh.end());
  for (const std::size_t place : format::kSlotPlaces) {
    const auto slot = std::span(header).subspan(place, format::kSlotSize);
    input.fill(slot);
    seal_slot(slot, fuzzed_wal(), place);
  }
  return header;
}

inline std::vector<std::byte> make_wal_file(Input input) {
  const auto mode = input.integer<std::uint8_t>();
  if ((mode & 1) != 0) return {input.rest().begin(), input.rest().end()};
  std::vector<std::byte> file = make_header(input, (mode & 8) != 0);
  file.insert(file.end(), input.rest().begin(), input.rest().end());
  seal_records(std::span(file).subspan(format::kWALHeaderSize), fuzzed_wal(),
               format::kWALHeaderSize);
  file.resize(file.size() + std::size_t{64} * (mode >> 1 & 3));
  return file;
}

}  // namespace protobase::fuzz
