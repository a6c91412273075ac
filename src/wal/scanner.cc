#include "wal/scanner.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "base/endian.h"
#include "base/planted_bug.h"
#include "format/commit_record.h"
#include "format/record.h"
#include "os/file_system.h"

namespace protobase::wal {
namespace {

using format::HeaderState;
using format::kRecordHeaderSize;
using format::RecordHeader;
using format::RecordType;

constexpr std::size_t kWindowSize = 256 * 1024;
constexpr std::size_t kBlock = 4096;  // what a disk fails to read is at least that much
// Beyond that many gaps between unread blocks, what lies between them counts as unread too.
constexpr std::size_t kMaxPassedOver = 10'000;
// Searching for the record behind a damaged place hashes at most so many times the range scanned.
constexpr std::uint64_t kSearchFactor = 4;

/// Why no record starts somewhere.
enum class Problem {
  kNone,
  kZeros,
  kCutHeader,
  kNoHeader,
  kTooLong,
  kHole,
  kMismatch,
  kPadding,
  kNoSequence
};

RecordKind kind_of(RecordType type) noexcept {
  switch (type) {
    case RecordType::kData: return RecordKind::kData;
    case RecordType::kCommit: return RecordKind::kCommit;
    case RecordType::kMark: return RecordKind::kMark;
    case RecordType::kVoid: return RecordKind::kVoid;
  }
  return RecordKind::kBad;
}

/// Commit and mark payloads have one size each; another size is no record of ours.
bool has_right_size(const RecordHeader& header) noexcept {
  if (header.type == RecordType::kCommit) return header.payload_size == format::kCommitPayloadSize;
  if (header.type == RecordType::kMark) return header.payload_size == format::kMarkPayloadSize;
  return true;
}

bool has_no_sequence(std::span<const std::byte> commit_record) noexcept {
  return base::load_le<std::uint64_t>(commit_record.data() + kRecordHeaderSize) == 0;
}

bool padding_is_zero(std::span<const std::byte> record, std::size_t payload_size) noexcept {
  return base::all_zero(record.subspan(kRecordHeaderSize + payload_size));
}

class Scan {
 public:
  Scan(const ScanRange& range, WindowReader& reader, const VisitRecord& visit)
      : range_(range),
        reader_(reader),
        visit_(visit),
        search_budget_(kSearchFactor * reader.bytes_there(range.begin, range.end)) {}

  std::uint64_t run() {
    std::uint64_t at = range_.begin;
    while (at < range_.end) {
      RecordInfo info;
      std::span<const std::byte> record;
      if (read_record(at, info, record) == Problem::kNone) {
        if (!visit_(info, record.subspan(kRecordHeaderSize, info.payload_size))) return at;
        at += info.stored_size;
        continue;
      }
      if (at >= range_.durable && rest_is_empty(at)) return at;
      const bool durable = was_durable(at) || !reader_.passed_over(at, range_.end).empty();
      // A live writer may have got here since the window was read; what proves it was read later.
      reader_.forget();
      if (read_record(at, info, record) == Problem::kNone) continue;
      if (!durable) {
        if (base::is_planted(base::PlantedBug::kTornTailAccepted)) {
          at = find_record(at + format::kRecordAlignment);
          continue;
        }
        report(at, range_.end - at, RecordKind::kTorn);
        return at;
      }
      const std::uint64_t next = find_record(at + format::kRecordAlignment);
      if (!report(at, next - at, RecordKind::kBad)) return at;
      at = next;
    }
    if (at < range_.durable) report(at, range_.durable - at, RecordKind::kBad);  // cut short
    return at;
  }

 private:
  AtomPointer pointer(std::uint64_t at) const noexcept { return {range_.transaction_id, at}; }

