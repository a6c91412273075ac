#include "file/wal_tail.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/endian.h"
#include "format/commit_record.h"
#include "format/record.h"
#include "protobase/errors.h"
#include "wal/scanner.h"

namespace protobase::file {
namespace {

constexpr std::size_t kCopyStep = 1 << 20;

/// Whether every byte is zero or what a new header has there; its predecessor can be any.
bool is_part_of_fresh_header(std::span<const std::byte> bytes, const UUID& id) {
  const auto fresh = format::make_wal_header(id);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool is_free = i >= format::kPredecessorPlace && i < format::kPredecessorEnd;
    if (!is_free && bytes[i] != std::byte{0} && bytes[i] != fresh[i]) return false;
  }
  return true;
}

/// Whether nothing was written at or behind a closed checkpoint: one look at the next header.
bool is_untouched(os::File& file, const format::Checkpoint& checkpoint) {
  if (!checkpoint.closed) return false;
  std::array<std::byte, format::kRecordHeaderSize> next{};
  file.read(checkpoint.durable_offset, next);
  return base::all_zero(next);
}

std::string describe(const RecordInfo& info) {
  return "WAL " + info.pointer.transaction_id.to_string() + ", offset " +
         std::to_string(info.pointer.offset) + ": " + info.reason;
}

void scan_tail(os::File& file, const UUID& id, const WALHead& head, std::uint64_t proven,
               WALTail& tail) {
  wal::WindowReader window(
      [&](std::uint64_t offset, std::span<std::byte> out) { return file.read(offset, out); });
  const std::uint64_t begin = head.checkpoint.durable_offset;
  const auto visit = [&](const RecordInfo& info, std::span<const std::byte> payload) {
    if (info.kind == RecordKind::kBad) {
      tail.damage.push_back(describe(info));
    } else if (info.kind == RecordKind::kTorn) {
      tail.torn = true;
    } else {
      ++tail.records;
    }
    if (info.kind == RecordKind::kCommit || info.kind == RecordKind::kMark) {
      const std::byte* durable = payload.data() + payload.size() - sizeof(std::uint64_t);
      tail.proven = std::max(tail.proven, base::load_le<std::uint64_t>(durable));
    }
    if (info.kind == RecordKind::kCommit) {
      tail.newest_commit =
          format::read_commit_payload(payload.first<format::kCommitPayloadSize>(), info.pointer)
              .version;
    }
    return true;
  };
  const std::uint64_t durable = std::max(begin, proven);
  tail.end =
      wal::scan_records({id, begin, std::max(head.file_size, begin), durable}, window, visit);
}

}  // namespace

std::optional<RootVersion> read_commit_at(os::File& file, const AtomPointer& where) {
  std::array<std::byte, format::kRecordHeaderSize + format::kCommitPayloadSize> record;
  format::RecordHeader header;
  if (file.read(where.offset, record) != record.size() ||
      format::parse_header(record, header) != format::HeaderState::kValid ||
      header.type != format::RecordType::kCommit ||
      header.payload_size != format::kCommitPayloadSize || !format::verify_record(record, where)) {
    return std::nullopt;
  }
  const std::span<const std::byte> bytes(record);
  const auto commit = format::read_commit_payload(
      bytes.subspan<format::kRecordHeaderSize, format::kCommitPayloadSize>(), where);
  return commit.version.sequence == 0 ? std::nullopt : std::optional(commit.version);
}

WALHead read_wal_head(os::File& file, const UUID& id) {
  WALHead head;
  std::array<std::byte, format::kWALHeaderSize> bytes{};
  std::size_t filled = file.read(0, bytes);
  head.file_size = file.size();  // asked last: beside a live writer, never below the checkpoint
  if (filled < bytes.size() && head.file_size > filled) {  // which has just begun it
    filled = file.read(0, bytes);
    head.file_size = file.size();
  }
  head.state = format::check_wal_header(std::span(bytes).first(filled), id);
  if (head.state == format::WALHeaderState::kNewer) {
    throw NotSupportedError("WAL " + id.to_string() + " has format version " +
                            std::to_string(format::wal_header_version(bytes)) +
                            "; this program reads version " +
                            std::to_string(format::kWALFormatVersion) + ": use a newer one");
  }
  const auto damage = format::find_header_damage(bytes, id);
  head.has_torn_slot =
      filled < bytes.size() || (damage && std::ranges::count(format::kSlotPlaces, *damage) > 0);
  head.is_whole =
      head.state == format::WALHeaderState::kValid &&
      format::read_predecessor(bytes, id, head.predecessor) != format::PredecessorState::kBad;
  head.is_unborn = !head.is_whole && head.file_size <= format::kWALHeaderSize &&
                   is_part_of_fresh_header(bytes, id);
  if (const auto found = format::newest_checkpoint(bytes, id)) {
    head.has_checkpoint = true;
    head.checkpoint = found->checkpoint;
    head.next_slot = 1 - found->index;
  }
  return head;
}

