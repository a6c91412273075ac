#include "storage/wal_remains.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/endian.h"
#include "format/commit_record.h"
#include "format/record.h"
#include "os/file_system.h"
#include "storage/space_transfer.h"
#include "wal/scanner.h"

namespace protobase::storage {
namespace {

using format::kRecordAlignment;
using format::kRecordHeaderSize;

// As the scanner: hashing for the search inside a bad range costs at most so many times that range.
constexpr std::uint64_t kSearchFactor = 4;
constexpr std::uint64_t kStep = 256 * 1024;

class Remains {
 public:
  Remains(const RemainsSource& source, const VisitRemains& visit)
      : source_(source), visit_(visit) {}

  void run() {
    std::uint64_t torn_at = source_.size;
    const auto until_torn = [&](const RecordInfo& info, std::span<const std::byte> payload) {
      if (info.kind == RecordKind::kTorn) {
        torn_at = info.pointer.offset;
      } else {
        pass_on(info, payload);
      }
      return true;
    };
    scan(kWALFirstRecordOffset, source_.proven, until_torn);
    if (torn_at >= source_.size) return;
    acknowledged_ = false;
    scan(torn_at, source_.size, [&](const RecordInfo& info, std::span<const std::byte> payload) {
      pass_on(info, payload);
      return true;
    });
  }

 private:
  void scan(std::uint64_t begin, std::uint64_t durable, const wal::VisitRecord& visit) {
    auto window = window_of(source_.file, wal::OnReadError::kPassOver);
    wal::scan_records({source_.wal, begin, source_.size, durable}, window, visit);
  }

  void pass_on(const RecordInfo& info, std::span<const std::byte> payload) {
    if (info.kind == RecordKind::kBad) {
      search(info);
    } else {
      visit_(info, payload, acknowledged_);
    }
  }

  /// Looks at every place of a bad range once more, at its padding with half an eye. The disk may
  /// also give now what it refused before.
  void search(const RecordInfo& bad) {
    auto window = window_of(source_.file, wal::OnReadError::kPassOver);
    const std::uint64_t end = bad.pointer.offset + bad.stored_size;
    std::uint64_t budget = kSearchFactor * window.bytes_there(bad.pointer.offset, end);
    std::uint64_t lost_from = bad.pointer.offset;
    std::string reason = bad.reason;
    for (std::uint64_t at = lost_from; at < std::min(end, source_.size);) {
      RecordInfo info;
      auto payload = find(at, end, window, budget, info);
      const bool is_likely = at == lost_from && !window.passed_over(at, end).empty();
      if (info.stored_size == 0 && is_likely) payload = find_alone(at, end, info);
      if (info.stored_size == 0) {
        at = window.next_place(at);
        continue;
      }
      if (lost_from < at) lose(lost_from, at, reason);
      visit_(info, payload, acknowledged_);
      at += info.stored_size;
      lost_from = at;
      reason = describe(at, window);
    }
    if (lost_from < end) lose(lost_from, end, reason);
  }

  /// The record at `at`; one of size 0 when there is none.
  std::span<const std::byte> find(std::uint64_t at, std::uint64_t end, wal::WindowReader& window,
                                  std::uint64_t& budget, RecordInfo& info) const {
    const auto head = window.at(at, kRecordHeaderSize);
    format::RecordHeader header;
    if (!is_header(head, end - at, header) || header.payload_size > budget) return {};
    const std::uint64_t size = kRecordHeaderSize + header.payload_size;
    if (window.bytes_there(at, at + size) < size) return {};
    budget -= header.payload_size;
    return check(at, header, window.at(at, static_cast<std::size_t>(size)), info);
  }

  /// The same without a window, which passes over whole blocks of the disk: for one place that a
  /// record is likely to start at.
  std::span<const std::byte> find_alone(std::uint64_t at, std::uint64_t end, RecordInfo& info) {
    try {
      format::RecordHeader header;
      if (!is_header(read(at, kRecordHeaderSize), end - at, header)) return {};
      return check(at, header, read(at, kRecordHeaderSize + header.payload_size), info);
    } catch (const os::ReadError&) {
      return {};
    }
  }

  std::span<const std::byte> read(std::uint64_t at, std::size_t size) {
    alone_.resize(size);
    alone_.resize(read_patiently([&] { return source_.file.read(at, alone_); }));
    return alone_;
  }

