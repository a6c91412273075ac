#include "engine/mapped_wals.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "format/record.h"
#include "protobase/errors.h"

namespace protobase::engine {
namespace {

// Larger payloads are read, so that the kernel fetches them from the disk in one go.
constexpr std::size_t kMaxMappedPayload = 64 * 1024;
// How far the WAL has become durable is asked for once in so many reads that would need it.
constexpr std::uint32_t kReadsBetweenLooks = 64;

/// Header and payload of a typical atom come from memory at once, not line after line.
void prefetch(const std::byte* record) noexcept {
  for (std::size_t line = 0; line < 256; line += 64) __builtin_prefetch(record + line);
}

/// Spreads threads over owners.
std::size_t place_of_thread() noexcept {
  thread_local const char mark = 0;
  return (reinterpret_cast<std::uintptr_t>(&mark) * 0x9E3779B97F4A7C15ull) >> 48;
}

}  // namespace

std::optional<CachedPayload> MappedWALs::look_for(const AtomPointer& pointer) {
  View* const view = view_of(pointer.transaction_id);
  if (view == nullptr) return std::nullopt;
  const std::uint64_t begin = pointer.offset;
  if (begin < kWALFirstRecordOffset || begin % format::kRecordAlignment != 0 ||
      begin >= view->bytes.size() ||  // so that the sum stays what it is
      !is_durable(*view, begin + format::kRecordHeaderSize)) {
    return std::nullopt;
  }
  const auto from_here = view->bytes.span().subspan(static_cast<std::size_t>(begin));
  prefetch(from_here.data());
  // Taken while the record comes from memory: behind the first look at it, the locked instruction
  // would wait for that, and the next get for both.
  std::shared_ptr<const SharedBytes> owner = view->owners[place_of_thread() % kOwners].map;
  format::RecordHeader header;
  if (format::parse_header(from_here, header) != format::HeaderState::kValid ||
      header.type != format::RecordType::kData || header.payload_size > kMaxMappedPayload) {
    return std::nullopt;
  }
  const std::size_t size = format::kRecordHeaderSize + header.payload_size;
  if (!is_durable(*view, begin + size)) return std::nullopt;
  if (!is_valid(*view, from_here.first(size), pointer)) return std::nullopt;
  const auto payload = from_here.subspan(format::kRecordHeaderSize, header.payload_size);
  return CachedPayload{SharedBytes(std::move(owner), payload), header.format, false};
}

bool MappedWALs::is_valid(View& view, std::span<const std::byte> record,
                          const AtomPointer& pointer) {
  if (!verify_once_) return format::verify_record(record, pointer);
  if (view.verified.contains(pointer.offset)) return true;
  if (!format::verify_record(record, pointer)) return false;
  view.verified.add(pointer.offset);
  return true;
}

MappedWALs::View* MappedWALs::view_of(const UUID& wal) {
  for (std::size_t slot = std::hash<UUID>{}(wal);; ++slot) {
    View* const view = slots_[slot % kSlots].load(std::memory_order_acquire);
    if (view == nullptr) return full_.load(std::memory_order_relaxed) ? nullptr : open(wal);
    if (view->wal == wal) return view;
  }
}

MappedWALs::View* MappedWALs::open(const UUID& wal) {
  const std::lock_guard lock(mutex_);
  std::size_t slot = std::hash<UUID>{}(wal);
  for (; View* const view = slots_[slot % kSlots].load(std::memory_order_relaxed); ++slot) {
    if (view->wal == wal) return view;  // somebody was quicker
  }
  if (views_.size() == kMaxWALs) return nullptr;
  auto view = std::make_unique<View>();
  view->wal = wal;
  try {
    view->bytes = provider_.map(wal);
  } catch (const NotFoundError&) {
    return nullptr;  // perhaps its first record is not written yet
  }
  if (verify_once_) view->verified.cover(view->bytes.size());
  for (Owner& owner : view->owners) owner.map = std::make_shared<const SharedBytes>(view->bytes);
  slots_[slot % kSlots].store(view.get(), std::memory_order_release);
  views_.push_back(std::move(view));
  if (views_.size() == kMaxWALs) full_.store(true, std::memory_order_relaxed);
  return views_.back().get();
}

bool MappedWALs::is_durable(View& view, std::uint64_t end) {
  if (end <= view.durable.load(std::memory_order_relaxed)) return true;
  if (view.beyond.fetch_add(1, std::memory_order_relaxed) % kReadsBetweenLooks != 0) return false;
  const WALDescription wal = provider_.describe(view.wal);
  const std::uint64_t durable = std::min<std::uint64_t>({wal.durable, wal.end, view.bytes.size()});
  view.durable.store(durable, std::memory_order_relaxed);
  return end <= durable;
}

}  // namespace protobase::engine