WALTail read_wal_tail(os::File& file, const UUID& id, const WALHead& head, std::uint64_t proven) {
  WALTail tail;
  if (!head.is_whole) {
    tail.damage.push_back("WAL " + id.to_string() + ": its header is damaged or of another file");
  }
  const format::Checkpoint& checkpoint = head.checkpoint;
  tail.records = checkpoint.records;
  tail.proven = std::max(checkpoint.durable_offset, proven);
  if (checkpoint.durable_offset > head.file_size) {
    tail.damage.push_back("WAL " + id.to_string() + ": the file ends at " +
                          std::to_string(head.file_size) + ", expected at least " +
                          std::to_string(checkpoint.durable_offset) + " bytes");
  }
  if (proven <= checkpoint.durable_offset && is_untouched(file, checkpoint)) {
    tail.end = checkpoint.durable_offset;
    tail.settled = true;
  } else {
    scan_tail(file, id, head, proven, tail);
  }
  if (!tail.newest_commit && checkpoint.commit_sequence != 0) {
    tail.newest_commit = read_commit_at(file, {id, checkpoint.commit_offset});
    if (!tail.newest_commit) tail.lost_commit = checkpoint;
  }
  return tail;
}

void rewrite_tail(os::File& file, const UUID& id, const WALHead& head, const WALTail& tail) {
  std::vector<std::byte> buffer(kCopyStep);
  for (std::uint64_t at = head.checkpoint.durable_offset; at < tail.end;) {
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(kCopyStep, tail.end - at));
    const std::span<std::byte> bytes(buffer.data(), step);
    if (file.read(at, bytes) != step) {
      throw CorruptionError({id, at}, "the file became shorter while it was recovered");
    }
    const std::span<const std::byte> part(bytes);
    file.write(at, {&part, 1});
    at += step;
  }
  file.sync_data();
}

void settle_wal_tail(os::File& file, const UUID& id, WALHead& head, const WALTail& tail) {
  // A file longer than its closing checkpoint holds leftovers of a write that was lost: were they
  // not cut off before the log goes on, one of them might seem to continue it.
  // And a slot torn by the crash is written anew.
  if (tail.settled && head.file_size <= tail.end && !head.has_torn_slot) return;
  if (head.file_size > tail.end) file.truncate(tail.end);
  head.file_size = tail.end;
  if (!head.has_checkpoint) {  // perhaps it was never synced
    const auto header = format::make_wal_header(id, head.predecessor);
    const std::span<const std::byte> part(header);
    file.write(0, {&part, 1});
  }
  rewrite_tail(file, id, head, tail);
  format::Checkpoint checkpoint = head.checkpoint;
  checkpoint.durable_offset = tail.end;
  checkpoint.records = tail.records;
  if (tail.newest_commit) {
    checkpoint.commit_sequence = tail.newest_commit->sequence;
    checkpoint.commit_offset = tail.newest_commit->commit.offset;
  }
  checkpoint.closed = true;
  write_checkpoint(file, id, head, checkpoint);
  if (head.has_torn_slot)
    write_checkpoint(file, id, head, checkpoint);  // the other slot is torn too
}

void write_checkpoint(os::File& file, const UUID& id, WALHead& head,
                      const format::Checkpoint& checkpoint) {
  format::Checkpoint next = checkpoint;
  next.generation = head.checkpoint.generation + 1;
  const auto slot = format::make_slot(next, id, head.next_slot);
  const std::span<const std::byte> part(slot);
  file.write(format::kSlotPlaces[head.next_slot], {&part, 1});
  head.checkpoint = next;
  head.next_slot = 1 - head.next_slot;
}

}  // namespace protobase::file