  /// kNone when a valid record starts at `at`; `record` is then all of it, padding included.
  Problem read_record(std::uint64_t at, RecordInfo& info, std::span<const std::byte>& record) {
    const auto head = reader_.at(at, kRecordHeaderSize);
    if (head.size() < kRecordHeaderSize) return Problem::kCutHeader;
    RecordHeader header;
    const HeaderState state = format::parse_header(head, header);
    if (state == HeaderState::kEmpty) return Problem::kZeros;
    if (state == HeaderState::kBad || !has_right_size(header)) return Problem::kNoHeader;
    const std::uint64_t size = format::stored_size(header.payload_size);
    if (size > range_.end - at) return Problem::kTooLong;
    if (reader_.bytes_there(at, at + size) < size) return Problem::kHole;
    record = reader_.at(at, static_cast<std::size_t>(size));
    if (record.size() < size) return Problem::kTooLong;
    if (!format::verify_record(record, pointer(at))) return Problem::kMismatch;
    if (!padding_is_zero(record, header.payload_size)) return Problem::kPadding;
    if (header.type == RecordType::kCommit && has_no_sequence(record)) return Problem::kNoSequence;
    info = {pointer(at), kind_of(header.type), header.format, header.payload_size, size, {}};
    return Problem::kNone;
  }

  std::string describe(std::uint64_t at) {
    RecordInfo info;
    std::span<const std::byte> record;
    switch (read_record(at, info, record)) {
      case Problem::kNone: return {};
      case Problem::kZeros: return "expected a record, found zeros";
      case Problem::kCutHeader: return "expected a record header, found the end of the WAL";
      case Problem::kTooLong: return "the record's length runs past the end of the WAL";
      case Problem::kHole: return "part of the record is lost";
      case Problem::kPadding: return "expected zeros behind the payload, found other bytes";
      case Problem::kNoSequence: return "expected a commit record's sequence, found 0";
      case Problem::kNoHeader:
        return format::describe_bad_header(reader_.at(at, kRecordHeaderSize));
      case Problem::kMismatch: return format::describe_mismatch(record, pointer(at));
    }
    return {};
  }

  bool report(std::uint64_t at, std::uint64_t size, RecordKind kind) {
    const std::string unread = reader_.passed_over(at, at + size);
    return visit_({pointer(at), kind, RecordFormat::kRaw, 0, size,
                   unread.empty() ? describe(at) : "cannot be read: " + unread},
                  {});
  }

  bool rest_is_empty(std::uint64_t at) {
    while (at < range_.end) {
      const auto want = std::min<std::uint64_t>(kWindowSize, range_.end - at);
      const auto bytes = reader_.at(at, static_cast<std::size_t>(want));
      if (!base::all_zero(bytes)) return false;
      if (bytes.size() < want) return true;
      at += bytes.size();
    }
    return true;
  }

  bool was_durable(std::uint64_t bad_at) {
    if (bad_at < range_.durable) return true;
    if (bad_at < proof_at_ && bad_at < proof_) return true;
    // What was searched for an earlier place proved nothing beyond that one.
    for (searched_ = std::max(searched_, bad_at + format::kRecordAlignment); searched_ < range_.end;
         searched_ = reader_.next_place(searched_)) {
      const auto proven = durable_offset_at(searched_);
      if (at_end_of_medium_) return false;
      if (!proven || *proven <= bad_at) continue;
      proof_at_ = searched_;
      proof_ = *proven;
      return true;
    }
    return false;
  }

  /// What a valid commit or mark record at `at` says was durable before it.
  std::optional<std::uint64_t> durable_offset_at(std::uint64_t at) {
    const auto head = reader_.at(at, kRecordHeaderSize);
    at_end_of_medium_ = head.size() < kRecordHeaderSize;
    if (at_end_of_medium_) return std::nullopt;
    const auto type = static_cast<RecordType>(head[4]);
    if (type != RecordType::kCommit && type != RecordType::kMark) return std::nullopt;
    RecordInfo info;
    std::span<const std::byte> record;
    if (read_record(at, info, record) != Problem::kNone) return std::nullopt;
    return base::load_le<std::uint64_t>(record.data() + kRecordHeaderSize + info.payload_size - 8);
  }

  /// The next place at or behind `at` where a valid record starts, or the end. A payload may be
  /// full of bytes that look like headers of large records: what is hashed on their account is
  /// bounded, after that only commit and mark records are found.
  std::uint64_t find_record(std::uint64_t at) {
    for (; at < range_.end; at = reader_.next_place(at)) {
      const auto head = reader_.at(at, kRecordHeaderSize);
      RecordHeader header;
      if (head.size() < kRecordHeaderSize) return range_.end;
      if (format::parse_header(head, header) != HeaderState::kValid) continue;
      if (header.payload_size > search_budget_) continue;
      if (header.payload_size > format::kCommitPayloadSize) search_budget_ -= header.payload_size;
      RecordInfo info;
      std::span<const std::byte> record;
      if (read_record(at, info, record) == Problem::kNone) return at;
    }
    return range_.end;
  }

