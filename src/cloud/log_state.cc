#include "cloud/log_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cloud/slot.h"
#include "cloud/way_out.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

constexpr const char* kReopen = "; close the storage and open it again";

/// Of its objects: its own, and the headers of slots. Nothing lies below where it begins.
std::uint64_t stored_bytes(const IndexedWAL& wal) {
  const auto slots =
      std::ranges::count_if(wal.extents, [](const Extent& e) { return e.slot != 0; });
  return wal.end() - wal.begin() + static_cast<std::uint64_t>(slots) * kSlotHeaderSize;
}

}  // namespace

// --- what is known

bool LogState::is_open() const {
  const std::shared_lock lock(mutex_);
  return is_open_;
}

std::uint64_t LogState::newest_slot() const {
  const std::shared_lock lock(mutex_);
  return known_.slot;
}

std::uint64_t LogState::oldest_slot() const {
  const std::shared_lock lock(mutex_);
  return known_.index.oldest_slot();
}

std::uint64_t LogState::boundary() const {
  const std::shared_lock lock(mutex_);
  return known_.boundary;
}

std::uint64_t LogState::unmerged() const {
  const std::shared_lock lock(mutex_);
  return known_.slot + 1 - known_.boundary;
}

UUID LogState::store() const {
  const std::shared_lock lock(mutex_);
  return known_.store;
}

std::optional<RootVersion> LogState::root() const {
  throw_if_broken();
  const std::shared_lock lock(mutex_);
  if (known_.root || !known_.inherited_root) return known_.root;
  RootVersion oldest;
  oldest.root = *known_.inherited_root;
  return oldest;
}

std::optional<AtomPointer> LogState::inherited_root() const {
  const std::shared_lock lock(mutex_);
  return known_.inherited_root;
}

std::optional<WALIndex::Place> LogState::find_place(const UUID& wal, std::uint64_t offset) const {
  const std::shared_lock lock(mutex_);
  return known_.index.find_place(wal, offset);
}

std::optional<std::uint64_t> LogState::end_of(const UUID& wal) const {
  const std::shared_lock lock(mutex_);
  const IndexedWAL* const found = known_.index.find(wal);
  return found == nullptr ? std::nullopt : std::optional(found->end());
}

std::uint64_t LogState::begin_of(const UUID& wal) const {
  const std::shared_lock lock(mutex_);
  const IndexedWAL* const found = known_.index.find(wal);
  return found == nullptr ? kWALFirstRecordOffset : found->begin();
}

WALDescription LogState::describe(const UUID& wal) const {
  const std::shared_lock lock(mutex_);
  const IndexedWAL* const found = known_.index.find(wal);
  if (found == nullptr) throw NotFoundError(location_ + ": no WAL " + wal.to_string());
  return {wal, found->layout, stored_bytes(*found), found->end(), found->end(), found->records};
}

std::vector<UUID> LogState::list_wals() const {
  const std::shared_lock lock(mutex_);
  std::vector<UUID> ids;
  for (const IndexedWAL& wal : known_.index.wals()) ids.push_back(wal.id);
  return ids;
}

UUID LogState::newest_wal() const {
  const std::shared_lock lock(mutex_);
  return known_.index.wals().empty() ? UUID{} : known_.index.wals().back().id;
}

LogCheckpoint LogState::checkpoint() const {
  const std::shared_lock lock(mutex_);
  return known_;
}

SlotHeader LogState::next_header() const {
  const std::shared_lock lock(mutex_);
  SlotHeader header;
  header.number = known_.slot + 1;
  header.epoch = known_.epoch;
  header.store = known_.store;
  header.root = known_.root;
  return header;
}

// --- what comes to be known

