#include "engine/record_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <mutex>

#include "engine/verifier.h"
#include "format/commit_record.h"
#include "format/legacy_record.h"
#include "format/record.h"
#include "protobase/errors.h"

namespace protobase::engine {
namespace {

using format::HeaderState;
using format::kRecordHeaderSize;
using format::RecordHeader;
using format::RecordType;

// One read fetches this much: header and payload of a typical atom.
constexpr std::size_t kFirstRead = 512;
// Reads in flight together at most: what a disk's own queue holds.
constexpr std::size_t kBatch = 256;
// Smaller payloads are copied out of the log's buffer, so that no reader keeps a whole chunk alive.
constexpr std::size_t kShareFromBuffer = 64 * 1024;
constexpr std::size_t kTrustedSize = 1 << 20;

[[noreturn]] void throw_no_atom(const AtomPointer& pointer, const std::string& why) {
  throw NotFoundError("no atom at " + pointer.to_string() + ": " + why);
}

const char* name_of(RecordType type) noexcept {
  switch (type) {
    case RecordType::kData: return "an atom";
    case RecordType::kCommit: return "a commit record";
    case RecordType::kMark: return "a flush mark";
    case RecordType::kVoid: return "a void record";
  }
  return "no record";
}

/// Whether `bytes` begin with a whole record that is what was written at `pointer`.
bool holds_record(std::span<const std::byte> bytes, const AtomPointer& pointer,
                  RecordHeader& header) {
  return bytes.size() >= kRecordHeaderSize &&
         format::parse_header(bytes, header) == HeaderState::kValid &&
         bytes.size() >= kRecordHeaderSize + header.payload_size &&
         format::verify_record(bytes, pointer);
}

bool can_start_at(std::uint64_t offset) noexcept {
  return offset >= kWALFirstRecordOffset && offset % format::kRecordAlignment == 0;
}

}  // namespace

CachedPayload RecordReader::read(const AtomPointer& pointer) {
  Record record;
  if (const auto buffered = log_.find_unflushed(pointer)) {
    record = fetch_unflushed(pointer, *buffered);
  } else if (layout_of(pointer.transaction_id) == WALLayout::kLegacyPython) {
    return read_legacy(pointer);
  } else {
    record = fetch(pointer);
  }
  if (record.header.type != RecordType::kData) {
    throw_no_atom(pointer, std::string(name_of(record.header.type)) + " lies there");
  }
  return {std::move(record.payload), record.header.format, false};
}

std::vector<std::optional<CachedPayload>> RecordReader::read_many(
    std::span<const AtomPointer> pointers) {
  std::vector<std::optional<CachedPayload>> payloads(pointers.size());
  if (pointers.size() < 2) return payloads;
  std::unique_ptr<std::byte[]> heads;
  for (std::size_t begin = 0; begin < pointers.size() && provider_has_batches_; begin += kBatch) {
    const std::size_t count = std::min(kBatch, pointers.size() - begin);
    if (!heads) heads = std::make_unique_for_overwrite<std::byte[]>(count * kFirstRead);
    read_batch(pointers.subspan(begin, count), {heads.get(), count * kFirstRead},
               std::span(payloads).subspan(begin, count));
  }
  return payloads;
}

void RecordReader::read_batch(std::span<const AtomPointer> pointers, std::span<std::byte> heads,
                              std::span<std::optional<CachedPayload>> payloads) {
  std::vector<BlockRead> reads = plan_batch(pointers, heads);
  if (reads.empty()) return;
  try {
    if (!provider_.read_many(reads)) provider_has_batches_ = false;
  } catch (const ProtoBaseError&) {
    return;  // whatever it is, read() meets it for the record it belongs to
  }
  for (const BlockRead& read : reads) {
    const std::span<const std::byte> bytes = read.out.first(read.filled);
    RecordHeader header;
    if (!holds_record(bytes, {read.wal, read.offset}, header)) continue;
    if (header.type != RecordType::kData) continue;
    reads_.fetch_add(1, std::memory_order_relaxed);
    const auto place = static_cast<std::size_t>(read.out.data() - heads.data()) / kFirstRead;
    const auto payload = bytes.subspan(kRecordHeaderSize, header.payload_size);
    payloads[place] = CachedPayload{SharedBytes::copy_of(payload), header.format, false};
  }
}

/// The first read of each record that may come whole with it, into its own part of `heads`.
std::vector<BlockRead> RecordReader::plan_batch(std::span<const AtomPointer> pointers,
                                                std::span<std::byte> heads) {
  std::vector<BlockRead> reads;
  reads.reserve(pointers.size());
  std::optional<UUID> wal;  // mostly they lie in one
  bool batches = false;
  for (std::size_t i = 0; i < pointers.size(); ++i) {
    const AtomPointer& pointer = pointers[i];
    if (!can_start_at(pointer.offset) || log_.find_unflushed(pointer)) continue;
    if (wal != pointer.transaction_id) {
      wal = pointer.transaction_id;
      batches = has_batches(*wal);
    }
    if (batches) reads.push_back({*wal, pointer.offset, heads.subspan(i * kFirstRead, kFirstRead)});
  }
  return reads;
}

bool RecordReader::has_batches(const UUID& wal) {
  try {
    return layout_of(wal) == WALLayout::kVersion1;
  } catch (const ProtoBaseError&) {
    return false;  // as above
  }
}

RootVersion RecordReader::read_commit(const AtomPointer& pointer) {
  const Record record = fetch(pointer);
  const std::span<const std::byte> payload = record.payload.span();
  if (record.header.type != RecordType::kCommit || payload.size() != format::kCommitPayloadSize) {
    throw CorruptionError(
        pointer, std::string("expected a commit record, found ") + name_of(record.header.type));
  }
  return format::read_commit_payload(payload.first<format::kCommitPayloadSize>(), pointer).version;
}

std::optional<RootVersion> RecordReader::read_previous(const RootVersion& version) {
  if (version.previous_commit.transaction_id.is_nil()) return std::nullopt;
  const RootVersion previous = read_commit(version.previous_commit);
  // Sequences grow, so that no chain of commits, however it was forged, goes round for ever.
  if (previous.sequence != version.previous_sequence || previous.sequence >= version.sequence) {
    throw CorruptionError(version.commit, "expected the commit before " +
                                              std::to_string(version.sequence) + " to be " +
                                              std::to_string(version.previous_sequence) +
                                              ", found " + std::to_string(previous.sequence) +
                                              " at " + version.previous_commit.to_string());
  }
  return previous;
}

WALLayout RecordReader::layout_of(const UUID& wal) {
  {
    const std::shared_lock lock(layouts_mutex_);
    const auto found = layouts_.find(wal);
    if (found != layouts_.end()) return found->second;
  }
  const WALLayout layout = provider_.describe(wal).layout;
  const std::unique_lock lock(layouts_mutex_);
  layouts_.emplace(wal, layout);
  return layout;
}

RecordReader::Record RecordReader::fetch(const AtomPointer& pointer, bool again) {
  if (!can_start_at(pointer.offset)) {
    throw_no_atom(pointer, "no record can start there");
  }
  reads_.fetch_add(1, std::memory_order_relaxed);
  std::array<std::byte, kFirstRead> head;
  const std::size_t filled =
      provider_.read(pointer.transaction_id, pointer.offset, head, kRecordHeaderSize);
  const std::span<const std::byte> bytes(head.data(), filled);
  Record record;
  switch (format::parse_header(bytes, record.header)) {
    case HeaderState::kEmpty: throw_no_atom(pointer, "nothing was written there");
    case HeaderState::kBad:
      return doubt(pointer, kFirstRead, format::describe_bad_header(bytes), again);
    case HeaderState::kValid: break;
  }
  const std::size_t size = kRecordHeaderSize + record.header.payload_size;
  if (size > filled) return fetch_rest(pointer, record.header, bytes, again);
  if (!format::verify_record(bytes, pointer)) {
    return doubt(pointer, size, format::describe_mismatch(bytes, pointer), again);
  }
  record.payload =
      SharedBytes::copy_of(bytes.subspan(kRecordHeaderSize, record.header.payload_size));
  return record;
}

/// It may be a copy that is damaged: then the record is read once more, past it.
RecordReader::Record RecordReader::doubt(const AtomPointer& pointer, std::uint64_t size,
                                         const std::string& problem, bool again) {
  if (!again && provider_.drop_copies(pointer.transaction_id, pointer.offset, size)) {
    return fetch(pointer, true);
  }
  explain(pointer, problem);
}

RecordReader::Record RecordReader::fetch_unflushed(const AtomPointer& pointer,
                                                   const SharedBytes& from_here) {
  const std::span<const std::byte> bytes = from_here.span();
  Record record;
  if (!holds_record(bytes, pointer, record.header)) {
    throw_no_atom(pointer, "it points between the starts of two records");
  }
  const auto payload = bytes.subspan(kRecordHeaderSize, record.header.payload_size);
  record.payload = payload.size() < kShareFromBuffer
                       ? SharedBytes::copy_of(payload)
                       : SharedBytes(std::make_shared<const SharedBytes>(from_here), payload);
  return record;
}

RecordReader::Record RecordReader::fetch_rest(const AtomPointer& pointer,
                                              const RecordHeader& header,
                                              std::span<const std::byte> head, bool again) {
  const std::size_t size = kRecordHeaderSize + header.payload_size;
  const std::string too_long = "its length of " + std::to_string(header.payload_size) +
                               " bytes runs past the end of the WAL";
  // The length is not verified yet: a large one is checked before so much is allocated.
  if (size > kTrustedSize &&
      size > provider_.describe(pointer.transaction_id).end - pointer.offset) {
    return doubt(pointer, head.size(), too_long, again);
  }
  auto memory = std::make_shared_for_overwrite<std::byte[]>(size);
  const std::span<std::byte> bytes(memory.get(), size);
  std::memcpy(bytes.data(), head.data(), head.size());
  const auto rest = bytes.subspan(head.size());
  try {
    provider_.read(pointer.transaction_id, pointer.offset + head.size(), rest, rest.size());
  } catch (const NotFoundError&) {
    return doubt(pointer, head.size(), too_long, again);
  }
  if (!format::verify_record(bytes, pointer)) {
    return doubt(pointer, size, format::describe_mismatch(bytes, pointer), again);
  }
  return {header, SharedBytes(std::move(memory), bytes.subspan(kRecordHeaderSize))};
}

CachedPayload RecordReader::read_legacy(const AtomPointer& pointer) {
  reads_.fetch_add(1, std::memory_order_relaxed);
  const UUID& wal = pointer.transaction_id;
  const auto read_exactly = [&](std::uint64_t offset, std::span<std::byte> out) {
    provider_.read(wal, offset, out, out.size());
  };
  const std::uint64_t end = provider_.describe(wal).end;
  legacy_boundaries_.check(pointer, end);
  const auto record = format::parse_legacy_record(read_exactly, end, pointer);
  const auto size = static_cast<std::size_t>(record.payload_size);
  auto memory = std::make_shared_for_overwrite<std::byte[]>(size);
  const std::span<std::byte> payload(memory.get(), size);
  if (size > 0) read_exactly(pointer.offset + record.header_size, payload);
  return {SharedBytes(std::move(memory), payload), record.format, true};
}

void RecordReader::explain(const AtomPointer& pointer, const std::string& problem) {
  // Rare and slow: walk the WAL's records to learn whether one starts at the pointer at all.
  scan_wal_around(provider_, pointer, [&](const RecordInfo& info, std::span<const std::byte>) {
    const std::uint64_t start = info.pointer.offset;
    const bool valid = info.kind != RecordKind::kBad && info.kind != RecordKind::kTorn;
    if (valid && start < pointer.offset && pointer.offset < start + info.stored_size) {
      throw_no_atom(pointer, "it points into the record at offset " + std::to_string(start));
    }
    return start < pointer.offset;
  });
  throw CorruptionError(pointer, problem);
}

}  // namespace protobase::engine
