#include "cloud/slot.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "base/endian.h"
#include "base/hash.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

using base::load_le;
using base::store_le;

constexpr char kMagic[9] = "PBSLOT\r\n";
constexpr std::size_t kChecksumPlace = 248;
constexpr std::size_t kRootPlace = 120;
constexpr std::size_t kReservedPlace = 224;

void store_uuid(std::byte* to, const UUID& id) noexcept { std::memcpy(to, id.bytes.data(), 16); }

UUID load_uuid(const std::byte* from) noexcept {
  UUID id;
  std::memcpy(id.bytes.data(), from, 16);
  return id;
}

void store_pointer(std::byte* to, const AtomPointer& pointer) noexcept {
  store_uuid(to, pointer.transaction_id);
  store_le<std::uint64_t>(to + 16, pointer.offset);
}

AtomPointer load_pointer(const std::byte* from) noexcept {
  return {load_uuid(from), load_le<std::uint64_t>(from + 16)};
}

void store_root(std::byte* to, const RootVersion& root) noexcept {
  store_le<std::uint64_t>(to, root.sequence);
  store_le<std::uint64_t>(to + 8, root.previous_sequence);
  store_le<std::int64_t>(to + 16, root.time_us);
  store_pointer(to + 24, root.root);
  store_pointer(to + 48, root.commit);
  store_pointer(to + 72, root.previous_commit);
}

std::optional<RootVersion> load_root(const std::byte* from) noexcept {
  RootVersion root;
  root.sequence = load_le<std::uint64_t>(from);
  if (root.sequence == 0) return std::nullopt;
  root.previous_sequence = load_le<std::uint64_t>(from + 8);
  root.time_us = load_le<std::int64_t>(from + 16);
  root.root = load_pointer(from + 24);
  root.commit = load_pointer(from + 48);
  root.previous_commit = load_pointer(from + 72);
  return root;
}

[[noreturn]] void throw_damaged(const std::string& location, std::uint64_t number,
                                const std::string& problem) {
  throw CorruptionError(fmt::format("{}, object {}: {}", location, slot_key(number), problem));
}

/// The whole text must be the number.
std::optional<std::uint64_t> parse_number(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stopped == end ? std::optional(number) : std::nullopt;
}

/// 32 hexadecimal digits; nil when there are none.
std::optional<UUID> parse_segment_id(std::string text) {
  if (text.empty()) return UUID{};
  for (const std::size_t place : {20, 16, 12, 8}) {
    if (text.size() > place) text.insert(place, 1, '-');
  }
  return UUID::parse(text);
}

bool has_sane_lengths(const SlotHeader& header) noexcept {
  if (header.is_claim()) {
    return header.length == 0 && header.inline_bytes == 0 && header.segments == 0;
  }
  constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 62;
  return header.length > 0 && header.begin < kMaxOffset && header.length < kMaxOffset &&
         header.inline_bytes <= header.length && header.inline_bytes <= kMaxSlotBody &&
         header.segments <= kMaxSegmentsOfSlot &&
         (header.segments == 0) == (header.inline_bytes == header.length);
}

}  // namespace

std::array<std::byte, kSlotHeaderSize> write_slot_header(const SlotHeader& header) noexcept {
  std::array<std::byte, kSlotHeaderSize> bytes{};
  std::byte* const to = bytes.data();
  std::memcpy(to, kMagic, 8);
  store_le<std::uint32_t>(to + 8, kCloudFormatVersion);
  store_le<std::uint32_t>(to + 12, kSlotHeaderSize);
  store_le<std::uint64_t>(to + 16, header.number);
  store_le<std::uint64_t>(to + 24, header.epoch);
  store_uuid(to + 32, header.commit_id);
  store_uuid(to + 48, header.store);
  store_uuid(to + 64, header.wal);
  store_le<std::uint64_t>(to + 80, header.begin);
  store_le<std::uint64_t>(to + 88, header.length);
  store_le<std::uint64_t>(to + 96, header.inline_bytes);
  store_le<std::uint64_t>(to + 104, header.segments);
  store_le<std::uint64_t>(to + 112, header.records);
  if (header.root) store_root(to + kRootPlace, *header.root);
  store_le<std::uint64_t>(to + 216, header.body_hash);
  store_le<std::uint64_t>(to + kChecksumPlace, base::xxh3({to, kChecksumPlace}));
  return bytes;
}

