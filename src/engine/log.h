// The log of one storage: appends records in memory, makes them durable through a block provider,
// one write and one sync for everybody who waits (group commit). Below the pushes and commits of
// AtomStore.
//
// Invariants:
//  - One flush, or one write ahead of it, runs at a time; whoever needs a flush and finds nothing
//    running leads it, the others wait.
//  - Within a flush, WALs are made durable in log order, each before a byte of the next is written:
//    a commit record never reaches the medium before what it commits.
//  - After a failure other than NoSpaceError the log is stopped: every later append and flush
//    throws.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "os/large_memory.h"
#include "protobase/block_provider.h"
#include "protobase/options.h"
#include "protobase/storage.h"
#include "wal/log_buffer.h"

namespace protobase::engine {

/// Since the log was opened.
struct LogCounts {
  std::uint64_t pushed_records = 0;
  std::uint64_t pushed_bytes = 0;   ///< of payloads
  std::uint64_t syncs = 0;          ///< waits for stable storage
  std::uint64_t written_bytes = 0;  ///< handed to the medium
};

/// Thread-safe.
class Log {
 public:
  Log(BlockProvider& provider, const StorageOptions& options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Appends a data record and returns its address. Waits only while max_unflushed_bytes are
  /// unflushed. One of buffer_size or more goes to the medium at once where that can place it,
  /// unless somebody writes or waits: it is copied then, as all others are.
  AtomPointer append(RecordFormat format, std::span<const std::byte> payload);
  /// The same for each, in order; their addresses go to `where`, which has as many places. Takes
  /// the mutex once for many small ones. After an error those before are appended.
  void append_many(RecordFormat format, std::span<const std::span<const std::byte>> payloads,
                   std::span<AtomPointer> where);

  /// Appends commit records for `versions`, in order, setting their addresses and links, then makes
  /// everything up to them durable. `before` runs first, with the place where they will begin.
  /// NoSpaceError: none of them took effect. Other errors: unknown.
  void commit(std::span<RootVersion> versions,
              const std::function<void(const AtomPointer& begin)>& before);

  /// Makes everything appended before durable, with a mark behind it.
  FlushResult flush();

  /// Prepares the medium for `bytes` more, at most a whole WAL; begins the next one when this one
  /// has no place for them.
  void reserve(std::uint64_t bytes);

  /// Bytes at `pointer` that have not left for the medium, up to the end of their buffer.
  std::optional<SharedBytes> find_unflushed(const AtomPointer& pointer) const;

  /// Whether a large record that this log placed starts at `pointer`, and is not durable yet.
  bool has_just_placed(const AtomPointer& pointer) const;

  WALState state() const;
  LogCounts counts() const;

  /// Flushes, gives the WAL back and stops the background writer. Idempotent; throws what the flush
  /// throws after everything else is done.
  void close();

 private:
  using Lock = std::unique_lock<std::mutex>;

  /// Somebody who waits until everything below `position` is durable.
  struct Waiter {
    std::uint64_t position = 0;
    std::exception_ptr failure;  ///< of a flush that should have reached `position`
  };

  AtomPointer append_large(RecordFormat format, std::span<const std::byte> payload);
  AtomPointer append_copied(RecordFormat format, std::span<const std::byte> payload);
  std::optional<AtomPointer> append_past_buffer(RecordFormat format,
                                                std::span<const std::byte> payload);
  std::exception_ptr fill_place(Lock& lock, const AtomPointer& where, RecordFormat format,
                                std::span<const std::byte> payload);
  void place(Lock& lock, const AtomPointer& where, RecordFormat format,
             std::span<const std::byte> payload);
  std::size_t append_batch(RecordFormat format,
                           std::span<const std::span<const std::byte>> payloads,
                           std::span<AtomPointer> where);
  AtomPointer append_hashed(RecordFormat format, std::span<const std::byte> payload,
                            std::uint64_t hash);
  void make_way(Lock& lock, std::uint64_t bytes);
  void count_appended(std::uint64_t payload_bytes) noexcept;
  void append_commits(std::span<RootVersion> versions);
  void throw_if_unusable() const;
  void throw_if_stopped() const;
  std::uint64_t bytes_in_memory() const noexcept;
  void wait_for_room(Lock& lock);
  void ensure_wal(std::uint64_t coming = 1);
  void start_writer_if_due(std::uint64_t coming);
  void wake_writer_if_due();
  void flush_to(Lock& lock, std::uint64_t position);
  void lead_flush(Lock& lock);
  void write_ahead(Lock& lock);
  void run_alone(Lock& lock, const std::function<void()>& work);
  void leave_finished_wals(Lock& lock);
  void release_wals_before(Lock& lock, const UUID& wal);
  void write(Lock& lock, const WALWriteOperation& operation);
  void sync(Lock& lock, WALWriteOperation& operation);
  void fail_flush(std::exception_ptr error) noexcept;
  void log_stop() const noexcept;
  bool is_flush_due(std::uint64_t coming = 0) const noexcept;
  bool is_writing_ahead_due(std::uint64_t coming = 0) const noexcept;
  void write_in_background(const std::stop_token& stop);

  BlockProvider& provider_;
  const std::uint64_t wal_max_size_;
  const std::uint64_t max_unflushed_bytes_;
  const std::uint64_t background_bytes_;
  const std::size_t large_record_size_;
  const std::size_t placed_record_size_;
  const Logger logger_;
  os::SpareMemory spare_memory_;  ///< for large records

  mutable std::mutex mutex_;
  std::condition_variable flushed_;           // a flush ended
  std::condition_variable_any writer_wakes_;  // the background writer has something to do
  wal::LogBuffer buffer_;
  bool flushing_ = false;  // or writing ahead
  bool closed_ = false;
  bool writer_woken_ = false;
  bool writer_paused_ = false;  // after a failure, until somebody waits for room
  std::vector<Waiter*> waiters_;
  std::vector<UUID> finished_wals_;  // left behind by roll-over, oldest first
  std::exception_ptr stopped_;       // the first failure that cannot be tried again
  LogCounts counts_;                 // here, because an append holds the mutex anyway
  std::jthread writer_;  // last, because it is joined first; not started before it has work
};

}  // namespace protobase::engine
