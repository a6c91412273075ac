// Sections 4 to 6 of docs/internals/file_format.md written down once more, without windows, budgets
// or haste: what wal::scan_records has to agree with. Reads the file with code of its own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "base/hash.h"
#include "protobase/storage.h"

namespace protobase::fuzz {

/// One place of a WAL.
struct Place {
  std::uint64_t offset = 0;
  RecordKind kind = RecordKind::kData;
  std::uint64_t size = 0;  ///< framing and padding included

  friend bool operator==(const Place&, const Place&) = default;
};

inline bool is_record(const Place& place) {
  return place.kind != RecordKind::kBad && place.kind != RecordKind::kTorn;
}

class NaiveScan final {
 public:
  NaiveScan(std::span<const std::byte> file, const UUID& wal) : file_(file), wal_(wal) {}

  /// Everything from `begin` on. `durable`: what the checkpoint that counts says.
  std::vector<Place> run(std::uint64_t begin, std::uint64_t durable) {
    std::vector<Place> places;
    std::uint64_t at = begin;
    while (at < file_.size()) {
      if (const auto record = record_at(at)) {
        places.push_back(*record);
        at += record->size;
        continue;
      }
      if (at >= durable && only_zeros_from(at)) return places;
      if (at >= durable && !is_proven(at)) {
        places.push_back({at, RecordKind::kTorn, file_.size() - at});
        return places;
      }
      const std::uint64_t next = next_record(at);
      places.push_back({at, RecordKind::kBad, next - at});
      at = next;
    }
    if (at < durable) places.push_back({at, RecordKind::kBad, durable - at});
    return places;
  }

  /// Payload bytes hashed while looking for the record behind damage; the library bounds them.
  std::uint64_t searched_bytes() const { return searched_; }

  /// The record at `at`, if a valid one starts there.
  std::optional<Place> record_at(std::uint64_t at) const {
    if (at + 16 > file_.size()) return std::nullopt;
    const auto length = number<std::uint32_t>(at);
    const auto type = number<std::uint8_t>(at + 4);
    const auto format = number<std::uint8_t>(at + 5);
    const bool known = type >= 1 && type <= 4 && format <= (type == 1 ? 2 : 0) &&
                       number<std::uint16_t>(at + 6) == 0 && length <= 2147483648u;
    if (!known || (type == 2 && length != 80) || (type == 3 && length != 8)) return std::nullopt;
    const std::uint64_t size = (std::uint64_t{16} + length + 7) / 8 * 8;
    if (size > file_.size() - at || number<std::uint64_t>(at + 8) != checksum(at, length)) {
      return std::nullopt;
    }
    const auto padding = file_.subspan(at + 16 + length, size - 16 - length);
    if (std::ranges::count(padding, std::byte{0}) != std::ssize(padding)) return std::nullopt;
    if (type == 2 && number<std::uint64_t>(at + 16) == 0) return std::nullopt;
    constexpr RecordKind kKinds[] = {RecordKind::kData, RecordKind::kCommit, RecordKind::kMark,
                                     RecordKind::kVoid};
    return Place{at, kKinds[type - 1], size};
  }

 private:
  template <typename T>
  T number(std::uint64_t at) const {
    T value;
    std::memcpy(&value, file_.data() + at, sizeof value);
    return value;
  }

  std::uint64_t checksum(std::uint64_t at, std::uint32_t length) const {
    std::byte covered[40];
    std::memcpy(covered, file_.data() + at, 8);
    std::memcpy(covered + 8, wal_.bytes.data(), 16);
    std::memcpy(covered + 24, &at, 8);
    const std::uint64_t payload = base::xxh3(file_.subspan(at + 16, length));
    std::memcpy(covered + 32, &payload, 8);
    return base::xxh3(covered);
  }

  bool only_zeros_from(std::uint64_t at) const {
    return std::ranges::all_of(file_.subspan(at), [](std::byte b) { return b == std::byte{0}; });
  }

  /// Whether a commit or mark behind `bad` says that `bad` was durable.
  bool is_proven(std::uint64_t bad) const {
    for (std::uint64_t at = bad + 8; at < file_.size(); at += 8) {
      const auto record = record_at(at);
      if (!record) continue;
      if (record->kind == RecordKind::kCommit && number<std::uint64_t>(at + 16 + 72) > bad)
        return true;
      if (record->kind == RecordKind::kMark && number<std::uint64_t>(at + 16) > bad) return true;
    }
    return false;
  }

  std::uint64_t next_record(std::uint64_t bad) {
    for (std::uint64_t at = bad + 8; at < file_.size(); at += 8) {
      if (at + 16 <= file_.size() && number<std::uint8_t>(at + 4) != 0) {
        searched_ += number<std::uint32_t>(at);
      }
      if (record_at(at)) return at;
    }
    return file_.size();
  }

  const std::span<const std::byte> file_;
  const UUID wal_;
  std::uint64_t searched_ = 0;
};

}  // namespace protobase::fuzz