SlotHeader read_slot_header(std::span<const std::byte> object, std::uint64_t number,
                            const std::string& location) {
  const std::byte* const from = object.data();
  if (object.size() < kSlotHeaderSize || std::memcmp(from, kMagic, 8) != 0) {
    throw_damaged(location, number, "this is no slot of a ProtoBase store");
  }
  const auto expected = load_le<std::uint64_t>(from + kChecksumPlace);
  const std::uint64_t found = base::xxh3({from, kChecksumPlace});
  if (expected != found) {
    throw_damaged(location, number,
                  fmt::format("header: expected checksum {:016x}, found {:016x}", expected, found));
  }
  if (const auto version = load_le<std::uint32_t>(from + 8); version > kCloudFormatVersion) {
    throw NotSupportedError(fmt::format(
        "{}, object {}: format version {}, this program knows versions up to {}; use a newer one",
        location, slot_key(number), version, kCloudFormatVersion));
  }
  SlotHeader header;
  header.number = load_le<std::uint64_t>(from + 16);
  header.epoch = load_le<std::uint64_t>(from + 24);
  header.commit_id = load_uuid(from + 32);
  header.store = load_uuid(from + 48);
  header.wal = load_uuid(from + 64);
  header.begin = load_le<std::uint64_t>(from + 80);
  header.length = load_le<std::uint64_t>(from + 88);
  header.inline_bytes = load_le<std::uint64_t>(from + 96);
  header.segments = load_le<std::uint64_t>(from + 104);
  header.records = load_le<std::uint64_t>(from + 112);
  header.root = load_root(from + kRootPlace);
  header.body_hash = load_le<std::uint64_t>(from + 216);
  if (header.number != number) {
    throw_damaged(location, number, fmt::format("it is slot {}", header.number));
  }
  const bool is_whole = load_le<std::uint32_t>(from + 8) == kCloudFormatVersion &&
                        load_le<std::uint32_t>(from + 12) == kSlotHeaderSize &&
                        base::all_zero({from + kReservedPlace, kChecksumPlace - kReservedPlace});
  if (!is_whole || !has_sane_lengths(header)) {
    throw_damaged(location, number, "the lengths in its header cannot be");
  }
  return header;
}

std::uint64_t slot_object_size(const SlotHeader& header, SlotKind kind) noexcept {
  const std::uint64_t size = kSlotHeaderSize + header.body_size();
  return kind == SlotKind::kOther ? size | 1 : size;
}

std::optional<SlotKind> slot_kind_of_size(std::uint64_t object_size) noexcept {
  if (object_size < kSlotHeaderSize) return std::nullopt;
  if (object_size == kSlotHeaderSize) return SlotKind::kClaim;
  return object_size % 2 == 1 ? SlotKind::kOther : SlotKind::kPlain;
}

std::vector<std::uint64_t> read_segment_ends(const SlotHeader& header,
                                             std::span<const std::byte> body,
                                             const std::string& location) {
  if (const std::uint64_t found = base::xxh3(body); found != header.body_hash) {
    throw_damaged(
        location, header.number,
        fmt::format("body: expected checksum {:016x}, found {:016x}", header.body_hash, found));
  }
  const auto ends = body.subspan(header.inline_bytes);
  std::vector<std::uint64_t> read(header.segments);
  std::uint64_t before = header.begin;
  for (std::size_t i = 0; i < read.size(); ++i) {
    read[i] = load_le<std::uint64_t>(ends.data() + i * 8);
    if (read[i] <= before) throw_damaged(location, header.number, "its segments are out of order");
    before = read[i];
  }
  if (before != header.end() - header.inline_bytes) {
    throw_damaged(location, header.number, "its segments do not end where its body begins");
  }
  return read;
}

std::string slot_key(std::uint64_t number) { return fmt::format("{}{:020}", kSlotPrefix, number); }

std::optional<std::uint64_t> parse_slot_key(const std::string& key) {
  const std::size_t prefix = std::strlen(kSlotPrefix);
  if (key.size() != prefix + 20 || key.compare(0, prefix, kSlotPrefix) != 0) return std::nullopt;
  const auto number = parse_number(std::string_view(key).substr(prefix));
  return number == 0 ? std::nullopt : number;
}

std::string segment_key(const SegmentName& segment) {
  std::string key = fmt::format("{}{}/{:020}-{:020}", kSegmentPrefix, segment.wal.to_string(),
                                segment.begin, segment.end);
  if (!segment.id.is_nil()) {
    std::string hex = segment.id.to_string();
    std::erase(hex, '-');
    key += "-" + hex;
  }
  return key;
}

std::optional<SegmentName> parse_segment_key(const std::string& key) {
  constexpr std::size_t kUUID = 36, kNumber = 20;
  const std::size_t wal = std::strlen(kSegmentPrefix), begin = wal + kUUID + 1;
  const std::size_t end = begin + kNumber + 1, id = end + kNumber + 1;
  if (key.size() < id - 1) return std::nullopt;
  const auto parsed_wal = UUID::parse(std::string_view(key).substr(wal, kUUID));
  const auto parsed_begin = parse_number(std::string_view(key).substr(begin, kNumber));
  const auto parsed_end = parse_number(std::string_view(key).substr(end, kNumber));
  const auto parsed_id = parse_segment_id(key.size() < id ? std::string() : key.substr(id));
  if (!parsed_wal || !parsed_begin || !parsed_end || !parsed_id || *parsed_end <= *parsed_begin) {
    return std::nullopt;
  }
  const SegmentName segment{*parsed_wal, *parsed_begin, *parsed_end, *parsed_id};
  // Only the spelling counts that is used to find it.
  return segment_key(segment) == key ? std::optional(segment) : std::nullopt;
}

}  // namespace protobase::cloud
