#include "format/legacy_record.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "base/endian.h"
#include "format/record.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

constexpr std::uint64_t kLengthSize = 8;
// How many following lengths must make sense before a reading is believed. Chance: 2^-33 each.
constexpr int kLookahead = 4;

bool is_json_start(std::byte first) noexcept {
  constexpr char kStarts[] = "{[\"-0123456789tfnNI \t\r\n";
  return std::memchr(kStarts, static_cast<int>(first), sizeof kStarts - 1) != nullptr;
}

/// What stands at one offset, before deciding on its layout.
struct Start {
  std::uint64_t length = 0;
  std::byte next{};  ///< the byte after the length; 0xFF when there is none
  bool fits(std::uint64_t header_size, std::uint64_t offset, std::uint64_t end) const noexcept {
    return length <= kMaxPayloadSize && header_size + length <= end - offset;
  }
  bool may_have_format_byte() const noexcept { return next <= std::byte{2}; }
};

Start read_start(const ReadExactly& read, std::uint64_t end, std::uint64_t offset) {
  std::array<std::byte, kLengthSize + 1> bytes;
  bytes.fill(std::byte{0xFF});
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), end - offset));
  read(offset, std::span(bytes).first(count));
  return {base::load_le<std::uint64_t>(bytes.data()), bytes[kLengthSize]};
}

/// Whether records may follow one another from `offset` to the end of the WAL.
bool plausible(const ReadExactly& read, std::uint64_t end, std::uint64_t offset, int lookahead) {
  if (offset == end || lookahead == 0) return true;
  if (end - offset < kLengthSize) return false;
  const Start start = read_start(read, end, offset);
  const auto as = [&](std::uint64_t header_size) {
    return start.fits(header_size, offset, end) &&
           plausible(read, end, offset + header_size + start.length, lookahead - 1);
  };
  return (start.may_have_format_byte() && as(kLengthSize + 1)) || as(kLengthSize);
}

}  // namespace

LegacyRecord parse_legacy_record(const ReadExactly& read, std::uint64_t end,
                                 const AtomPointer& where) {
  const std::uint64_t offset = where.offset;
  if (offset >= end) {
    throw NotFoundError("no atom at " + where.to_string() + ": the WAL ends at " +
                        std::to_string(end));
  }
  if (end - offset < kLengthSize) {
    throw CorruptionError(where, "expected a record, found " + std::to_string(end - offset) +
                                     " bytes before the end of the WAL");
  }
  const Start start = read_start(read, end, offset);
  const bool fits_new = start.may_have_format_byte() && start.fits(kLengthSize + 1, offset, end);
  const bool fits_old = start.fits(kLengthSize, offset, end);
  const auto leads_on = [&](std::uint64_t header_size) {
    return plausible(read, end, offset + header_size + start.length, kLookahead);
  };
  if (fits_new && (leads_on(kLengthSize + 1) || !fits_old || !leads_on(kLengthSize))) {
    return {kLengthSize + 1, start.length, static_cast<RecordFormat>(start.next)};
  }
  if (fits_old) {
    const bool json = start.length > 0 && is_json_start(start.next);
    return {kLengthSize, start.length, json ? RecordFormat::kJSON : RecordFormat::kRaw};
  }
  throw CorruptionError(where, "expected a record within " + std::to_string(end - offset) +
                                   " bytes, found length " + std::to_string(start.length) +
                                   "; the record was cut off or is damaged");
}

}  // namespace protobase::format
