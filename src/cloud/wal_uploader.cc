#include "cloud/wal_uploader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "cloud/refusal.h"
#include "engine/for_all.h"
#include "format/commit_record.h"
#include "format/record.h"
#include "protobase/block_provider.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

/// Copies what `parts`, which begin at `begin`, have from `offset` on.
std::size_t copy_out(const std::vector<SharedBytes>& parts, std::uint64_t begin,
                     std::uint64_t offset, std::span<std::byte> out) {
  std::size_t filled = 0;
  for (const SharedBytes& part : parts) {
    const std::uint64_t end = begin + part.size();
    const std::uint64_t at = offset + filled;
    if (at >= begin && at < end && filled < out.size()) {
      const std::size_t size = std::min<std::uint64_t>(end - at, out.size() - filled);
      std::memcpy(out.data() + filled, part.data() + (at - begin), size);
      filled += size;
    }
    begin = end;
  }
  return filled;
}

template <typename Pending>
RootVersion read_commit(const Pending& pending, const AtomPointer& where) {
  std::array<std::byte, format::kRecordHeaderSize + format::kCommitPayloadSize> record{};
  copy_out(pending.parts, pending.begin, where.offset, record);
  const std::span<const std::byte, format::kCommitPayloadSize> payload =
      std::span<const std::byte>(record)
          .subspan<format::kRecordHeaderSize, format::kCommitPayloadSize>();
  return format::read_commit_payload(payload, where).version;
}

}  // namespace

AtomPointer WALUploader::claim_wal() {
  const std::lock_guard lock(mutex_);
  UUID id = UUID::from_random(retry_parts_.random->bytes16());
  while (wals_.contains(id)) id = UUID::from_random(retry_parts_.random->bytes16());
  wals_.emplace(id, Pending{});
  return {id, kWALFirstRecordOffset};
}

void WALUploader::write(const WALWriteOperation& operation) {
  const std::lock_guard lock(mutex_);
  const auto found = wals_.find(operation.transaction_id);
  if (found == wals_.end()) {
    throw NotFoundError("no WAL of this writer: " + operation.transaction_id.to_string());
  }
  Pending& pending = found->second;
  if (operation.offset + operation.size() <= pending.end) return;  // once more the same
  if (operation.offset != pending.end) {
    throw ValidationError(fmt::format("WAL {}: expected a write at offset {}, got one at {}",
                                      operation.transaction_id.to_string(), pending.end,
                                      operation.offset));
  }
  pending.parts.insert(pending.parts.end(), operation.segments.begin(), operation.segments.end());
  pending.end += operation.size();
  pending.records += operation.records;
  if (operation.newest_commit) pending.newest_commit = operation.newest_commit;
}

std::optional<std::uint64_t> WALUploader::sync(const UUID& wal) {
  const std::lock_guard syncing(sync_mutex_);
  if (!end_of(wal)) return std::nullopt;
  const Pending pending = snapshot(wal);
  if (pending.begin == pending.end) return pending.end;
  SlotContents contents;
  contents.commit_id = UUID::from_random(retry_parts_.random->bytes16());
  contents.wal = wal;
  contents.begin = pending.begin;
  contents.inline_parts = pending.parts;
  contents.records = pending.records;
  try {
    claim_log();
    contents.root = new_root(wal, pending);
    if (pending.end - pending.begin > object_size_) upload_segments(contents);
    log_.append(contents);
  } catch (const NothingTookEffect&) {
    const std::lock_guard lock(mutex_);
    wals_[wal].newest_commit.reset();  // its record will be void when these bytes go out
    throw;
  }
  const std::lock_guard lock(mutex_);
  Pending& now = wals_[wal];
  now.parts.erase(now.parts.begin(),
                  now.parts.begin() + static_cast<std::ptrdiff_t>(pending.parts.size()));
  now.begin = pending.end;
  if (now.newest_commit && now.newest_commit->offset < now.begin) now.newest_commit.reset();
  return pending.end;
}

/// Of what was written nothing has been sent yet, whatever became of the claim.
void WALUploader::claim_log() {
  try {
    log_.claim();
  } catch (const ProtoBaseError&) {
    throw_refusal(std::current_exception());
  }
}

WALUploader::Pending WALUploader::snapshot(const UUID& wal) const {
  const std::lock_guard lock(mutex_);
  return wals_.at(wal);
}

/// Moves all but the last parts into segments, each of about object_size. Parts hold whole records.
void WALUploader::upload_segments(SlotContents& contents) {
  struct Segment {
    std::uint64_t begin = 0, end = 0;
    std::vector<std::span<const std::byte>> parts;
  };
  std::vector<Segment> segments;
  std::uint64_t at = contents.begin;
  for (const SharedBytes& part : contents.inline_parts) {
    if (segments.empty() || segments.back().end - segments.back().begin >= object_size_) {
      segments.push_back({at, at, {}});
    }
    segments.back().parts.push_back(part.span());
    segments.back().end = at += part.size();
  }
  if (segments.size() > kMaxSegmentsOfSlot) {
    throw UnexpectedError(
        fmt::format("a flush of {} objects, {} are the limit; use a larger object_size",
                    segments.size(), kMaxSegmentsOfSlot));
  }
  try {
    engine::for_all(pool_, std::span(segments), [&](const Segment& segment) {
      const std::string key =
          segment_key(contents.wal, segment.begin, segment.end, contents.commit_id);
      with_retries(retry_parts_, [&] {
        return client_->put(key, segment.parts, CloudPutCondition::overwrite());
      });
    });
  } catch (const std::exception&) {
    throw_refusal(std::current_exception());  // no slot names them: nothing took effect
  }
  for (const Segment& segment : segments) contents.segment_ends.push_back(segment.end);
  contents.inline_parts.clear();
}

/// The newest commit among the pending bytes, if the first of its group replaces the root that is.
std::optional<RootVersion> WALUploader::new_root(const UUID& wal, const Pending& pending) const {
  if (!pending.newest_commit) return std::nullopt;
  const RootVersion newest = read_commit(pending, {wal, pending.newest_commit->offset});
  RootVersion first = newest;
  while (first.previous_commit.transaction_id == wal &&
         first.previous_commit.offset >= pending.begin &&
         first.previous_commit.offset < first.commit.offset) {
    first = read_commit(pending, first.previous_commit);
  }
  const auto root = log_.root();
  return first.previous_sequence == (root ? root->sequence : 0) ? std::optional(newest)
                                                                : std::nullopt;
}

void WALUploader::release_wal(const UUID& wal) const {
  if (!end_of(wal)) throw NotFoundError("no WAL of this writer: " + wal.to_string());
}

std::size_t WALUploader::read(const UUID& wal, std::uint64_t offset,
                              std::span<std::byte> out) const {
  const std::lock_guard lock(mutex_);
  const auto found = wals_.find(wal);
  if (found == wals_.end() || offset < found->second.begin) return 0;
  return copy_out(found->second.parts, found->second.begin, offset, out);
}

std::optional<std::uint64_t> WALUploader::end_of(const UUID& wal) const {
  const std::lock_guard lock(mutex_);
  const auto found = wals_.find(wal);
  return found == wals_.end() ? std::nullopt : std::optional(found->second.end);
}

}  // namespace protobase::cloud
