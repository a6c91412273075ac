// A medium in memory that can place bytes behind the end, and is told what to do with them.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "testing/breakable_block_provider.h"

namespace protobase::testing {

/// `steps` has a p for each call of place() that succeeded.
class PlacingBlockProvider final : public BreakableBlockProvider {
 public:
  bool can_place() const noexcept override { return true; }
  void place(const UUID& wal, std::uint64_t offset, std::span<const std::byte> bytes,
             const std::function<void(std::span<const std::byte>)>& passes) override {
    if (before_place) before_place();
    passes(bytes.first(bytes.size() / 2));
    passes(bytes.subspan(bytes.size() / 2));
    if (keeps) placed_[{wal, offset}].assign(bytes.begin(), bytes.end());
    steps += 'p';
  }
  void write(const WALWriteOperation& operation) override {
    WALWriteOperation whole = operation;
    std::uint64_t at = operation.offset + operation.size() - operation.placed;
    for (std::uint64_t left = std::exchange(whole.placed, 0); left > 0;) {
      const auto found = placed_.find({operation.transaction_id, at});
      auto bytes = found != placed_.end() ? found->second : std::vector<std::byte>(left);
      at += bytes.size();
      left -= bytes.size();
      whole.segments.push_back(SharedBytes::copy_of(bytes));
    }
    BreakableBlockProvider::write(whole);
  }

  std::function<void()> before_place;
  bool keeps = true;  ///< false: the bytes are forgotten, zeros are read

 private:
  std::map<AtomPointer, std::vector<std::byte>> placed_;
};

}  // namespace protobase::testing
