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
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "os/file_system.h"
#include "protobase/storage.h"

namespace protobase::wal {

/// Fills `out` from `offset`; returns how many bytes there were, fewer only at the end of the
/// medium.
using ReadSome = std::function<std::size_t(std::uint64_t offset, std::span<std::byte> out)>;

/// Called for every record in order; `payload` is valid during the call. False stops the scan.
using VisitRecord = std::function<bool(const RecordInfo& info, std::span<const std::byte> payload)>;

enum class OnReadError {
  kThrow,
  kPassOver,  ///< a block that cannot be read (os::ReadError) counts as damage, the rest is read
};

/// As os::File::next_hole().
using NextHole = std::function<std::optional<os::FileHole>(std::uint64_t offset)>;

/// A window over a WAL: sequential reads cost one call per 256 KiB.
class WindowReader {
 public:
  explicit WindowReader(ReadSome read, OnReadError on_error = OnReadError::kThrow,
                        NextHole next_hole = {})
      : read_(std::move(read)), on_error_(on_error), next_hole_(std::move(next_hole)) {}
  /// Up to `size` bytes from `offset`; fewer only at the end. Valid until the next call. Blocks
  /// that were passed over are full of 0xFF, which no record begins with.
  std::span<const std::byte> at(std::uint64_t offset, std::size_t size);
  /// The next call reads anew.
  void forget() noexcept { window_ = {}; }
  /// The next place behind `offset` where a record may begin: not within a hole.
  std::uint64_t next_place(std::uint64_t offset) const;
  /// How many bytes of [offset, end) are in no hole: what searching there may cost depends on it.
  std::uint64_t bytes_there(std::uint64_t offset, std::uint64_t end) const;
  /// Why something of [offset, end) was passed over; empty: nothing was. Never forgets one.
  std::string passed_over(std::uint64_t offset, std::uint64_t end) const;

 private:
  std::span<std::byte> memory_for(std::size_t size);
  std::size_t fill(std::uint64_t offset, std::span<std::byte> out);
  std::size_t fill_by_blocks(std::uint64_t offset, std::span<std::byte> out);
  void note_passed_over(std::uint64_t begin, std::uint64_t end, const std::string& why);

  struct Unread {
    std::uint64_t end = 0;
    std::string why;
  };
  ReadSome read_;
  const OnReadError on_error_;
  const NextHole next_hole_;  ///< empty: there are none
  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;
  std::span<std::byte> window_;  ///< what of it was filled, from start_ on
  std::uint64_t start_ = 0;
  std::map<std::uint64_t, Unread> passed_over_;  // by where each begins; apart from each other
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
