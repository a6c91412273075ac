// Which object of the bucket holds which bytes of a WAL. A plain value; its owner's mutex guards
// it.
//
// Invariants: the extents of a WAL follow each other without gaps from the first record's offset
// on; in a legacy WAL that is 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "protobase/uuid.h"
#include "protobase/wal.h"

namespace protobase::cloud {

/// What would lie behind is no place in a WAL, whatever names it: those end at a TiB (wal_max_size)
/// and one record.
inline constexpr std::uint64_t kMaxWALSize = std::uint64_t{4} << 40;

/// One object's share of a WAL; it begins where the extent before it ends.
struct Extent {
  std::uint64_t end = 0;
  std::uint64_t slot = 0;  ///< whose last bytes these are; 0: a segment
  UUID segment_id;         ///< in the segment's key; nil: made by a merge

  friend bool operator==(const Extent&, const Extent&) = default;
};

/// The key of the object that has the bytes of `wal` from `begin` on, as far as `extent` goes.
std::string object_key(const UUID& wal, std::uint64_t begin, const Extent& extent);

struct IndexedWAL {
  UUID id;
  std::uint64_t records = 0;
  std::vector<Extent> extents;
  WALLayout layout = WALLayout::kVersion1;

  std::uint64_t begin() const noexcept {
    return layout == WALLayout::kLegacyPython ? 0 : kWALFirstRecordOffset;
  }
  std::uint64_t end() const noexcept { return extents.empty() ? begin() : extents.back().end; }

  friend bool operator==(const IndexedWAL&, const IndexedWAL&) = default;
};

class WALIndex final {
 public:
  /// Where a byte lies: the extent around it and where that begins.
  struct Place {
    std::uint64_t begin = 0;
    Extent extent;
  };

  /// In the order of their first bytes in the log.
  const std::vector<IndexedWAL>& wals() const noexcept { return wals_; }
  const IndexedWAL* find(const UUID& wal) const noexcept;
  /// nullopt: beyond the end, or no such WAL.
  std::optional<Place> find_place(const UUID& wal, std::uint64_t offset) const noexcept;

  /// The oldest slot that holds bytes; 0: none does.
  std::uint64_t oldest_slot() const noexcept;

  /// Continues a WAL, or begins it. Precondition: extent.end is larger than the WAL's end.
  void add(const UUID& wal, const Extent& extent);
  /// Begins a WAL of the Python storage. Precondition: there is no such WAL.
  void add_legacy(const UUID& wal);
  void set_records(const UUID& wal, std::uint64_t records);
  /// Replaces those extents of the WAL that `merged` covers exactly; false when it does not.
  bool replace(const UUID& wal, std::uint64_t begin, const Extent& merged);

  friend bool operator==(const WALIndex& a, const WALIndex& b) { return a.wals_ == b.wals_; }

 private:
  std::vector<IndexedWAL> wals_;
  std::unordered_map<UUID, std::size_t> places_;
};

}  // namespace protobase::cloud
