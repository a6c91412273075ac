#include "engine/log.h"

#include <algorithm>
#include <limits>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "base/planted_bug.h"
#include "protobase/errors.h"

namespace protobase::engine {

namespace {
// From this size on a record is copied and hashed before the log's mutex is taken.
constexpr std::size_t kPrepareSize = 16 * 1024;
// So much is worth handing to the medium while more is being pushed: the disk works in the
// meantime.
constexpr std::uint64_t kWriteAhead = 512 * 1024;
// While fewer are ahead, so that who allows much in memory keeps it there. It is looked at before a
// write, which takes all that waits, a blob as a whole: what is ahead is at most this and what was
// pushed since the write before. No commit waits longer for that, since it writes all of it anyway.
constexpr std::uint64_t kMaxWrittenAhead = 8 * 1024 * 1024;
}  // namespace

Log::Log(BlockProvider& provider, const StorageOptions& options)
    : provider_(provider),
      wal_max_size_(options.wal_max_size),
      max_unflushed_bytes_(
          std::max<std::uint64_t>(options.max_unflushed_bytes, 2 * options.buffer_size)),
      background_bytes_(std::max<std::uint64_t>(options.buffer_size, max_unflushed_bytes_ / 4)),
      large_record_size_(std::min(kPrepareSize, options.buffer_size)),
      placed_record_size_(provider.can_place() ? options.buffer_size
                                               : std::numeric_limits<std::size_t>::max()),
      logger_(options.logger),
      spare_memory_(max_unflushed_bytes_),
      buffer_(options.buffer_size) {}

Log::~Log() {
  writer_.request_stop();
  // The jthread's own destructor joins; buffer and conditions are still there then.
}

void Log::commit(std::span<RootVersion> versions,
                 const std::function<void(const AtomPointer& begin)>& before) {
  Lock lock(mutex_);
  throw_if_unusable();
  ensure_wal();
  before(buffer_.next());
  const std::uint64_t begin = buffer_.end_position();
  try {
    waiters_.reserve(waiters_.size() + 1);  // so that waiting for them cannot fail
    append_commits(versions);
  } catch (const std::bad_alloc&) {
    buffer_.give_up_commits(begin);
    for (RootVersion& version : versions) version.commit = {};
    throw;
  }
  if (base::is_planted(base::PlantedBug::kRootBeforeData)) return;  // the committer flushes
  flush_to(lock, buffer_.end_position());
}

void Log::append_commits(std::span<RootVersion> versions) {
  const AtomPointer* previous = nullptr;
  for (RootVersion& version : versions) {
    if (previous != nullptr) version.previous_commit = *previous;
    buffer_.append_commit(version);
    previous = &version.commit;
  }
}

FlushResult Log::flush() {
  Lock lock(mutex_);
  throw_if_unusable();
  const WALState before = buffer_.state();
  if (buffer_.has_unsealed_records()) {
    ensure_wal();
    buffer_.append_mark();
  }
  flush_to(lock, buffer_.end_position());
  return {before.buffered_bytes, before.buffered_operations};
}

void Log::reserve(std::uint64_t bytes) {
  Lock lock(mutex_);
  throw_if_unusable();
  const std::uint64_t coming = std::min(bytes, wal_max_size_ - kWALFirstRecordOffset);
  ensure_wal(coming);
  while (!finished_wals_.empty()) leave_finished_wals(lock);  // others may fill this one meanwhile
  const UUID wal = buffer_.next().transaction_id;
  const std::uint64_t buffered = buffer_.next().offset - buffer_.state().base;
  lock.unlock();
  provider_.reserve(wal, buffered + coming);
  lock.lock();
  throw_if_unusable();
}

std::optional<SharedBytes> Log::find_unflushed(const AtomPointer& pointer) const {
  Lock lock(mutex_);
  return buffer_.find(pointer);
}

bool Log::has_just_placed(const AtomPointer& pointer) const {
  Lock lock(mutex_);
  return buffer_.has_written_place(pointer);
}

WALState Log::state() const {
  Lock lock(mutex_);
  return buffer_.state();
}

LogCounts Log::counts() const {
  Lock lock(mutex_);
  return counts_;
}

void Log::close() {
  {
    Lock lock(mutex_);
    if (std::exchange(closed_, true)) return;
  }
  // Nobody starts it any more.
  if (writer_.joinable()) {
    writer_.request_stop();
    writer_.join();
  }
  Lock lock(mutex_);
  flushed_.wait(lock, [&] { return !flushing_; });
  // After a failure the WAL is left as it is: recovery reads its tail.
  throw_if_stopped();
  if (!buffer_.has_wal()) return;
  if (buffer_.has_unsealed_records()) buffer_.append_mark();
  flush_to(lock, buffer_.end_position());
  for (const UUID& id : finished_wals_) provider_.release_wal(id, /*resumable=*/false);
  provider_.release_wal(buffer_.next().transaction_id, /*resumable=*/true);
}

void Log::throw_if_unusable() const {
  if (closed_) throw ValidationError("the storage is closed");
  throw_if_stopped();
}

void Log::throw_if_stopped() const {
  if (!stopped_) return;
  try {
    std::rethrow_exception(stopped_);
  } catch (const LockingError&) {
    throw;
  } catch (const std::exception& error) {
    throw UnexpectedError(std::string("the storage takes no more writes after a failure (") +
                          error.what() +
                          "); what was acknowledged is safe: close it and open again");
  }
}

/// Of what is not durable: placed records take none.
std::uint64_t Log::bytes_in_memory() const noexcept {
  return buffer_.end_position() - buffer_.durable_position() - buffer_.placed_bytes();
}

void Log::wait_for_room(Lock& lock) {
  throw_if_unusable();
  if (bytes_in_memory() < max_unflushed_bytes_) return;
  start_writer_if_due(0);
  Waiter waiter{buffer_.end_position() - max_unflushed_bytes_ + 1, nullptr};
  waiters_.push_back(&waiter);
  writer_paused_ = false;
  writer_wakes_.notify_one();
  flushed_.wait(lock, [&] {
    return waiter.failure || closed_ || buffer_.durable_position() >= waiter.position;
  });
  std::erase(waiters_, &waiter);
  if (waiter.failure) std::rethrow_exception(waiter.failure);
  throw_if_unusable();
}

void Log::ensure_wal(std::uint64_t coming) {
  const auto has_place = [&](const AtomPointer& at) { return at.offset + coming <= wal_max_size_; };
  if (buffer_.has_wal() && has_place(buffer_.next())) return;
  AtomPointer begin = provider_.claim_wal();
  // One that is full already is sealed for good, so this ends.
  while (!has_place(begin)) {
    provider_.release_wal(begin.transaction_id, /*resumable=*/false);
    begin = provider_.claim_wal();
  }
  if (buffer_.has_wal()) finished_wals_.push_back(buffer_.next().transaction_id);
  buffer_.start_wal(begin);
}

bool Log::is_flush_due(std::uint64_t coming) const noexcept {
  return bytes_in_memory() + coming >= background_bytes_;
}

bool Log::is_writing_ahead_due(std::uint64_t coming) const noexcept {
  return buffer_.writable_ahead() + coming >= kWriteAhead &&
         buffer_.written_position() - buffer_.durable_position() <
             kMaxWrittenAhead + buffer_.placed_bytes();
}

/// Most storages never push so much between two commits that they need one.
void Log::start_writer_if_due(std::uint64_t coming) {
  if (writer_.joinable() || !(is_flush_due(coming) || is_writing_ahead_due(coming))) return;
  try {
    writer_ = std::jthread([this](const std::stop_token& stop) { write_in_background(stop); });
  } catch (const std::system_error& error) {
    throw UnexpectedError(std::string("the thread that writes in the background: ") + error.what());
  }
}

void Log::wake_writer_if_due() {
  if (writer_woken_ || flushing_ || !(is_flush_due() || is_writing_ahead_due())) return;
  writer_woken_ = true;
  writer_wakes_.notify_one();
}

void Log::flush_to(Lock& lock, std::uint64_t position) {
  Waiter waiter{position, nullptr};
  waiters_.push_back(&waiter);
  while (!waiter.failure && buffer_.durable_position() < position) {
    if (flushing_) {
      flushed_.wait(lock);
    } else {
      lead_flush(lock);
    }
  }
  std::erase(waiters_, &waiter);
  if (waiter.failure) std::rethrow_exception(waiter.failure);
}

void Log::lead_flush(Lock& lock) {
  run_alone(lock, [&] {
    const std::uint64_t target = buffer_.end_position();
    while (buffer_.durable_position() < target) {
      auto operation = buffer_.next_operation();
      write(lock, *operation);
      sync(lock, *operation);
    }
  });
}

void Log::write_ahead(Lock& lock) {
  run_alone(lock, [&] { write(lock, *buffer_.next_operation()); });
}

/// Runs `work`, which gives `lock` back while it waits, with nobody else flushing.
void Log::run_alone(Lock& lock, const std::function<void()>& work) {
  flushing_ = true;
  try {
    work();
    writer_paused_ = false;
  } catch (const std::exception&) {
    if (!lock.owns_lock()) lock.lock();
    fail_flush(std::current_exception());
  }
  flushing_ = false;
  flushed_.notify_all();
  wake_writer_if_due();  // it may have been asked while this ran
}

/// Before the file of the next WAL is made, which names the last of them.
void Log::leave_finished_wals(Lock& lock) {
  flush_to(lock, buffer_.end_position());
  flushed_.wait(lock, [&] { return !flushing_ || finished_wals_.empty(); });
  throw_if_unusable();
  if (finished_wals_.empty()) return;  // who placed a record has left them
  run_alone(lock, [&] {
    const auto rest = buffer_.next_operation();  // others push meanwhile
    release_wals_before(lock, rest ? rest->transaction_id : buffer_.next().transaction_id);
  });
  throw_if_unusable();
}

/// Precondition: they are durable, and what is in `wal` may not be. Gives `lock` back meanwhile: as
/// long as one of them is listed, reserve() makes no file that would have to name it.
void Log::release_wals_before(Lock& lock, const UUID& wal) {
  while (!finished_wals_.empty() && finished_wals_.front() != wal) {
    const UUID id = finished_wals_.front();
    lock.unlock();
    provider_.release_wal(id, /*resumable=*/false);
    lock.lock();
    finished_wals_.erase(finished_wals_.begin());
  }
}

void Log::write(Lock& lock, const WALWriteOperation& operation) {
  release_wals_before(lock, operation.transaction_id);
  lock.unlock();
  if (!operation.segments.empty()) provider_.write(operation);
  lock.lock();
  buffer_.mark_written(operation);
  counts_.written_bytes += operation.size();
}

/// Lets go of the operation's bytes.
void Log::sync(Lock& lock, WALWriteOperation& operation) {
  lock.unlock();
  provider_.sync(operation.transaction_id);
  operation.segments.clear();
  lock.lock();
  auto memory = buffer_.mark_durable(operation);
  ++counts_.syncs;
  if (memory.empty()) return;
  lock.unlock();
  memory.clear();
  lock.lock();
}

/// Whoever waits hears of it, whatever else goes wrong.
void Log::fail_flush(std::exception_ptr error) noexcept {
  writer_paused_ = true;
  try {
    std::rethrow_exception(error);
  } catch (const NothingTookEffect&) {
    // Nothing of the operation was written, so its commit records may still be taken back; the
    // data stays buffered and goes out with the next flush.
    buffer_.give_up_commits(buffer_.durable_position());
  } catch (const std::exception&) {
    stopped_ = error;
  }
  for (Waiter* waiter : waiters_) {
    if (!waiter->failure && waiter->position > buffer_.durable_position()) waiter->failure = error;
  }
  if (stopped_) log_stop();
}

void Log::log_stop() const noexcept {
  if (!logger_) return;
  try {
    std::rethrow_exception(stopped_);
  } catch (const std::exception& failure) {
    try {
      logger_(LogLevel::kError, std::string("log stopped: ") + failure.what());
    } catch (const std::exception&) {
      // No memory for the words: every later call says them.
    }
  }
}

void Log::write_in_background(const std::stop_token& stop) {
  Lock lock(mutex_);
  const auto has_work = [&] {
    writer_woken_ = false;
    return !flushing_ && !stopped_ && !writer_paused_ && (is_flush_due() || is_writing_ahead_due());
  };
  while (writer_wakes_.wait(lock, stop, has_work)) {
    if (is_flush_due()) {
      lead_flush(lock);
    } else {
      write_ahead(lock);
    }
  }
}

}  // namespace protobase::engine
