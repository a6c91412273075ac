#include "cloud/wal_index.h"

#include <algorithm>
#include <iterator>

#include "cloud/slot.h"

namespace protobase::cloud {
namespace {

/// The first extent that ends behind `offset`.
auto extent_around(const std::vector<Extent>& extents, std::uint64_t offset) {
  return std::upper_bound(
      extents.begin(), extents.end(), offset,
      [](std::uint64_t value, const Extent& extent) { return value < extent.end; });
}

std::uint64_t begin_of(const IndexedWAL& wal, std::vector<Extent>::const_iterator extent) {
  return extent == wal.extents.begin() ? wal.begin() : std::prev(extent)->end;
}

}  // namespace

std::string object_key(const UUID& wal, std::uint64_t begin, const Extent& extent) {
  return extent.slot != 0 ? slot_key(extent.slot)
                          : segment_key({wal, begin, extent.end, extent.segment_id});
}

const IndexedWAL* WALIndex::find(const UUID& wal) const noexcept {
  const auto place = places_.find(wal);
  return place == places_.end() ? nullptr : &wals_[place->second];
}

std::optional<WALIndex::Place> WALIndex::find_place(const UUID& wal,
                                                    std::uint64_t offset) const noexcept {
  const IndexedWAL* const found = find(wal);
  if (found == nullptr || offset < found->begin()) return std::nullopt;
  const auto extent = extent_around(found->extents, offset);
  if (extent == found->extents.end()) return std::nullopt;
  return Place{begin_of(*found, extent), *extent};
}

std::uint64_t WALIndex::oldest_slot() const noexcept {
  std::uint64_t oldest = 0;
  for (const IndexedWAL& wal : wals_) {
    for (const Extent& extent : wal.extents) {
      if (extent.slot != 0 && (oldest == 0 || extent.slot < oldest)) oldest = extent.slot;
    }
  }
  return oldest;
}

void WALIndex::add(const UUID& wal, const Extent& extent) {
  const auto [place, is_new] = places_.try_emplace(wal, wals_.size());
  if (is_new) wals_.emplace_back().id = wal;
  wals_[place->second].extents.push_back(extent);
}

void WALIndex::add_legacy(const UUID& wal) {
  places_.emplace(wal, wals_.size());
  IndexedWAL& added = wals_.emplace_back();
  added.id = wal;
  added.layout = WALLayout::kLegacyPython;
}

void WALIndex::set_records(const UUID& wal, std::uint64_t records) {
  if (const auto place = places_.find(wal); place != places_.end()) {
    wals_[place->second].records = records;
  }
}

bool WALIndex::replace(const UUID& wal, std::uint64_t begin, const Extent& merged) {
  const auto place = places_.find(wal);
  if (place == places_.end()) return false;
  IndexedWAL& found = wals_[place->second];
  auto& extents = found.extents;
  const auto first = extent_around(extents, begin);
  const auto last = extent_around(extents, merged.end - 1);
  if (last == extents.end() || begin_of(found, first) != begin || last->end != merged.end) {
    return false;
  }
  const auto at = extents.erase(first, std::next(last));
  extents.insert(at, merged);
  return true;
}

}  // namespace protobase::cloud
