// A record of a version-1 WAL: a 16-byte header, the payload, zeros up to a multiple of 8.
//
//   0  u32  payload length in bytes
//   4  u8   type: 1 data, 2 commit, 3 mark, 4 void; never 0
//   5  u8   format of a data record's payload (RecordFormat), else 0
//   6  u16  flags; none is defined: 0
//   8  u64  checksum: XXH3-64 over 40 bytes: bytes 0-7 of this header, the WAL's UUID (16), the
//           record's offset (u64), XXH3-64 of the payload (u64)
//
// Invariants: records start at multiples of 8; an area of zeros never parses as a record; a record
// read from any other place than it was written to does not verify.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/endian.h"
#include "protobase/atom_pointer.h"
#include "protobase/record_format.h"

namespace protobase::format {

inline constexpr std::size_t kRecordHeaderSize = 16;
inline constexpr std::size_t kRecordAlignment = 8;
/// 2 GiB; a longer length is damage, never an allocation.
inline constexpr std::uint64_t kMaxPayloadSize = std::uint64_t{1} << 31;

enum class RecordType : std::uint8_t { kData = 1, kCommit = 2, kMark = 3, kVoid = 4 };

struct RecordHeader {
  std::uint32_t payload_size = 0;
  RecordType type = RecordType::kData;
  RecordFormat format = RecordFormat::kRaw;
  std::uint64_t checksum = 0;
};

/// Bytes a record takes in the WAL.
constexpr std::uint64_t stored_size(std::uint64_t payload_size) noexcept {
  return base::round_up(kRecordHeaderSize + payload_size, kRecordAlignment);
}

/// XXH3-64 of a payload: the part of the checksum that does not need the address.
std::uint64_t hash_payload(std::span<const std::byte> payload) noexcept;

/// Writes the header only.
void seal_header(std::span<std::byte, kRecordHeaderSize> header, RecordType type,
                 RecordFormat format, std::size_t payload_size, std::uint64_t payload_hash,
                 const AtomPointer& where) noexcept;

/// Writes header and padding around a payload that is already in place at out[16].
/// Precondition: out.size() == stored_size(payload_size).
void seal_record(std::span<std::byte> out, RecordType type, RecordFormat format,
                 std::size_t payload_size, std::uint64_t payload_hash,
                 const AtomPointer& where) noexcept;

/// Writes the whole record.
void write_record(std::span<std::byte> out, RecordType type, RecordFormat format,
                  std::span<const std::byte> payload, const AtomPointer& where) noexcept;

enum class HeaderState {
  kValid,  ///< well formed; the checksum is still to be verified with the payload
  kEmpty,  ///< 16 zero bytes: nothing was written here
  kBad,    ///< no record header of this version
};

/// Checks everything that can be checked without the payload.
/// Precondition: header.size() >= kRecordHeaderSize.
HeaderState parse_header(std::span<const std::byte> header, RecordHeader& out) noexcept;

/// What is wrong with a header parse_header called bad, in words.
std::string describe_bad_header(std::span<const std::byte> header);

/// Whether header and payload are what was written at `where`.
/// Precondition: record.size() >= 16 + payload size of its (valid) header.
bool verify_record(std::span<const std::byte> record, const AtomPointer& where) noexcept;

/// The same of a payload that was hashed as it came.
bool verify_record(std::span<const std::byte, kRecordHeaderSize> header, std::uint64_t payload_hash,
                   const AtomPointer& where) noexcept;

/// "expected checksum X, found Y" for a record that did not verify.
std::string describe_mismatch(std::span<const std::byte> record, const AtomPointer& where);

}  // namespace protobase::format
