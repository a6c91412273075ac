#include "cloud/wal_slots.h"

#include <algorithm>
#include <utility>

namespace protobase::cloud {

WALSlots::WALSlots(std::vector<const FoundSlot*> slots) : slots_(std::move(slots)) {
  std::ranges::stable_sort(slots_, {}, &FoundSlot::begin);
  std::uint64_t reach = 0, newest = 0;
  for (const FoundSlot* const slot : slots_) {
    reach_.push_back(reach = std::max(reach, slot->end));
    newest_.push_back(newest = std::max(newest, slot->number));
  }
  oldest_behind_.resize(slots_.size());
  std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t i = slots_.size(); i > 0; --i) {
    oldest_behind_[i - 1] = oldest = std::min(oldest, slots_[i - 1]->number);
  }
}

/// How many begin there or before.
std::size_t WALSlots::count_up_to(std::uint64_t offset) const noexcept {
  const auto behind = std::ranges::upper_bound(slots_, offset, {}, &FoundSlot::begin);
  return static_cast<std::size_t>(behind - slots_.begin());
}

const FoundSlot* WALSlots::find(std::uint64_t offset) const noexcept {
  for (std::size_t i = count_up_to(offset); i > 0 && reach_[i - 1] > offset; --i) {
    if (slots_[i - 1]->end > offset) return slots_[i - 1];
  }
  return nullptr;
}

WALSlots::Around WALSlots::around(std::uint64_t offset, std::uint64_t end) const noexcept {
  Around around;
  const std::size_t count = count_up_to(offset);
  if (count > 0) around.newest_before = newest_[count - 1];
  if (count < slots_.size()) around.next_begin = slots_[count]->begin;
  const auto behind = std::ranges::lower_bound(slots_, end, {}, &FoundSlot::begin);
  if (behind != slots_.end()) {
    around.oldest_behind = oldest_behind_[static_cast<std::size_t>(behind - slots_.begin())];
  }
  return around;
}

}  // namespace protobase::cloud
