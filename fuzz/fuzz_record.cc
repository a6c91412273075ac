// One record: header and checksum judged as the drawing in docs/internals/file_format.md says, by
// code of its own; what was written verifies at its own address only.
#include <array>
#include <vector>

#include "base/hash.h"
#include "format/record.h"
#include "fuzz/fuzzing.h"

namespace {

using protobase::AtomPointer;
using protobase::RecordFormat;
using protobase::fuzz::Input;
using protobase::fuzz::require;
namespace format = protobase::format;

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  }
  return value;
}

format::HeaderState judge(std::span<const std::byte> header) {
  if (little_endian(header.first(8)) == 0 && little_endian(header.subspan(8, 8)) == 0) {
    return format::HeaderState::kEmpty;
  }
  const std::uint64_t type = little_endian(header.subspan(4, 1));
  const std::uint64_t largest_format = type == 1 ? 2 : 0;
  const bool good = type >= 1 && type <= 4 &&
                    little_endian(header.subspan(5, 1)) <= largest_format &&
                    little_endian(header.subspan(6, 2)) == 0 &&
                    little_endian(header.first(4)) <= std::uint64_t{2} << 30;
  return good ? format::HeaderState::kValid : format::HeaderState::kBad;
}

/// The XXH3 of the 40 bytes under a record's checksum.
std::uint64_t checksum(std::span<const std::byte> header, std::span<const std::byte> payload,
                       const AtomPointer& where) {
  std::vector<std::byte> covered(header.begin(), header.begin() + 8);
  for (const std::uint8_t byte : where.transaction_id.bytes) covered.push_back(std::byte{byte});
  for (const std::uint64_t number : {where.offset, protobase::base::xxh3(payload)}) {
    for (int shift = 0; shift < 64; shift += 8) {
      covered.push_back(static_cast<std::byte>(number >> shift & 0xFF));
    }
  }
  return protobase::base::xxh3(covered);
}

void check_parsing(std::span<const std::byte> record, const AtomPointer& where) {
  if (record.size() < format::kRecordHeaderSize) return;
  format::RecordHeader header;
  const format::HeaderState state = format::parse_header(record, header);
  require(state == judge(record));
  if (state == format::HeaderState::kBad) require(!format::describe_bad_header(record).empty());
  if (state != format::HeaderState::kValid) return;
  require(header.payload_size <= format::kMaxPayloadSize);
  require(header.payload_size == little_endian(record.first(4)));
  const auto behind = record.subspan(format::kRecordHeaderSize);
  if (header.payload_size > behind.size()) return;
  const std::uint64_t expected = checksum(record, behind.first(header.payload_size), where);
  require(format::verify_record(record, where) == (header.checksum == expected));
  require(!format::describe_mismatch(record, where).empty());
}

void check_writing(std::uint8_t kind, std::span<const std::byte> payload,
                   const AtomPointer& where) {
  const auto type = static_cast<format::RecordType>(1 + kind % 4);
  const auto payload_format = type == format::RecordType::kData
                                  ? static_cast<RecordFormat>(kind / 4 % 3)
                                  : RecordFormat::kRaw;
  std::vector<std::byte> record(format::stored_size(payload.size()), std::byte{0xA5});
  format::write_record(record, type, payload_format, payload, where);
  format::RecordHeader header;
  require(format::parse_header(record, header) == format::HeaderState::kValid);
  require(header.type == type && header.format == payload_format);
  require(header.payload_size == payload.size());
  const auto behind = std::span<const std::byte>(record).subspan(format::kRecordHeaderSize);
  require(std::ranges::equal(behind.first(payload.size()), payload));
  require(protobase::base::all_zero(behind.subspan(payload.size())));
  require(format::verify_record(record, where));
  AtomPointer elsewhere = where;
  elsewhere.offset += 8;
  require(!format::verify_record(record, elsewhere));
  elsewhere = where;
  elsewhere.transaction_id.bytes[kind % 16] ^= 1;
  require(!format::verify_record(record, elsewhere));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto kind = input.integer<std::uint8_t>();
  AtomPointer where;
  input.fill(std::as_writable_bytes(std::span(where.transaction_id.bytes)));
  where.offset = input.integer<std::uint64_t>();
  // A checksum of zero stands for the right one, which a fuzzer would never find.
  std::vector<std::byte> record(input.rest().begin(), input.rest().end());
  check_writing(kind, record, where);
  format::RecordHeader header;
  if (record.size() >= format::kRecordHeaderSize &&
      format::parse_header(record, header) == format::HeaderState::kValid && header.checksum == 0 &&
      header.payload_size <= record.size() - format::kRecordHeaderSize) {
    const auto payload = std::span(record).subspan(format::kRecordHeaderSize, header.payload_size);
    protobase::base::store_le<std::uint64_t>(record.data() + 8, checksum(record, payload, where));
    require(format::verify_record(record, where));
  }
  check_parsing(record, where);
  return 0;
}
