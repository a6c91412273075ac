// Where the records of legacy WALs start. That layout has no checksums, so the only way to know
// that a pointer points at a record is to walk the lengths from the beginning; every 64th start is
// remembered.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "protobase/block_provider.h"

namespace protobase::engine {

/// Thread-safe. 8 bytes of memory for every 64 records walked over.
class LegacyBoundaries {
 public:
  explicit LegacyBoundaries(BlockProvider& provider) : provider_(provider) {}

  /// Throws NotFoundError when a whole record covers `pointer` without starting there. Behind a
  /// damaged record nothing can be told, and nothing is thrown.
  void check(const AtomPointer& pointer, std::uint64_t end);

 private:
  BlockProvider& provider_;
  std::mutex mutex_;
  std::unordered_map<UUID, std::vector<std::uint64_t>> starts_;  ///< in order
};

}  // namespace protobase::engine
