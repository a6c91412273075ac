// One stripe of a cache, and its policy: segmented LRU with lazy promotion. A hit only sets the
// entry's reference bit; the queues move when room is needed.
// - New entries enter probation. The oldest of probation, if it was hit, is promoted; else evicted.
// - Protected overflow moves the oldest of protected back to probation, with its reference bit.
// - Eviction takes from probation only: no put pushes out a protected entry.
// - Entries and bytes (charges, nodes and table) are within the limits after, and before, each
//   step.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "cache/node_slab.h"
#include "cache/slot_table.h"

namespace protobase::cache {

struct StripeLimits {
  std::size_t max_entries = 0;
  std::size_t max_bytes = 0;
  double probation_ratio = 0.2;
};

enum class PutOutcome {
  kInserted,
  kPresent,   ///< the key is here; nothing changed
  kRejected,  ///< too large for what probation can give
  kMoreRoom,  ///< `evicted` is full: destroy them outside the lock and call again
};

/// Values on their way out: they are destroyed after the stripe's lock is let go.
template <typename Value>
class EvictedValues final {
 public:
  bool full() const noexcept { return count_ == values_.size(); }
  std::size_t count() const noexcept { return count_; }
  void add(Value&& value) noexcept { values_[count_++] = std::move(value); }

 private:
  std::array<Value, 4> values_{};
  std::size_t count_ = 0;
};

/// For values of which no place is known.
template <typename Value>
Places<1> no_places(const Value&) noexcept {
  return {};
}

/// Not thread-safe but for find(). `Hash` maps a Key to 64 good bits; callers pass it so that it is
/// computed once, outside the lock. `places_of(value)` gives Places to fetch for a hit.
template <typename Key, typename Value, typename Hash, auto places_of = no_places<Value>>
class SegmentedStripe final {
 public:
  using Table = SlotTable<std::tuple_size_v<decltype(places_of(std::declval<const Value&>()))>>;

  explicit SegmentedStripe(const StripeLimits& limits) : limits_(limits) {
    limits_.max_entries = std::min<std::size_t>(limits.max_entries, Table::kMaxIndex);
    protected_entries_ = std::min(protected_share(limits_.max_entries), limits_.max_entries - 1);
  }

  /// The value, marked as hit, or null. Valid until the next put. Finds may run side by side.
  const Value* find(const Key& key, std::uint64_t hash) noexcept {
    const Value* value = nullptr;
    typename Table::Slot* slot = table_.find(low_bits(hash), [&](std::uint32_t index) {
      const auto& node = slab_.node(index);
      value = &node.value;
      return node.key == key;
    });
    if (slot == nullptr) return nullptr;
    slot->set_referenced();
    return value;
  }

  /// Moves `value` in when the outcome is kInserted. `charge` is the heap the value holds. Throws
  /// std::bad_alloc, the value untouched.
  PutOutcome put(const Key& key, std::uint64_t hash, Value& value, std::size_t charge,
                 EvictedValues<Value>& evicted) {
    if (slot_of(key, hash) != nullptr) return PutOutcome::kPresent;
    demote_overflow();
    if (!can_ever_fit(charge)) return PutOutcome::kRejected;
    while (!fits(charge)) {
      if (probation_.entries == 0) return PutOutcome::kRejected;
      if (evicted.full()) return PutOutcome::kMoreRoom;
      evict_one(evicted);
    }
    insert(key, hash, value, charge);
    return PutOutcome::kInserted;
  }

  const Table& table() const noexcept { return table_; }
  std::size_t entries() const noexcept { return probation_.entries + protected_.entries; }
  std::size_t bytes() const noexcept { return own_bytes() + probation_.charge + protected_.charge; }

 private:
  using Slab = NodeSlab<Key, Value>;

  // A queue through the links of its nodes: in at the newest, out at the oldest, never in between.
  struct Segment {
    std::uint32_t newest = kNoNode;
    std::uint32_t oldest = kNoNode;
    std::size_t entries = 0;
    std::size_t charge = 0;
  };

  // One put never promotes more than this before it evicts: it bounds the time the lock is held.
  static constexpr int kMaxPromotions = 32;
  // Probation keeps at least this much (a quarter of a very small stripe), so that it can always
  // grow by a chunk of nodes and take ordinary values, however small the ratio.
  static constexpr std::size_t kMinProbationBytes = 8 * 1024;

