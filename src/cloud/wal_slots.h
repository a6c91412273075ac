// The slots of one WAL by where their bytes lie, asked for what is around a place. They may
// overlap, as only damage makes them; then it takes longer.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "cloud/log_inventory.h"

namespace protobase::cloud {

class WALSlots final {
 public:
  /// What is known of a place that no slot covers.
  struct Around {
    std::uint64_t newest_before = 0;  ///< number of a slot that ends there or before; 0: none
    std::uint64_t oldest_behind = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t next_begin = std::numeric_limits<std::uint64_t>::max();
  };

  WALSlots() = default;
  /// The slots must outlive it.
  explicit WALSlots(std::vector<const FoundSlot*> slots);

  /// nullptr: no slot covers `offset`.
  const FoundSlot* find(std::uint64_t offset) const noexcept;
  /// Of slots behind: of those that begin at `end` or behind it. Precondition: no slot covers
  /// `offset`.
  Around around(std::uint64_t offset, std::uint64_t end) const noexcept;

 private:
  std::size_t count_up_to(std::uint64_t offset) const noexcept;

  std::vector<const FoundSlot*> slots_;       ///< by their begin
  std::vector<std::uint64_t> reach_;          ///< how far the slots up to each go,
  std::vector<std::uint64_t> newest_;         ///< their largest number,
  std::vector<std::uint64_t> oldest_behind_;  ///< and the smallest from each on
};

}  // namespace protobase::cloud
