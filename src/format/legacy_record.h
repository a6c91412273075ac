// Records of WALs written by ProtoBase's Python storage: u64 payload length, one format byte,
// payload; the oldest ones without the format byte (length, then JSON or bytes). No checksums, no
// header.
//
// The two layouts are told apart per record by the byte after the length. A payload of the older
// layout that happens to begin with 0x00-0x02 is recognised because, read the newer way, the chain
// of lengths behind it breaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "protobase/atom_pointer.h"
#include "protobase/record_format.h"

namespace protobase::format {

struct LegacyRecord {
  std::uint64_t header_size = 0;  ///< 9, or 8 without format byte
  std::uint64_t payload_size = 0;
  RecordFormat format = RecordFormat::kRaw;

  std::uint64_t stored_size() const noexcept { return header_size + payload_size; }
};

/// Fills `out` from `offset` of the WAL; only called with ranges inside it.
using ReadExactly = std::function<void(std::uint64_t offset, std::span<std::byte> out)>;

/// The record that starts at `where.offset` of a WAL of `end` bytes. NotFoundError: at or past the
/// end. CorruptionError: the length there runs past the end or is beyond kMaxPayloadSize. That a
/// record really starts there cannot be told in this format.
LegacyRecord parse_legacy_record(const ReadExactly& read, std::uint64_t end,
                                 const AtomPointer& where);

}  // namespace protobase::format
