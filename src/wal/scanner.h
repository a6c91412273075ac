// Reading a version-1 WAL from one place to its end: which records are there, where damage lies,
// and whether a tail is torn (never acknowledged) or corrupt (it once was durable).
//
// The rule. A place X that is no valid record is *corruption* if something proves that X was
// durable: the medium says so (a checkpoint at or beyond X), or a valid commit or mark record
// behind X says that everything below an offset greater than X was durable when it was written.
// Otherwise the bytes from X on belong to a write that was never acknowledged: a *torn tail*, which
// ends the log.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "protobase/storage.h"

namespace protobase::wal {

/// Fills `out` from `offset`; returns how many bytes there were, fewer only at the end of the
/// medium.
using ReadSome = std::function<std::size_t(std::uint64_t offset, std::span<std::byte> out)>;

/// Called for every record in order; `payload` is valid during the call. False stops the scan.
using VisitRecord = std::function<bool(const RecordInfo& info, std::span<const std::byte> payload)>;

/// A window over a WAL: sequential reads cost one call per 256 KiB.
class WindowReader {
 public:
  explicit WindowReader(ReadSome read) : read_(std::move(read)) {}
  /// Up to `size` bytes from `offset`; fewer only at the end. Valid until the next call.
  std::span<const std::byte> at(std::uint64_t offset, std::size_t size);
  /// The next call reads anew.
  void forget() noexcept { window_.clear(); }

 private:
  ReadSome read_;
  std::vector<std::byte> window_;
  std::uint64_t start_ = 0;
};

struct ScanRange {
  UUID transaction_id;
  std::uint64_t begin = 0;    ///< a record boundary
  std::uint64_t end = 0;      ///< no record starts at or beyond
  std::uint64_t durable = 0;  ///< known to have been durable below
};

/// Scans `range`; returns where the log ends: behind the last record that counts.
std::uint64_t scan_records(const ScanRange& range, WindowReader& reader, const VisitRecord& visit);

}  // namespace protobase::wal