  static bool is_header(std::span<const std::byte> head, std::uint64_t room,
                        format::RecordHeader& header) {
    return head.size() == kRecordHeaderSize &&
           format::parse_header(head, header) == format::HeaderState::kValid &&
           kRecordHeaderSize + header.payload_size <= room && has_right_size(header);
  }

  std::span<const std::byte> check(std::uint64_t at, const format::RecordHeader& header,
                                   std::span<const std::byte> record, RecordInfo& info) const {
    if (record.size() < kRecordHeaderSize + header.payload_size ||
        !format::verify_record(record, {source_.wal, at})) {
      return {};
    }
    const auto payload = record.subspan(kRecordHeaderSize, header.payload_size);
    if (header.type == format::RecordType::kCommit && has_no_sequence(payload)) return {};
    info.pointer = {source_.wal, at};
    info.kind = kind_of(header.type);
    info.format = header.format;
    info.payload_size = header.payload_size;
    info.stored_size = format::stored_size(header.payload_size);
    return payload;
  }

  static RecordKind kind_of(format::RecordType type) noexcept {
    switch (type) {
      case format::RecordType::kData: return RecordKind::kData;
      case format::RecordType::kCommit: return RecordKind::kCommit;
      case format::RecordType::kMark: return RecordKind::kMark;
      case format::RecordType::kVoid: break;
    }
    return RecordKind::kVoid;
  }

  static bool has_right_size(const format::RecordHeader& header) noexcept {
    using enum format::RecordType;
    if (header.type == kCommit) return header.payload_size == format::kCommitPayloadSize;
    return header.type != kMark || header.payload_size == format::kMarkPayloadSize;
  }

  static bool has_no_sequence(std::span<const std::byte> commit) noexcept {
    return base::load_le<std::uint64_t>(commit.data()) == 0;
  }

  /// Why there is no record behind one that was found in a bad range.
  std::string describe(std::uint64_t at, wal::WindowReader& window) const {
    const auto head = window.at(at, kRecordHeaderSize);
    const std::string unread = window.passed_over(at, at + kRecordHeaderSize);
    if (!unread.empty()) return "cannot be read: " + unread;
    if (head.size() < kRecordHeaderSize) return "expected a record, found the end of the WAL";
    format::RecordHeader header;
    switch (format::parse_header(head, header)) {
      case format::HeaderState::kEmpty: return "expected a record, found zeros";
      case format::HeaderState::kBad: return format::describe_bad_header(head);
      case format::HeaderState::kValid: break;
    }
    return "record of " + std::to_string(header.payload_size) + " bytes: it cannot be read";
  }

  void lose(std::uint64_t begin, std::uint64_t end, const std::string& reason) {
    if (end >= source_.size) end = std::max(std::min(end, source_.proven), end_of_content(begin));
    if (end <= begin) return;
    visit_({{source_.wal, begin}, RecordKind::kBad, RecordFormat::kRaw, 0, end - begin, reason}, {},
           acknowledged_);
  }

  /// Where the zeros begin that the file ends with, at most `begin` when all of the rest is zeros.
  std::uint64_t end_of_content(std::uint64_t begin) {
    auto window = window_of(source_.file, wal::OnReadError::kPassOver);
    for (std::uint64_t end = source_.size; end > begin;) {
      const std::uint64_t from = end - std::min<std::uint64_t>(kStep, end - begin);
      const auto bytes = window.at(from, static_cast<std::size_t>(end - from));
      const auto last = std::find_if(bytes.rbegin(), bytes.rend(),
                                     [](std::byte byte) { return byte != std::byte{0}; });
      if (last != bytes.rend()) {
        const auto used = static_cast<std::uint64_t>(bytes.rend() - last);
        return base::round_up(from + used, kRecordAlignment);
      }
      end = from;
    }
    return begin;
  }

  const RemainsSource& source_;
  const VisitRemains& visit_;
  std::vector<std::byte> alone_;  ///< what find_alone() read
  bool acknowledged_ = true;
};

}  // namespace

void read_remains(const RemainsSource& source, const VisitRemains& visit) {
  Remains(source, visit).run();
}

}  // namespace protobase::storage
