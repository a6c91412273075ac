// Walks over the records of a WAL of ProtoBase's Python storage. They carry no checksum, so damage
// is what can be told without one: a length that cannot be, bytes that cannot be read, a payload
// that is no atom although it must have been one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "format/legacy_record.h"
#include "wal/scanner.h"

namespace protobase::engine {

/// In the length of a record: salvage could not read that record. No valid length has it.
inline constexpr std::uint64_t kLegacyLost = std::uint64_t{1} << 63;

/// Visits every record of `wal` below `end`, without its payload. A damaged one comes as kBad; the
/// scan goes on behind it, unless where it ends cannot be told: then kBad reaches to `end`. `read`
/// fills all of its span or throws; os::ReadError is damage.
void scan_legacy_wal(const UUID& wal, std::uint64_t end, const format::ReadExactly& read,
                     const wal::VisitRecord& visit);

/// The record at `where` as scan_legacy_wal() would show it. That one starts there is not checked.
RecordInfo look_at_legacy_record(const AtomPointer& where, std::uint64_t end,
                                 const format::ReadExactly& read);

/// Why these bytes are not what was pushed; nullopt when nothing speaks against them, as for every
/// raw payload. Text that is no JSON may have been pushed as bytes with the format JSON: it counts
/// as damaged when it begins or ends like an array, an object, a string or a number (without a
/// format byte, where the format is only guessed: when it does both), or is no UTF-8. Lone
/// surrogates, which no atom can hold, are no damage.
std::optional<std::string> find_legacy_damage(std::span<const std::byte> payload,
                                              const format::LegacyRecord& record);

}  // namespace protobase::engine