  const ScanRange& range_;
  WindowReader& reader_;
  const VisitRecord& visit_;
  std::uint64_t search_budget_;  ///< payload bytes that searches may still hash
  bool at_end_of_medium_ = false;
  std::uint64_t searched_ = 0;  ///< where the search for a proof goes on
  std::uint64_t proof_at_ = 0;  ///< the last one found: where it lies,
  std::uint64_t proof_ = 0;     ///< and below which offset all was durable
};

}  // namespace

std::span<const std::byte> WindowReader::at(std::uint64_t offset, std::size_t size) {
  const bool inside = offset >= start_ && offset - start_ <= window_.size();
  if (inside && window_.size() - (offset - start_) >= size) {
    return window_.subspan(offset - start_, size);
  }
  window_ = {};  // should reading fail
  const std::span<std::byte> memory = memory_for(std::max(size, kWindowSize));
  window_ = memory.first(fill(offset, memory));
  start_ = offset;
  return window_.first(std::min(size, window_.size()));
}

/// Not cleared: most tails fill little of it. What one large record took is given back.
std::span<std::byte> WindowReader::memory_for(std::size_t size) {
  if (capacity_ < size || (capacity_ > kWindowSize && size == kWindowSize)) {
    memory_ = std::make_unique_for_overwrite<std::byte[]>(size);
    capacity_ = size;
  }
  return {memory_.get(), size};
}

std::size_t WindowReader::fill(std::uint64_t offset, std::span<std::byte> out) {
  try {
    return read_(offset, out);
  } catch (const os::ReadError&) {
    if (on_error_ == OnReadError::kThrow) throw;
    return fill_by_blocks(offset, out);
  }
}

std::size_t WindowReader::fill_by_blocks(std::uint64_t offset, std::span<std::byte> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const std::uint64_t at = offset + filled;
    const auto size = std::min<std::size_t>(kBlock - at % kBlock, out.size() - filled);
    const auto block = out.subspan(filled, size);
    try {
      const std::size_t count = read_(at, block);
      filled += count;
      if (count < size) break;  // the end
    } catch (const os::ReadError& error) {
      std::fill(block.begin(), block.end(), std::byte{0xFF});
      note_passed_over(at, at + size, error.what());
      filled += size;
    }
  }
  return filled;
}

void WindowReader::note_passed_over(std::uint64_t begin, std::uint64_t end,
                                    const std::string& why) {
  auto next = passed_over_.upper_bound(begin);
  const bool full = passed_over_.size() >= kMaxPassedOver;
  if (next != passed_over_.begin()) {
    Unread& before = std::prev(next)->second;
    if (before.end >= begin || full) {
      before.end = std::max(before.end, end);
      return;
    }
  }
  Unread unread{end, why};
  if (next != passed_over_.end() && (next->first <= end || full)) {
    unread.end = std::max(end, next->second.end);
    passed_over_.erase(next);
  }
  passed_over_.emplace(begin, std::move(unread));
}

std::uint64_t WindowReader::next_place(std::uint64_t offset) const {
  std::uint64_t next = offset + format::kRecordAlignment;
  if (!next_hole_) return next;
  for (auto hole = next_hole_(next); hole && hole->begin <= next; hole = next_hole_(next)) {
    next = base::round_up(hole->end, format::kRecordAlignment);
  }
  return next;
}

std::uint64_t WindowReader::bytes_there(std::uint64_t offset, std::uint64_t end) const {
  if (offset >= end) return 0;
  std::uint64_t there = end - offset;
  if (!next_hole_) return there;
  for (auto hole = next_hole_(offset); hole && hole->begin < end; hole = next_hole_(hole->end)) {
    there -= std::min(hole->end, end) - std::max(hole->begin, offset);
  }
  return there;
}

std::string WindowReader::passed_over(std::uint64_t offset, std::uint64_t end) const {
  auto found = passed_over_.upper_bound(offset);
  if (found != passed_over_.begin() && std::prev(found)->second.end > offset) --found;
  return found != passed_over_.end() && found->first < end ? found->second.why : std::string();
}

std::uint64_t scan_records(const ScanRange& range, WindowReader& reader, const VisitRecord& visit) {
  return Scan(range, reader, visit).run();
}

}  // namespace protobase::wal