void LogState::adopt(LogCheckpoint read) {
  const std::unique_lock lock(mutex_);
  if (is_open_ && known_.store != read.store) {
    throw CorruptionError(location_ + ": another store has taken the place of this one" + kReopen);
  }
  if (is_open_ && read.boundary < known_.boundary) {
    throw CorruptionError(fmt::format(
        "{}: an older object {} has taken the place of a newer one; restore its newest version{}",
        location_, kCheckpointKey, kReopen));
  }
  if (is_open_ && known_.slot > read.slot) {
    for (const IndexedWAL& wal : known_.index.wals()) {
      for (const Extent& extent : wal.extents) {
        const IndexedWAL* const other = read.index.find(wal.id);
        if (other == nullptr || extent.end > other->end()) read.index.add(wal.id, extent);
      }
      read.index.set_records(wal.id, wal.records);
    }
    read.slot = known_.slot;
    read.epoch = known_.epoch;
    read.root = known_.root;
  }
  known_ = std::move(read);
  outdated_.clear();
  is_open_ = true;
}

void LogState::take_up(const std::vector<ListedSlot>& slots) {
  const std::unique_lock lock(mutex_);
  for (const ListedSlot& slot : slots) {
    if (slot.header && slot.header->store != known_.store) {
      throw CorruptionError(fmt::format("{}, object {}: a slot of another store{}", location_,
                                        slot_key(slot.number), kWayOut));
    }
    if (slot.kind != SlotKind::kClaim) take_up_bytes(slot);
    known_.slot = slot.number;
    if (!slot.header) continue;
    known_.epoch = std::max(known_.epoch, slot.header->epoch);
    if (slot.header->root) known_.root = slot.header->root;
  }
}

void LogState::take_up_bytes(const ListedSlot& slot) {
  const auto& wals = known_.index.wals();
  const auto check = [&](bool holds) {
    if (holds) return;
    throw CorruptionError(fmt::format("{}, object {}: it does not continue the slot before it{}",
                                      location_, slot_key(slot.number), kWayOut));
  };
  if (slot.kind == SlotKind::kPlain) {
    check(!wals.empty());
    const UUID wal = wals.back().id;
    const std::uint64_t end = wals.back().end() + (slot.size - kSlotHeaderSize);
    check(!slot.header || (slot.header->wal == wal && slot.header->end() == end));
    known_.index.add(wal, {end, slot.number, {}});
  } else {
    const SlotHeader& header = *slot.header;
    const IndexedWAL* const wal = known_.index.find(header.wal);
    check(wal == nullptr || wal->layout == WALLayout::kVersion1);
    check(header.begin == (wal == nullptr ? kWALFirstRecordOffset : wal->end()));
    for (const std::uint64_t end : slot.segment_ends) {
      known_.index.add(header.wal, {end, 0, header.commit_id});
    }
    if (header.inline_bytes > 0) known_.index.add(header.wal, {header.end(), slot.number, {}});
  }
  if (slot.header) known_.index.set_records(slot.header->wal, slot.header->records);
}

bool LogState::take_up_claim(const SlotHeader& claim) {
  const std::unique_lock lock(mutex_);
  if (known_.boundary > claim.number || known_.slot >= claim.number) return false;
  known_.slot = claim.number;
  known_.epoch = claim.epoch;
  return true;
}

void LogState::replace(LogCheckpoint merged) {
  const std::unique_lock lock(mutex_);
  known_ = std::move(merged);
}

void LogState::set_broken(std::string why) {
  const std::unique_lock lock(mutex_);
  broken_ = std::move(why);
}

void LogState::set_outdated(std::string why) {
  const std::unique_lock lock(mutex_);
  outdated_ = std::move(why);
}

bool LogState::is_broken() const {
  const std::shared_lock lock(mutex_);
  return !broken_.empty() || !outdated_.empty();
}

void LogState::throw_if_broken() const {
  const std::shared_lock lock(mutex_);
  if (!outdated_.empty()) throw CorruptionError(outdated_);
  if (!broken_.empty()) throw CorruptionError(broken_);
}

}  // namespace protobase::cloud
