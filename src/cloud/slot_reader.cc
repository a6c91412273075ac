#include "cloud/slot_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "cloud/way_out.h"
#include "engine/for_all.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

// Small slots are read whole: the first atom asked for is usually in the newest one.
constexpr std::uint64_t kReadWhole = 1024 * 1024;
constexpr std::uint64_t kReadAtFirst = 64 * 1024;

}  // namespace

std::vector<ListedSlot> SlotReader::unbroken_run(const CloudListPage& page,
                                                 std::uint64_t next) const {
  std::vector<ListedSlot> slots;
  for (const CloudObjectMetadata& object : page.objects) {
    if (parse_slot_key(object.key) != next) break;
    slots.push_back({next++, object.size, kind_of(object.key, object.size)});
  }
  return slots;
}

void SlotReader::read_needed(std::vector<ListedSlot>& slots) const {
  std::vector<ListedSlot*> needed;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const bool is_last_of_writer = i + 1 == slots.size() || slots[i + 1].kind == SlotKind::kClaim;
    if (slots[i].kind == SlotKind::kOther || is_last_of_writer) needed.push_back(&slots[i]);
  }
  engine::for_all(pool_, std::span(needed),
                  [&](ListedSlot* slot) { read_twice([&] { read(*slot); }); });
}

std::optional<ListedSlot> SlotReader::read_if_there(std::uint64_t number) const {
  const std::string key = slot_key(number);
  CloudGetOptions options;
  options.range = CloudRange{0, kReadAtFirst};
  return read_twice([&]() -> std::optional<ListedSlot> {
    const CloudGetResult got = bucket_.get(key, options);
    if (got.status != CloudGetStatus::kFound) return std::nullopt;
    const std::uint64_t size = got.object.metadata.size;
    ListedSlot slot{number, size, kind_of(key, size)};
    expect_size(slot, got, 0, std::min(size, kReadAtFirst));
    take_apart(slot, got.object.bytes);
    return slot;
  });
}

void SlotReader::read(ListedSlot& slot) const {
  const std::uint64_t at_first =
      slot.size <= kReadWhole ? slot.size : std::min(slot.size, kReadAtFirst);
  take_apart(slot, get(slot, 0, at_first));
}

SharedBytes SlotReader::get(const ListedSlot& slot, std::uint64_t offset,
                            std::uint64_t length) const {
  const std::string key = slot_key(slot.number);
  CloudGetOptions options;
  options.range = CloudRange{offset, length};
  const CloudGetResult got = bucket_.get(key, options);
  expect_size(slot, got, offset, length);
  return got.object.bytes;
}

void SlotReader::expect_size(const ListedSlot& slot, const CloudGetResult& got,
                             std::uint64_t offset, std::uint64_t length) const {
  if (got.status == CloudGetStatus::kFound && got.object.bytes.size() == length) return;
  throw CorruptionError(fmt::format(
      "{}, object {}: it has {} bytes, and bytes {} to {} did not come{}", bucket_.location(),
      slot_key(slot.number), slot.size, offset, offset + length, kWayOut));
}

/// `object`: its first bytes.
void SlotReader::take_apart(ListedSlot& slot, const SharedBytes& object) const {
  slot.header = read_slot_header(object.span(), slot.number, bucket_.location());
  const SlotHeader& header = *slot.header;
  if (slot_object_size(header, slot.kind) != slot.size ||
      header.is_claim() != (slot.kind == SlotKind::kClaim)) {
    throw CorruptionError(fmt::format("{}, object {}: {} bytes, its header says {}{}",
                                      bucket_.location(), slot_key(slot.number), slot.size,
                                      slot_object_size(header, slot.kind), kWayOut));
  }
  if (header.is_claim()) return;
  const auto body = object.span().subspan(kSlotHeaderSize);
  if (header.segments > 0) {
    SharedBytes rest;
    auto whole = body;
    if (whole.size() < header.body_size()) {
      rest = get(slot, kSlotHeaderSize, header.body_size());
      whole = rest.span();
    }
    slot.segment_ends =
        read_segment_ends(header, whole.first(header.body_size()), bucket_.location());
  }
  found_(header.store, header.wal, header.end() - header.inline_bytes,
         body.first(std::min<std::uint64_t>(body.size(), header.inline_bytes)));
}

SlotKind SlotReader::kind_of(const std::string& key, std::uint64_t size) const {
  if (const auto kind = slot_kind_of_size(size)) return *kind;
  throw CorruptionError(fmt::format("{}, object {}: {} bytes are too short for a slot{}",
                                    bucket_.location(), key, size, kWayOut));
}

std::optional<SlotHeader> SlotReader::find(std::uint64_t number) const {
  CloudGetOptions options;
  options.range = CloudRange{0, kSlotHeaderSize};
  return read_twice([&]() -> std::optional<SlotHeader> {
    const CloudGetResult got = bucket_.client().get(slot_key(number), options);
    if (got.status != CloudGetStatus::kFound) return std::nullopt;
    return read_slot_header(got.object.bytes.span(), number, bucket_.location());
  });
}

}  // namespace protobase::cloud
