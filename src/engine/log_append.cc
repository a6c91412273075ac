// How records get into a log: small ones into its buffer, one by one or in batches, large ones past
// it where the medium can place them (docs/adr/015-large-records-past-the-buffer.md).
#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <new>

#include "base/hash.h"
#include "engine/log.h"
#include "protobase/errors.h"

namespace protobase::engine {

namespace {
// So many small ones are hashed, then appended together; more would not make it faster. One alone
// is never larger.
constexpr std::size_t kBatchRecords = 64;
constexpr std::uint64_t kBatchBytes = 32 * 1024;
// So much may be placed and not durable, if it is more than one record: a commit has to wait for
// it, and opening after a kill reads it. The disk is at work on it all the time.
constexpr std::uint64_t kMaxPlaced = 128 * 1024 * 1024;
}  // namespace

AtomPointer Log::append(RecordFormat format, std::span<const std::byte> payload) {
  if (payload.size() >= large_record_size_) return append_large(format, payload);
  const std::uint64_t hash = format::hash_payload(payload);
  Lock lock(mutex_);
  make_way(lock, format::stored_size(payload.size()));
  const AtomPointer where = append_hashed(format, payload, hash);
  wake_writer_if_due();
  return where;
}

void Log::append_many(RecordFormat format, std::span<const std::span<const std::byte>> payloads,
                      std::span<AtomPointer> where) {
  while (!payloads.empty()) {
    std::size_t done = 1;
    if (payloads.front().size() >= large_record_size_) {
      where.front() = append_large(format, payloads.front());
    } else {
      done = append_batch(format, payloads, where);
    }
    payloads = payloads.subspan(done);
    where = where.subspan(done);
  }
}

/// Small ones from the beginning, at least one; how many they were.
std::size_t Log::append_batch(RecordFormat format,
                              std::span<const std::span<const std::byte>> payloads,
                              std::span<AtomPointer> where) {
  std::array<std::uint64_t, kBatchRecords> hashes;
  std::size_t count = 0;
  std::uint64_t stored = 0;
  for (const auto payload : payloads.first(std::min(kBatchRecords, payloads.size()))) {
    const std::uint64_t size = format::stored_size(payload.size());
    if (payload.size() >= large_record_size_ || stored + size > kBatchBytes) break;
    hashes[count++] = format::hash_payload(payload);
    stored += size;
  }
  Lock lock(mutex_);
  make_way(lock, stored);
  for (std::size_t i = 0; i < count; ++i) where[i] = append_hashed(format, payloads[i], hashes[i]);
  wake_writer_if_due();
  return count;
}

AtomPointer Log::append_hashed(RecordFormat format, std::span<const std::byte> payload,
                               std::uint64_t hash) {
  ensure_wal();
  const AtomPointer where = buffer_.append(format::RecordType::kData, format, payload, hash);
  count_appended(payload.size());
  return where;
}

AtomPointer Log::append_large(RecordFormat format, std::span<const std::byte> payload) {
  if (payload.size() >= placed_record_size_) {
    if (const auto where = append_past_buffer(format, payload)) return *where;
  }
  return append_copied(format, payload);
}

AtomPointer Log::append_copied(RecordFormat format, std::span<const std::byte> payload) {
  wal::PreparedRecord prepared = wal::prepare_record(payload, spare_memory_);
  Lock lock(mutex_);
  make_way(lock, format::stored_size(payload.size()));
  ensure_wal();
  const AtomPointer where = buffer_.append(format, std::move(prepared));
  count_appended(payload.size());
  wake_writer_if_due();
  return where;
}

/// nullopt: it is to be copied, since somebody writes or waits to.
std::optional<AtomPointer> Log::append_past_buffer(RecordFormat format,
                                                   std::span<const std::byte> payload) {
  const std::uint64_t size = format::stored_size(payload.size());
  AtomPointer where;
  std::exception_ptr refused;
  Lock lock(mutex_);
  // Made before the place is left: nothing may throw between that and the work.
  const std::function<void()> work = [&] {
    try {
      place(lock, where, format, payload);
    } catch (const NothingTookEffect&) {
      refused = fill_place(lock, where, format, payload);
    }
  };
  wait_for_room(lock);
  const std::uint64_t placed = buffer_.placed_bytes();
  if (placed > 0 && placed + size > kMaxPlaced) flush_to(lock, buffer_.end_position());
  throw_if_unusable();
  if (flushing_ || !waiters_.empty()) return std::nullopt;
  ensure_wal();
  if (!buffer_.can_leave_place()) return std::nullopt;
  where = buffer_.leave_place(size);
  run_alone(lock, work);
  throw_if_stopped();
  if (refused) std::rethrow_exception(refused);
  count_appended(payload.size());
  return where;
}

/// Nobody else writes. What comes before the place is written first, the header last.
void Log::place(Lock& lock, const AtomPointer& where, RecordFormat format,
                std::span<const std::byte> payload) {
  if (const auto before = buffer_.next_operation(); !before->segments.empty()) {
    write(lock, *before);
  }
  release_wals_before(lock, where.transaction_id);
  lock.unlock();
  const std::uint64_t begin = where.offset + format::kRecordHeaderSize;
  base::HashStream hash;
  provider_.place(where.transaction_id, begin, payload, [&](auto part) { hash.add(part); });
  const std::uint64_t placed = format::stored_size(payload.size()) - format::kRecordHeaderSize;
  const std::array<std::byte, format::kRecordAlignment> zeros{};
  const auto padding = std::span(zeros).first(static_cast<std::size_t>(placed - payload.size()));
  if (!padding.empty()) {
    provider_.place(where.transaction_id, begin + payload.size(), padding, [](auto) {});
  }
  const auto header = std::make_shared<std::array<std::byte, format::kRecordHeaderSize>>();
  format::seal_header(*header, format::RecordType::kData, format, payload.size(), hash.value(),
                      where);
  lock.lock();
  write(lock, {where.transaction_id, where.offset, {SharedBytes(header, *header)}, 1, {}, placed});
}

/// The medium has no room for it yet; it waits in memory for the next who tries. Without memory
/// either, the push is refused as if it had never come, if nobody has come behind it.
std::exception_ptr Log::fill_place(Lock& lock, const AtomPointer& where, RecordFormat format,
                                   std::span<const std::byte> payload) {
  if (lock.owns_lock()) lock.unlock();
  try {
    wal::PreparedRecord record = wal::prepare_record(payload, spare_memory_);
    lock.lock();
    buffer_.fill_place(where, format, std::move(record));
    return nullptr;
  } catch (const std::bad_alloc&) {
    lock.lock();
    if (!waiters_.empty() || !buffer_.take_back_place(where)) throw;
    return std::current_exception();
  }
}

/// For `bytes` that are to be appended, framing included.
void Log::make_way(Lock& lock, std::uint64_t bytes) {
  wait_for_room(lock);
  start_writer_if_due(bytes);
}

void Log::count_appended(std::uint64_t payload_bytes) noexcept {
  ++counts_.pushed_records;
  counts_.pushed_bytes += payload_bytes;
}

}  // namespace protobase::engine
