#include "storage/legacy_remains.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/endian.h"
#include "engine/legacy_scan.h"
#include "os/file_system.h"
#include "protobase/errors.h"
#include "protobase/storage.h"
#include "storage/space_transfer.h"

namespace protobase::storage {
namespace {

constexpr std::uint64_t kStep = 1 << 20;
constexpr std::uint64_t kBlock = 4096;  // what a disk fails to read is at least that much
constexpr std::uint64_t kHeaderSize = 9;
constexpr std::uint64_t kLengthSize = 8;

void write_bytes(os::File& file, std::uint64_t offset, std::span<const std::byte> bytes) {
  file.write(offset, {&bytes, 1});
}

class LegacySalvage {
 public:
  LegacySalvage(os::File& source, os::File& target, const UUID& wal,
                const std::function<void(const BadPlace&)>& lose)
      : source_(source), target_(target), wal_(wal), lose_(lose), remains_{source.size()} {}

  LegacyRemains run(const std::function<void(std::uint64_t)>& progress) {
    copy(progress);
    std::vector<RecordInfo> unread;
    const auto visit = [&](const RecordInfo& info, std::span<const std::byte>) {
      if (info.kind == RecordKind::kData) {
        ++remains_.records;
        remains_.payload_bytes += info.payload_size;
        return true;
      }
      lose_({info.pointer, std::to_string(info.stored_size) + " bytes: " + info.reason});
      if (find_unread(info.pointer.offset, info.stored_size)) unread.push_back(info);
      return true;
    };
    const auto read = [this](std::uint64_t offset, std::span<std::byte> out) {
      if (const auto place = find_unread(offset, out.size())) {
        throw os::ReadError(place->why);
      }
      target_.read(offset, out);
    };
    engine::scan_legacy_wal(wal_, remains_.end, read, visit);
    for (const RecordInfo& info : unread) mark_lost(info);
    target_.truncate(remains_.end);
    target_.sync_data();
    return remains_;
  }

 private:
  struct Place {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::string why;
  };

  void copy(const std::function<void(std::uint64_t)>& progress) {
    std::vector<std::byte> buffer(static_cast<std::size_t>(kStep));
    for (std::uint64_t at = 0; at < remains_.end;) {
      const std::uint64_t step = std::min(kStep, remains_.end - at);
      const auto bytes = std::span(buffer).first(static_cast<std::size_t>(step));
      if (!try_read(at, bytes)) read_by_blocks(at, bytes);
      write_bytes(target_, at, bytes);
      at += step;
      progress(at);
    }
  }

  /// nullopt, or why not.
  std::optional<std::string> failure_of(std::uint64_t at, std::span<std::byte> out) {
    try {
      const auto read = [&] { return source_.read(at, out); };
      if (read_patiently(read) == out.size()) return std::nullopt;
      throw CorruptionError({wal_, at}, "the file became shorter");
    } catch (const os::ReadError& error) {
      return error.what();
    }
  }
  bool try_read(std::uint64_t at, std::span<std::byte> out) { return !failure_of(at, out); }

  void read_by_blocks(std::uint64_t at, std::span<std::byte> out) {
    for (std::uint64_t done = 0; done < out.size(); done += kBlock) {
      const std::uint64_t size = std::min<std::uint64_t>(kBlock, out.size() - done);
      const auto block =
          out.subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(size));
      const auto why = failure_of(at + done, block);
      if (!why) continue;
      std::ranges::fill(block, std::byte{0xFF});
      note_unread(at + done, at + done + size, *why);
    }
  }

  void note_unread(std::uint64_t begin, std::uint64_t end, const std::string& why) {
    if (!unread_.empty() && unread_.rbegin()->second.end == begin) {
      unread_.rbegin()->second.end = end;
    } else {
      unread_.emplace(begin, Place{begin, end, why});
    }
  }

  /// The first place in [offset, offset + size) that could not be read.
  const Place* find_unread(std::uint64_t offset, std::uint64_t size) const {
    auto found = unread_.upper_bound(offset);
    if (found != unread_.begin() && std::prev(found)->second.end > offset) --found;
    return found != unread_.end() && found->first < offset + size ? &found->second : nullptr;
  }

  void mark_lost(const RecordInfo& info) {
    const std::uint64_t at = info.pointer.offset;
    const std::uint64_t size = info.stored_size;
    if (at + size == remains_.end) cut_off_second(at, size);
    if (size < kLengthSize) return;
    std::array<std::byte, kLengthSize> length;
    base::store_le<std::uint64_t>(
        length.data(), engine::kLegacyLost | (std::max(size, kHeaderSize) - kHeaderSize));
    write_bytes(target_, at, length);
  }

  /// Of a range that may hold more records than one, nothing tells which of them a second unread
  /// place belongs to.
  void cut_off_second(std::uint64_t at, std::uint64_t size) {
    const Place* in_header = find_unread(at, std::min(size, kHeaderSize));
    const std::uint64_t from = in_header ? in_header->end : at;
    const Place* next = find_unread(from, at + size - from);
    if (next != nullptr) remains_.end = next->begin;
  }

  os::File& source_;
  os::File& target_;
  const UUID wal_;
  const std::function<void(const BadPlace&)>& lose_;
  LegacyRemains remains_;
  std::map<std::uint64_t, Place> unread_;  // by where they begin
};

}  // namespace

LegacyRemains salvage_legacy_wal(const UUID& wal, os::File& from, os::File& to,
                                 const std::function<void(const BadPlace&)>& lose,
                                 const std::function<void(std::uint64_t)>& progress) {
  return LegacySalvage(from, to, wal, lose).run(progress);
}

bool is_legacy_record(os::File& file, const AtomPointer& where) {
  const std::uint64_t end = file.size();
  if (where.offset >= end) return false;
  const auto read = [&](std::uint64_t offset, std::span<std::byte> out) { file.read(offset, out); };
  return engine::look_at_legacy_record(where, end, read).kind == RecordKind::kData;
}

}  // namespace protobase::storage
