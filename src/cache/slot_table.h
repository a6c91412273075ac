// Hash table of a stripe: linear probing, from a key's hash to the index of its node. A slot also
// holds the entry's reference bit, so that a hit dirties no other line, and where the value's
// memory lies, so that it is fetched beside the node and not after it: a fifth less time for a hit.
// Invariants: at most 3/4 full; no empty slot lies between an entry's home and its slot.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace protobase::cache {

/// What a reader of a value will touch, outermost first. Never followed, only fetched.
template <std::size_t kPlaces>
using Places = std::array<std::uintptr_t, kPlaces>;

/// Not thread-safe but where said: the stripe's lock guards it. Pointers to slots end with the next
/// insert or erase.
template <std::size_t kPlaces = 1>
class SlotTable final {
 public:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t node = 0;  ///< 0: empty; else index + 1, and kReferenced
    Places<kPlaces> places{};

    bool referenced() const noexcept { return (node & kReferenced) != 0; }
    /// Several readers may do this at once: all write the same word. Writes only when it changes
    /// something: a line that is only read is shared between cores.
    void set_referenced() noexcept {
      const std::atomic_ref<std::uint32_t> shared(node);
      const std::uint32_t now = shared.load(std::memory_order_relaxed);
      if ((now & kReferenced) == 0) shared.store(now | kReferenced, std::memory_order_relaxed);
    }
    void clear_referenced() noexcept { node &= ~kReferenced; }
  };
  static constexpr std::uint32_t kMaxIndex = 0x7FFF'FFFD;

  /// The slot with this hash whose index satisfies `is_it`, or null. Beside set_referenced() and
  /// other finds it needs no lock.
  template <typename IsIt>
  Slot* find(std::uint32_t hash, IsIt is_it) noexcept {
    if (slots_.empty()) return nullptr;
    Slot* const slots = slots_.data();
    const std::size_t last = mask();
    for (std::size_t at = hash & last;; at = (at + 1) & last) {
      Slot& slot = slots[at];
      const std::uint32_t node =
          std::atomic_ref<std::uint32_t>(slot.node).load(std::memory_order_relaxed);
      if (node == 0) return nullptr;
      if (slot.hash != hash) continue;
      fetch(slot.places);
      if (is_it(index_in(node))) return &slot;
    }
  }

  /// Where `hash` would be looked for, to fetch that line early.
  const Slot* slots() const noexcept { return slots_.data(); }
  std::size_t mask() const noexcept { return slots_.size() - 1; }

  /// Whether the next insert needs reserve_one() to allocate `grown_bytes()`.
  bool must_grow() const noexcept { return (used_ + 1) * 4 > slots_.size() * 3; }
  std::size_t grown_bytes() const noexcept { return grown_size() * sizeof(Slot); }
  std::size_t bytes() const noexcept { return slots_.size() * sizeof(Slot); }
  std::size_t size() const noexcept { return used_; }

  /// Makes the next insert safe. Throws std::bad_alloc, changing nothing.
  void reserve_one() {
    if (must_grow()) grow();
  }

  /// Precondition: reserve_one() was called, and no entry has this index.
  void insert(std::uint32_t hash, std::uint32_t index,
              const Places<kPlaces>& places = {}) noexcept {
    place({hash, index + 1, places});
    ++used_;
  }

  /// Closes the gap by moving later entries of the same run towards their homes: no tombstones.
  void erase(Slot* slot) noexcept {
    std::size_t gap = static_cast<std::size_t>(slot - slots_.data());
    for (std::size_t at = (gap + 1) & mask(); slots_[at].node != 0; at = (at + 1) & mask()) {
      const std::size_t from_home = (at - slots_[at].hash) & mask();
      if (from_home < ((at - gap) & mask())) continue;  // its home lies behind the gap
      slots_[gap] = slots_[at];
      gap = at;
    }
    slots_[gap] = Slot{};
    --used_;
  }

 private:
  static constexpr std::uint32_t kReferenced = 0x8000'0000;

  static std::uint32_t index_in(std::uint32_t node) noexcept { return (node & ~kReferenced) - 1; }
  static constexpr std::size_t kFirstSize = 16;

  // Two lines each. Always inlined: g++ 12 takes a function that only fetches for one without
  // effect, and drops it.
  [[gnu::always_inline]] static inline void fetch(const Places<kPlaces>& places) noexcept {
    for (const std::uintptr_t place : places) {
      __builtin_prefetch(reinterpret_cast<const void*>(place));
      __builtin_prefetch(reinterpret_cast<const void*>(place + 64));
    }
  }

  std::size_t grown_size() const noexcept {
    return slots_.empty() ? kFirstSize : slots_.size() * 2;
  }

  void grow() {
    std::vector<Slot> larger(grown_size());
    slots_.swap(larger);
    for (const Slot& slot : larger) {
      if (slot.node != 0) place(slot);
    }
  }

  void place(const Slot& entry) noexcept {
    std::size_t at = entry.hash & mask();
    while (slots_[at].node != 0) at = (at + 1) & mask();
    slots_[at] = entry;
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace protobase::cache
