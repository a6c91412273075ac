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

/// Whether nothing was written behind a closed checkpoint. Closing cuts the file off there; where a
/// crash undid that, or a batch behind it came only in parts, the walk finds out.
bool is_untouched(const WALHead& head) {
  return head.checkpoint.closed && head.file_size <= head.checkpoint.durable_offset;
}

std::string describe(const RecordInfo& info) {
  return "WAL " + info.pointer.transaction_id.to_string() + ", offset " +
         std::to_string(info.pointer.offset) + ": " + info.reason;
}

/// Walks the records of a tail.
class TailWalk {
 public:
  TailWalk(os::File& file, const NoteCommit& note_commit, WALTail& tail)
      : window_([&file](std::uint64_t offset,
                        std::span<std::byte> out) { return file.read(offset, out); },
                wal::OnReadError::kPassOver),
        note_commit_(note_commit),
        tail_(tail) {}

  void run(const wal::ScanRange& range) {
    tail_.end = wal::scan_records(range, window_, [this](const RecordInfo& info, auto payload) {
      visit(info, payload);
      return true;
    });
  }

 private:
  void visit(const RecordInfo& info, std::span<const std::byte> payload) {
    switch (info.kind) {
      case RecordKind::kBad: return add_damage(info);
      case RecordKind::kTorn: tail_.torn = true; return;
      case RecordKind::kCommit: add_commit(info, payload); break;
      case RecordKind::kMark:
      case RecordKind::kData:
      case RecordKind::kVoid: break;
    }
    ++tail_.records;
    if (info.kind != RecordKind::kCommit && info.kind != RecordKind::kMark) return;
    const std::byte* durable = payload.data() + payload.size() - sizeof(std::uint64_t);
    tail_.proven = std::max(tail_.proven, base::load_le<std::uint64_t>(durable));
  }

  void add_damage(const RecordInfo& info) {
    tail_.damage.push_back(describe(info));
    const std::uint64_t begin = info.pointer.offset;
    if (!window_.passed_over(begin, begin + info.stored_size).empty()) {
      tail_.unread = BadPlace{info.pointer, info.reason};
    }
  }

  void add_commit(const RecordInfo& info, std::span<const std::byte> payload) {
    tail_.newest_commit =
        format::read_commit_payload(payload.first<format::kCommitPayloadSize>(), info.pointer)
            .version;
    tail_.unread.reset();  // sequences grow within a WAL
    if (note_commit_) note_commit_(*tail_.newest_commit);
  }

  wal::WindowReader window_;
  const NoteCommit& note_commit_;
  WALTail& tail_;
};

/// The commit that the checkpoint names; none is newer.
void read_checkpoint_commit(os::File& file, const UUID& id, const format::Checkpoint& checkpoint,
                            const NoteCommit& note_commit, WALTail& tail) {
  const AtomPointer where{id, checkpoint.commit_offset};
  std::string read_error;
  tail.newest_commit = try_read_commit_at(file, where, read_error);
  if (!tail.newest_commit) tail.lost_commit = checkpoint;
  if (!read_error.empty()) tail.unread = BadPlace{where, read_error};
  if (tail.newest_commit && note_commit) note_commit(*tail.newest_commit);
}

/// Fills `bytes` with the header and sets the length of the file. ReadError.
std::size_t read_header(os::File& file, std::span<std::byte> bytes, std::uint64_t& file_size) {
  std::size_t filled = file.read(0, bytes);
  file_size = file.size();  // asked last: beside a live writer, never below the checkpoint
  if (filled < bytes.size() && file_size > filled) {  // which has just begun it
    filled = file.read(0, bytes);
    file_size = file.size();
  }
  return filled;
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

std::optional<RootVersion> try_read_commit_at(os::File& file, const AtomPointer& where,
                                              std::string& read_error) {
  try {
    return read_commit_at(file, where);
  } catch (const os::ReadError& error) {
    read_error = error.what();
    return std::nullopt;
  }
}

WALHead read_wal_head(os::File& file, const UUID& id) {
  WALHead head;
  std::array<std::byte, format::kWALHeaderSize> bytes{};
  std::size_t filled = 0;
  try {
    filled = read_header(file, bytes, head.file_size);
  } catch (const os::ReadError& error) {
    head.read_error = error.what();
    head.file_size = file.size();
    return head;  // its records may be readable all the same
  }
  head.state = format::check_wal_header(std::span(bytes).first(filled), id);
  if (head.state == format::WALHeaderState::kNewer) {
    throw NotSupportedError("WAL " + id.to_string() + " has format version " +
                            std::to_string(format::wal_header_version(bytes)) +
                            "; this program reads version " +
                            std::to_string(format::kWALFormatVersion) + ": use a newer one");
  }
  head.damaged_at = format::find_header_damage(bytes, id);
  head.has_torn_slot =
      filled < bytes.size() ||
      (head.damaged_at && std::ranges::count(format::kSlotPlaces, *head.damaged_at) > 0);
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

WALTail read_wal_tail(os::File& file, const UUID& id, const WALHead& head, std::uint64_t proven,
                      const NoteCommit& note_commit) {
  WALTail tail;
  if (!head.is_whole) {
    tail.damage.push_back("WAL " + id.to_string() + ": its header " +
                          (head.read_error.empty() ? "is damaged or of another file"
                                                   : "cannot be read: " + head.read_error));
  }
  const format::Checkpoint& checkpoint = head.checkpoint;
  tail.records = checkpoint.records;
  tail.proven = std::max(checkpoint.durable_offset, proven);
  if (checkpoint.durable_offset > head.file_size) {
    tail.damage.push_back("WAL " + id.to_string() + ": the file ends at " +
                          std::to_string(head.file_size) + ", expected at least " +
                          std::to_string(checkpoint.durable_offset) + " bytes");
  }
  const std::uint64_t begin = checkpoint.durable_offset;
  if (proven <= begin && is_untouched(head)) {
    tail.end = begin;
    tail.settled = true;
  } else {
    TailWalk(file, note_commit, tail)
        .run({id, begin, std::max(head.file_size, begin), std::max(begin, proven)});
  }
  if (!tail.newest_commit && checkpoint.commit_sequence != 0) {
    read_checkpoint_commit(file, id, checkpoint, note_commit, tail);
  }
  return tail;
}

bool is_settled(const WALHead& head, const WALTail& tail) noexcept {
  // A file longer than its closing checkpoint holds leftovers of a write that was lost: were they
  // not cut off before the log goes on, one of them might seem to continue it.
  // And a slot torn by the crash is written anew.
  return tail.settled && head.file_size <= tail.end && !head.has_torn_slot;
}

void rewrite_tail(os::File& file, const UUID& id, const WALHead& head, const WALTail& tail) {
  std::vector<std::byte> buffer;  // most tails are far shorter than a step
  for (std::uint64_t at = head.checkpoint.durable_offset; at < tail.end;) {
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(kCopyStep, tail.end - at));
    buffer.resize(step);
    const std::span<std::byte> bytes(buffer);
    if (file.read(at, bytes) != step) {
      throw CorruptionError({id, at}, "the file became shorter while it was recovered");
    }
    const std::span<const std::byte> part(bytes);
    file.write(at, {&part, 1});
    at += step;
  }
  file.sync_data();
}

void settle_wal_tail(os::File& file, const UUID& id, WALHead& head, const WALTail& tail,
                     bool seal) {
  if (is_settled(head, tail)) return;
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
  checkpoint.sealed |= seal;
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
