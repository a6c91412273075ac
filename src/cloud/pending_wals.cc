#include "cloud/pending_wals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "format/commit_record.h"
#include "format/record.h"
#include "protobase/errors.h"

namespace protobase::cloud {

UUID PendingWALs::claim(os::Random& random) {
  const std::lock_guard lock(mutex_);
  UUID id = UUID::from_random(random.bytes16());
  while (wals_.contains(id)) id = UUID::from_random(random.bytes16());
  wals_.emplace(id, WAL{});
  return id;
}

void PendingWALs::write(const WALWriteOperation& operation) {
  const std::lock_guard lock(mutex_);
  const auto found = wals_.find(operation.transaction_id);
  if (found == wals_.end()) {
    throw NotFoundError("no WAL of this writer: " + operation.transaction_id.to_string());
  }
  WAL& wal = found->second;
  if (operation.offset + operation.size() <= wal.end) return;  // once more the same
  if (operation.offset != wal.end) {
    throw ValidationError(fmt::format("WAL {}: expected a write at offset {}, got one at {}",
                                      operation.transaction_id.to_string(), wal.end,
                                      operation.offset));
  }
  for (const SharedBytes& part : operation.segments) append(wal, part);
  wal.records += operation.records;
  if (operation.newest_commit) wal.newest_commit = operation.newest_commit;
}

void PendingWALs::restore(const JournalEntry& entry) {
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = wals_.try_emplace(entry.wal);
  WAL& wal = place->second;
  if (is_new) wal.begin = wal.end = entry.begin;
  for (const SharedBytes& part : entry.parts) append(wal, part);
  wal.synced = wal.end;
  wal.records = entry.records;
}

void PendingWALs::append(WAL& wal, const SharedBytes& part) {
  if (part.empty()) return;
  wal.parts.push_back({wal.end, part});
  wal.end += part.size();
}

std::optional<UnsyncedRange> PendingWALs::unsynced(const UUID& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = wals_.find(id);
  if (found == wals_.end()) return std::nullopt;
  const WAL& wal = found->second;
  UnsyncedRange range{id, wal.synced, wal.end, wal.records, {}, wal.newest_commit};
  if (wal.synced == wal.end) return range;
  for (auto part = wal.find(wal.synced); part != wal.parts.end(); ++part) {
    range.parts.push_back(part->bytes);
  }
  return range;
}

void PendingWALs::mark_synced(const UUID& id, std::uint64_t end) {
  const std::lock_guard lock(mutex_);
  WAL& wal = wals_.at(id);
  wal.synced = end;
  if (wal.newest_commit && wal.newest_commit->offset < end) wal.newest_commit.reset();
}

void PendingWALs::give_up_commit(const UUID& id) {
  const std::lock_guard lock(mutex_);
  wals_.at(id).newest_commit.reset();
}

void PendingWALs::drop(const UUID& id, std::uint64_t end) {
  const std::lock_guard lock(mutex_);
  WAL& wal = wals_.at(id);
  wal.begin = end;
  while (!wal.parts.empty() && wal.parts.front().begin < end) wal.parts.pop_front();
}

/// The part that has the byte at `offset`.
std::deque<PendingWALs::Part>::const_iterator PendingWALs::WAL::find(std::uint64_t offset) const {
  const auto behind = std::upper_bound(
      parts.begin(), parts.end(), offset,
      [](std::uint64_t at, const PendingWALs::Part& part) { return at < part.begin; });
  return behind == parts.begin() || offset >= end ? parts.end() : std::prev(behind);
}

std::size_t PendingWALs::read(const UUID& id, std::uint64_t offset,
                              std::span<std::byte> out) const {
  const std::lock_guard lock(mutex_);
  const auto found = wals_.find(id);
  if (found == wals_.end() || offset < found->second.begin) return 0;
  const WAL& wal = found->second;
  std::size_t filled = 0;
  for (auto part = wal.find(offset); part != wal.parts.end() && filled < out.size(); ++part) {
    const auto from = part->bytes.span().subspan(offset + filled - part->begin);
    const std::size_t size = std::min(from.size(), out.size() - filled);
    std::memcpy(out.data() + filled, from.data(), size);
    filled += size;
  }
  return filled;
}

std::vector<SharedBytes> PendingWALs::parts(const UUID& id, std::uint64_t begin,
                                            std::uint64_t end) const {
  const std::lock_guard lock(mutex_);
  const WAL& wal = wals_.at(id);
  std::vector<SharedBytes> found;
  for (auto part = wal.find(begin); part != wal.parts.end() && part->begin < end; ++part) {
    found.push_back(part->bytes);
  }
  return found;
}

RootVersion PendingWALs::read_commit(const UUID& wal, std::uint64_t offset) const {
  std::array<std::byte, format::kRecordHeaderSize + format::kCommitPayloadSize> record{};
  read(wal, offset, record);
  const std::span<const std::byte, format::kCommitPayloadSize> payload =
      std::span<const std::byte>(record)
          .subspan<format::kRecordHeaderSize, format::kCommitPayloadSize>();
  return format::read_commit_payload(payload, {wal, offset}).version;
}

RootVersion PendingWALs::first_of_chain(RootVersion newest, const UUID& wal,
                                        std::uint64_t begin) const {
  while (newest.previous_commit.transaction_id == wal && newest.previous_commit.offset >= begin &&
         newest.previous_commit.offset < newest.commit.offset) {
    newest = read_commit(wal, newest.previous_commit.offset);
  }
  return newest;
}

std::optional<std::uint64_t> PendingWALs::end_of(const UUID& wal) const {
  const std::lock_guard lock(mutex_);
  const auto found = wals_.find(wal);
  return found == wals_.end() ? std::nullopt : std::optional(found->second.end);
}

std::uint64_t PendingWALs::records_of(const UUID& wal) const {
  const std::lock_guard lock(mutex_);
  return wals_.at(wal).records;
}

std::uint64_t PendingWALs::synced_of(const UUID& wal) const {
  const std::lock_guard lock(mutex_);
  return wals_.at(wal).synced;
}

std::vector<UUID> PendingWALs::ids() const {
  const std::lock_guard lock(mutex_);
  std::vector<UUID> ids;
  for (const auto& [id, wal] : wals_) ids.push_back(id);
  return ids;
}

}  // namespace protobase::cloud
