#include "wal/log_buffer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "base/hash.h"
#include "format/commit_record.h"
#include "os/large_memory.h"

namespace protobase::wal {

using format::kRecordHeaderSize;
using format::RecordType;

namespace {
// From here on the allocator hands out memory that was never touched.
constexpr std::size_t kSpareSize = 128 * 1024;
// Copied and hashed while it is in the processor's caches.
constexpr std::size_t kPart = 256 * 1024;
}  // namespace

PreparedRecord prepare_record(std::span<const std::byte> payload, os::SpareMemory& spare) {
  const auto size = static_cast<std::size_t>(format::stored_size(payload.size()));
  PreparedRecord record{
      size < kSpareSize ? std::make_shared_for_overwrite<std::byte[]>(size) : spare.take(size),
      payload.size(), 0};
  std::byte* to = record.memory.get() + kRecordHeaderSize;
  base::HashStream hash;
  for (auto rest = payload; !rest.empty();) {
    const auto part = rest.first(std::min(kPart, rest.size()));
    std::memcpy(to, part.data(), part.size());
    hash.add(part);
    to += part.size();
    rest = rest.subspan(part.size());
  }
  record.payload_hash = hash.value();
  return record;
}

void LogBuffer::start_wal(const AtomPointer& begin) {
  next_ = begin;
  wal_durable_offset_ = begin.offset;
}

AtomPointer LogBuffer::append(RecordType type, RecordFormat format,
                              std::span<const std::byte> payload, std::uint64_t payload_hash) {
  const AtomPointer where = next_;
  const auto size = static_cast<std::size_t>(format::stored_size(payload.size()));
  std::byte* record = reserve(size);
  if (!payload.empty()) std::memcpy(record + kRecordHeaderSize, payload.data(), payload.size());
  format::seal_record({record, size}, type, format, payload.size(), payload_hash, where);
  advance(size);
  unsealed_ = true;
  return where;
}

AtomPointer LogBuffer::append(RecordFormat format, PreparedRecord record) {
  const AtomPointer where = next_;
  const auto size = static_cast<std::size_t>(format::stored_size(record.payload_size));
  format::seal_record({record.memory.get(), size}, RecordType::kData, format, record.payload_size,
                      record.payload_hash, where);
  new_own_chunk(std::move(record.memory), size);
  advance(size);
  unsealed_ = true;
  return where;
}

bool LogBuffer::can_leave_place() const noexcept {
  if (!pending_commits_.empty()) return false;
  if (durable_ == end_) return true;
  if (written_ > durable_) return written_end_.transaction_id == next_.transaction_id;
  const auto oldest =
      std::ranges::find_if(chunks_, [](const Chunk& chunk) { return chunk.written != chunk.used; });
  return oldest->base.transaction_id == next_.transaction_id;
}

AtomPointer LogBuffer::leave_place(std::size_t size) {
  const AtomPointer where = next_;
  new_chunk(nullptr, nullptr, size);
  advance(size);
  placed_ += size;
  unsealed_ = true;
  return where;
}

bool LogBuffer::take_back_place(const AtomPointer& place) {
  const std::size_t size = chunks_.back().used;
  if (chunks_.back().base != place) return false;
  if (next_ != AtomPointer{place.transaction_id, place.offset + size}) return false;
  chunks_.pop_back();
  next_ = place;
  end_ -= size;
  placed_ -= size;
  --unwritten_records_;
  --unflushed_records_;
  return true;
}

void LogBuffer::fill_place(const AtomPointer& place, RecordFormat format, PreparedRecord record) {
  const auto chunk = std::ranges::find(chunks_, place, &Chunk::base);
  format::seal_record({record.memory.get(), chunk->used}, RecordType::kData, format,
                      record.payload_size, record.payload_hash, place);
  placed_ -= chunk->used;
  chunk->memory = std::move(record.memory);
  chunk->begin = chunk->memory.get();
}

bool LogBuffer::has_written_place(const AtomPointer& pointer) const {
  if (placed_ == 0) return false;
  return std::ranges::any_of(chunks_, [&](const Chunk& chunk) {
    return chunk.is_place() && chunk.base == pointer && chunk.written == chunk.used;
  });
}

void LogBuffer::append_commit(RootVersion& version) {
  version.commit = next_;
  std::array<std::byte, format::kCommitPayloadSize> payload;
  format::write_commit_payload(payload, {version, wal_durable_offset_});
  pending_commits_.push_back({end_, version.sequence, version.commit, nullptr});
  try {
    append(RecordType::kCommit, RecordFormat::kRaw, payload, format::hash_payload(payload));
  } catch (const std::bad_alloc&) {
    pending_commits_.pop_back();
    throw;
  }
  const Chunk& chunk = chunks_.back();
  pending_commits_.back().record = chunk.begin + (version.commit.offset - chunk.base.offset);
  unsealed_ = false;
}

void LogBuffer::append_mark() {
  std::array<std::byte, format::kMarkPayloadSize> payload;
  base::store_le<std::uint64_t>(payload.data(), wal_durable_offset_);
  append(RecordType::kMark, RecordFormat::kRaw, payload, format::hash_payload(payload));
  unsealed_ = false;
}

void LogBuffer::give_up_commits(std::uint64_t from) {
  while (!pending_commits_.empty() && pending_commits_.back().position >= from) {
    const PendingCommit& commit = pending_commits_.back();
    constexpr std::size_t kSize = kRecordHeaderSize + format::kCommitPayloadSize;
    const std::array<std::byte, format::kCommitPayloadSize> zeros{};
    format::write_record({commit.record, kSize}, RecordType::kVoid, RecordFormat::kRaw, zeros,
                         commit.where);
    pending_commits_.pop_back();
    unsealed_ = true;
  }
}

std::optional<WALWriteOperation> LogBuffer::next_operation() const {
  if (durable_ == end_) return std::nullopt;
  WALWriteOperation operation;
  if (written_ > durable_) {
    operation.transaction_id = written_end_.transaction_id;
    operation.offset = written_end_.offset;
  }
  for (const Chunk& chunk : chunks_) {
    if (chunk.written == chunk.used) continue;
    if (chunk.is_place()) break;
    if (operation.transaction_id.is_nil()) {
      operation.transaction_id = chunk.base.transaction_id;
      operation.offset = chunk.base.offset + chunk.written;
    } else if (operation.transaction_id != chunk.base.transaction_id) {
      break;
    }
    const std::span<const std::byte> bytes(chunk.begin, chunk.used);
    operation.segments.emplace_back(chunk.memory, bytes.subspan(chunk.written));
    operation.records += chunk.unwritten_records;
  }
  for (const PendingCommit& commit : pending_commits_) {
    if (commit.where.transaction_id == operation.transaction_id) {
      operation.newest_commit = CommitMark{commit.sequence, commit.where.offset};
    }
  }
  return operation;
}

void LogBuffer::mark_written(const WALWriteOperation& operation) {
  std::uint64_t left = operation.size();
  written_ += left;
  written_end_ = {operation.transaction_id, operation.offset + left};
  std::uint64_t records = operation.records;
  unwritten_records_ -= records;
  for (Chunk& chunk : chunks_) {
    if (left == 0) break;
    const auto part =
        static_cast<std::size_t>(std::min<std::uint64_t>(left, chunk.used - chunk.written));
    chunk.written += part;
    left -= part;
    const std::uint64_t here = std::min(records, chunk.unwritten_records);
    chunk.unwritten_records -= here;
    records -= here;
  }
}

std::vector<std::shared_ptr<std::byte[]>> LogBuffer::mark_durable(
    const WALWriteOperation& operation) noexcept {
  durable_ = written_;
  placed_ = 0;
  unflushed_records_ = unwritten_records_;
  if (operation.transaction_id == next_.transaction_id) {
    wal_durable_offset_ = written_end_.offset;
  }
  while (!pending_commits_.empty() && pending_commits_.front().position < durable_) {
    pending_commits_.pop_front();
  }
  // The last chunk stays: the next records go behind what it holds.
  std::vector<std::shared_ptr<std::byte[]>> memory;
  try {
    if (chunks_.size() > 1) memory.reserve(chunks_.size());
  } catch (const std::bad_alloc&) {
    // It goes here and now.
  }
  while (chunks_.size() > 1 && chunks_.front().written == chunks_.front().used) {
    if (memory.size() < memory.capacity()) memory.push_back(std::move(chunks_.front().memory));
    chunks_.pop_front();
  }
  return memory;
}

std::uint64_t LogBuffer::writable_ahead() const noexcept {
  const bool begun = written_ > durable_;
  if (!pending_commits_.empty()) return 0;
  if (begun && written_end_.transaction_id != next_.transaction_id) return 0;
  return end_ - written_;
}

std::optional<SharedBytes> LogBuffer::find(const AtomPointer& pointer) const {
  for (const Chunk& chunk : chunks_) {
    if (chunk.is_place() || chunk.base.transaction_id != pointer.transaction_id) continue;
    if (pointer.offset < chunk.base.offset || pointer.offset >= chunk.end_offset()) continue;
    const std::span<const std::byte> bytes(chunk.begin, chunk.used);
    return SharedBytes(chunk.memory, bytes.subspan(pointer.offset - chunk.base.offset));
  }
  return std::nullopt;
}

WALState LogBuffer::state() const noexcept {
  WALState state;
  state.transaction_id = next_.transaction_id;
  state.offset = next_.offset;
  state.base = wal_durable_offset_;
  state.buffered_bytes = end_ - durable_;
  state.buffered_operations = unflushed_records_;
  return state;
}

std::byte* LogBuffer::reserve(std::size_t size) {
  if (durable_ == end_) begin_block_again();
  if (continues_last_chunk(size)) {
    if (chunks_.back().of_block) block_.used += size;
  } else if (size > block_size_) {
    new_own_chunk(std::make_shared_for_overwrite<std::byte[]>(size), size);
  } else {
    if (block_.memory == nullptr || block_size_ - block_.used < size) start_block();
    std::byte* const begin = block_.memory.get() + block_.used;
    new_chunk(block_.memory, begin, block_size_ - block_.used).of_block = true;
    block_.used += size;
  }
  return chunks_.back().begin + chunks_.back().used;
}

/// What comes next goes into memory that is in the processor's caches, if all that was in it is
/// durable and nobody else holds it.
void LogBuffer::begin_block_again() {
  if (block_.used < block_size_ / kLeastPart) return;
  chunks_.clear();
  if (block_.memory.use_count() != 1) return;
  // Taking part and letting go makes what the last other owner did with it happen before this.
  { const auto ordered_behind_others = block_.memory; }
  block_.used = 0;
}

bool LogBuffer::continues_last_chunk(std::size_t size) const noexcept {
  if (chunks_.empty()) return false;
  const Chunk& chunk = chunks_.back();
  return chunk.capacity - chunk.used >= size && chunk.end_offset() == next_.offset &&
         chunk.base.transaction_id == next_.transaction_id;
}

void LogBuffer::new_own_chunk(std::shared_ptr<std::byte[]> memory, std::size_t size) {
  std::byte* const begin = memory.get();
  new_chunk(std::move(memory), begin, size);
}

LogBuffer::Chunk& LogBuffer::new_chunk(std::shared_ptr<std::byte[]> memory, std::byte* begin,
                                       std::size_t capacity) {
  if (chunks_.size() == 1 && durable_ == end_) chunks_.pop_front();
  Chunk chunk;
  chunk.memory = std::move(memory);
  chunk.begin = begin;
  chunk.capacity = capacity;
  chunk.base = next_;
  return chunks_.emplace_back(std::move(chunk));
}

void LogBuffer::advance(std::size_t size) noexcept {
  Chunk& chunk = chunks_.back();
  chunk.used += size;
  ++chunk.unwritten_records;
  next_.offset += size;
  end_ += size;
  ++unwritten_records_;
  ++unflushed_records_;
}

// Small stores and small commits have no use for 2 MiB; tiny blocks are for tests and tight limits.
bool LogBuffer::is_bulk() const noexcept {
  constexpr std::size_t kMinBlock = 256 * 1024;
  return block_size_ >= kMinBlock && block_size_ <= os::kLargePage &&
         end_ - durable_ >= block_size_;
}

// Large pages make pushing in bulk nearly twice as fast: page faults were half of its time.
void LogBuffer::start_block() {
  if (region_.memory != nullptr && os::kLargePage - region_.used < block_size_) region_ = {};
  if (region_.memory == nullptr && is_bulk()) {
    region_.memory = large_pages_.take();
  }
  if (region_.memory == nullptr) {
    block_ = {std::make_shared_for_overwrite<std::byte[]>(block_size_), 0};
    return;
  }
  std::byte* const begin = region_.memory.get() + region_.used;
  block_ = {std::shared_ptr<std::byte[]>(region_.memory, begin), 0};
  region_.used += block_size_;
}

}  // namespace protobase::wal