  static std::uint32_t low_bits(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash);
  }

  std::size_t protected_share(std::size_t whole) const noexcept {
    return static_cast<std::size_t>(static_cast<double>(whole) * (1.0 - limits_.probation_ratio));
  }

  // What nodes and table take is lost to both segments alike.
  std::size_t protected_charge_limit() const noexcept {
    const std::size_t usable = limits_.max_bytes - own_bytes();
    return std::min(protected_share(usable), usable - std::min(kMinProbationBytes, usable / 4));
  }

  std::size_t own_bytes() const noexcept { return slab_.bytes() + table_.bytes(); }

  // The old table lives until the new one is filled, so growth counts in full.
  std::size_t growth() const noexcept {
    return (slab_.must_grow() ? Slab::chunk_bytes() : 0) +
           (table_.must_grow() ? table_.grown_bytes() : 0);
  }

  bool fits(std::size_t charge) const noexcept {
    if (entries() >= limits_.max_entries) return false;
    return charge <= limits_.max_bytes && bytes() + growth() <= limits_.max_bytes - charge;
  }

  // Asked before anything is evicted in vain. An eviction frees a node and a slot: no growth then.
  bool can_ever_fit(std::size_t charge) const noexcept {
    const std::size_t fixed =
        own_bytes() + protected_.charge + (probation_.entries == 0 ? growth() : 0);
    return fixed <= limits_.max_bytes && charge <= limits_.max_bytes - fixed;
  }

  typename Table::Slot* slot_of(const Key& key, std::uint64_t hash) noexcept {
    return table_.find(low_bits(hash),
                       [&](std::uint32_t index) { return slab_.node(index).key == key; });
  }

  typename Table::Slot* slot_of_node(std::uint32_t node) noexcept {
    return table_.find(low_bits(Hash{}(slab_.node(node).key)),
                       [node](std::uint32_t index) { return index == node; });
  }

  void insert(const Key& key, std::uint64_t hash, Value& value, std::size_t charge) {
    table_.reserve_one();
    const std::uint32_t index = slab_.take();
    slab_.node(index).key = key;
    const auto places = places_of(value);
    slab_.node(index).value = std::move(value);
    slab_.links(index).charge = charge;
    push_newest(probation_, index);
    table_.insert(low_bits(hash), index, places);
  }

  // Evicts the oldest entry of probation that was not hit, unless promotions empty probation first.
  void evict_one(EvictedValues<Value>& evicted) noexcept {
    typename Table::Slot* slot = slot_of_node(probation_.oldest);
    for (int i = 0; slot->referenced() && i < kMaxPromotions; ++i) {
      slot->clear_referenced();
      move_oldest(probation_, protected_);
      demote_overflow();
      if (probation_.entries == 0) return;  // protected had room: the caller looks again
      slot = slot_of_node(probation_.oldest);
    }
    const std::uint32_t victim = probation_.oldest;
    table_.erase(slot);
    unlink_oldest(probation_);
    evicted.add(std::move(slab_.node(victim).value));
    slab_.release(victim);
  }

  void demote_overflow() noexcept {
    while (protected_.entries > protected_entries_ ||
           protected_.charge > protected_charge_limit()) {
      move_oldest(protected_, probation_);
    }
  }

  void move_oldest(Segment& from, Segment& to) noexcept {
    const std::uint32_t index = from.oldest;
    unlink_oldest(from);
    push_newest(to, index);
  }

  void unlink_oldest(Segment& segment) noexcept {
    const auto& links = slab_.links(segment.oldest);
    --segment.entries;
    segment.charge -= links.charge;
    segment.oldest = links.next;
    if (segment.oldest == kNoNode) segment.newest = kNoNode;
  }

  void push_newest(Segment& segment, std::uint32_t index) noexcept {
    auto& links = slab_.links(index);
    links.next = kNoNode;
    if (segment.newest == kNoNode) {
      segment.oldest = index;
    } else {
      slab_.links(segment.newest).next = index;
    }
    segment.newest = index;
    ++segment.entries;
    segment.charge += links.charge;
  }

  Table table_;
  Slab slab_;
  Segment probation_;
  Segment protected_;
  StripeLimits limits_;
  std::size_t protected_entries_ = 0;
};

}  // namespace protobase::cache
