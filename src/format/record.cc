#include "format/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/hash.h"
#include "base/planted_bug.h"

namespace protobase::format {
namespace {

std::uint64_t checksum_of(const std::byte* header, std::uint64_t payload_hash,
                          const AtomPointer& where) noexcept {
  std::array<std::byte, 40> block;
  std::memcpy(block.data(), header, 8);
  std::memcpy(block.data() + 8, where.transaction_id.bytes.data(), 16);
  base::store_le<std::uint64_t>(block.data() + 24, where.offset);
  base::store_le<std::uint64_t>(block.data() + 32, payload_hash);
  if (base::is_planted(base::PlantedBug::kAddressNotChecksummed)) std::memset(&block[8], 0, 24);
  return base::xxh3(block);
}

bool known_type(std::uint8_t type) noexcept { return type >= 1 && type <= 4; }

bool known_format(std::uint8_t type, std::uint8_t format) noexcept {
  return type == static_cast<std::uint8_t>(RecordType::kData) ? format <= 2 : format == 0;
}

}  // namespace

std::uint64_t hash_payload(std::span<const std::byte> payload) noexcept {
  return base::xxh3(payload);
}

void seal_header(std::span<std::byte, kRecordHeaderSize> out, RecordType type, RecordFormat format,
                 std::size_t payload_size, std::uint64_t payload_hash,
                 const AtomPointer& where) noexcept {
  std::byte* header = out.data();
  base::store_le<std::uint32_t>(header, static_cast<std::uint32_t>(payload_size));
  header[4] = static_cast<std::byte>(type);
  header[5] = static_cast<std::byte>(format);
  base::store_le<std::uint16_t>(header + 6, 0);
  base::store_le<std::uint64_t>(header + 8, checksum_of(header, payload_hash, where));
}

void seal_record(std::span<std::byte> out, RecordType type, RecordFormat format,
                 std::size_t payload_size, std::uint64_t payload_hash,
                 const AtomPointer& where) noexcept {
  seal_header(out.first<kRecordHeaderSize>(), type, format, payload_size, payload_hash, where);
  std::ranges::fill(out.subspan(kRecordHeaderSize + payload_size), std::byte{0});
}

void write_record(std::span<std::byte> out, RecordType type, RecordFormat format,
                  std::span<const std::byte> payload, const AtomPointer& where) noexcept {
  if (!payload.empty()) {
    std::memcpy(out.data() + kRecordHeaderSize, payload.data(), payload.size());
  }
  seal_record(out, type, format, payload.size(), hash_payload(payload), where);
}

HeaderState parse_header(std::span<const std::byte> header, RecordHeader& out) noexcept {
  const std::byte* p = header.data();
  const auto type = static_cast<std::uint8_t>(p[4]);
  const auto format = static_cast<std::uint8_t>(p[5]);
  const auto length = base::load_le<std::uint32_t>(p);
  if (type == 0) {
    return base::all_zero(header.first(kRecordHeaderSize)) ? HeaderState::kEmpty
                                                           : HeaderState::kBad;
  }
  if (!known_type(type) || !known_format(type, format) || length > kMaxPayloadSize ||
      base::load_le<std::uint16_t>(p + 6) != 0) {
    return HeaderState::kBad;
  }
  out = {length, static_cast<RecordType>(type), static_cast<RecordFormat>(format),
         base::load_le<std::uint64_t>(p + 8)};
  return HeaderState::kValid;
}

std::string describe_bad_header(std::span<const std::byte> header) {
  const std::byte* p = header.data();
  return fmt::format(
      "no record header: expected type 1-4, known format, flags 0, length up to {}; found type {}, "
      "format {}, flags {:#06x}, length {}",
      kMaxPayloadSize, static_cast<unsigned>(p[4]), static_cast<unsigned>(p[5]),
      base::load_le<std::uint16_t>(p + 6), base::load_le<std::uint32_t>(p));
}

bool verify_record(std::span<const std::byte> record, const AtomPointer& where) noexcept {
  const auto length = base::load_le<std::uint32_t>(record.data());
  return verify_record(record.first<kRecordHeaderSize>(),
                       hash_payload(record.subspan(kRecordHeaderSize, length)), where);
}

bool verify_record(std::span<const std::byte, kRecordHeaderSize> header, std::uint64_t payload_hash,
                   const AtomPointer& where) noexcept {
  if (base::is_planted(base::PlantedBug::kChecksumIgnored)) return true;
  return base::load_le<std::uint64_t>(header.data() + 8) ==
         checksum_of(header.data(), payload_hash, where);
}

std::string describe_mismatch(std::span<const std::byte> record, const AtomPointer& where) {
  const auto length = base::load_le<std::uint32_t>(record.data());
  return fmt::format(
      "record of {} bytes: expected checksum {:016x}, found {:016x}", length,
      base::load_le<std::uint64_t>(record.data() + 8),
      checksum_of(record.data(), hash_payload(record.subspan(kRecordHeaderSize, length)), where));
}

}  // namespace protobase::format
