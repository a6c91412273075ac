// Payloads of the two records that close a batch.
//
// Commit (type 2), 80 bytes:
//   0   u64  sequence                     40  u64   root: offset
//   8   u64  previous sequence            48  16 B  previous commit record: WAL (nil: none)
//   16  i64  time, us since 1970 UTC      64  u64   previous commit record: offset
//   24  16 B root: WAL                    72  u64   durable offset
// Mark (type 3), 8 bytes:
//   0   u64  durable offset
//
// The durable offset tells a torn tail from corruption: when this record was written, everything
// below that offset of this WAL was already on stable storage. Bytes at or above it and below this
// record belong to the same batch, which a power cut may have left with holes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "protobase/root_register.h"

namespace protobase::format {

inline constexpr std::size_t kCommitPayloadSize = 80;
inline constexpr std::size_t kMarkPayloadSize = 8;

struct CommitPayload {
  RootVersion version;  ///< `commit` is not stored: it is where the record lies
  std::uint64_t durable_offset = 0;
};

void write_commit_payload(std::span<std::byte, kCommitPayloadSize> out,
                          const CommitPayload& commit) noexcept;
CommitPayload read_commit_payload(std::span<const std::byte, kCommitPayloadSize> payload,
                                  const AtomPointer& where) noexcept;

}  // namespace protobase::format
