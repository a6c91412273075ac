#include "file/wal_room.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "protobase/errors.h"

namespace protobase::file {
namespace {

// How far ahead: a quarter of the log, or some writes of the size that comes now. A small log in
// small commits stays small; opening after a kill has to look through the zeros.
constexpr std::uint64_t kMinAhead = 64 << 10;
constexpr std::uint64_t kMaxAhead = 16 << 20;
constexpr std::uint64_t kWritesAhead = 16;
// Up to here the log's own thread writes the zeros: that is quicker than to wake another one.
constexpr std::uint64_t kOwnAhead = 1 << 20;
// From this size on the write itself extends the file: zeros first would cost more than they save.
constexpr std::uint64_t kLargeWrite = 256 << 10;
// A step of the thread, synced: as much as a commit may have to wait for.
constexpr std::uint64_t kStep = 1 << 20;
constexpr std::uint64_t kBlock = 4096;
// A log that outruns the thread uses the whole disk: the thread stays away until it is quiet.
constexpr std::chrono::milliseconds kQuiet{5};

std::uint64_t whole_blocks(std::uint64_t end) { return (end + kBlock - 1) / kBlock * kBlock; }

/// At most a step.
void write_zeros(os::File& file, std::uint64_t begin, std::uint64_t end) {
  static constexpr std::array<std::byte, 64 << 10> kZeros{};
  std::array<std::span<const std::byte>, kStep / kZeros.size()> parts;
  for (std::uint64_t at = begin; auto& part : parts) {
    const std::uint64_t size = std::min<std::uint64_t>(kZeros.size(), end - at);
    part = std::span(kZeros).first(static_cast<std::size_t>(size));
    at += size;
  }
  file.write(begin, parts);
}

}  // namespace

WALRoom::WALRoom(os::File& file, std::function<std::unique_ptr<os::File>()> reopen,
                 std::uint64_t ready)
    : file_(file), reopen_(std::move(reopen)), ready_(ready) {}

void WALRoom::make(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t size = end - begin;
  const std::uint64_t ahead =
      std::clamp(std::max(end / 4, kWritesAhead * size), kMinAhead, kMaxAhead);
  std::unique_lock lock(mutex_);
  if (end > ready_) {
    ++making_;
    changed_.wait(lock, [&] { return !claimed_ || ready_ >= end; });
    --making_;
    changed_.notify_all();  // the thread let us pass
    if (end > ready_) ++overtakings_;
  }
  if (end > ready_ && size >= kLargeWrite) {
    file_.allocate(ready_, whole_blocks(end) - ready_);
    set_ready(whole_blocks(end));
  } else if (end > ready_) {
    extend_with_zeros(whole_blocks(end + std::min(ahead, kOwnAhead)));
  }
  // A log that is not yet long has no thread.
  if (ahead > kOwnAhead && end > kOwnAhead && ready_ - end < ahead / 2) {
    want(whole_blocks(end + ahead));
  }
}

void WALRoom::reserve(std::uint64_t end) {
  std::unique_lock lock(mutex_);
  if (!running_ && broken_.empty()) failed_ = false;  // what kept it from that may be over
  const std::uint64_t seen = failures_;
  ++urgent_;
  want(whole_blocks(end));
  changed_.wait(lock, [&] { return ready_ >= end || failed_ || failures_ != seen || stopped_; });
  --urgent_;
  if (ready_ < end && (failed_ || failures_ != seen)) std::rethrow_exception(failure_);
}

void WALRoom::cancel() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
  thread_.request_stop();
}

void WALRoom::stop() {
  cancel();
  std::jthread thread;
  {
    const std::lock_guard lock(mutex_);
    thread = std::move(thread_);
  }
}  // which joins it

std::uint64_t WALRoom::ready() const {
  const std::lock_guard lock(mutex_);
  return ready_;
}

std::string WALRoom::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

void WALRoom::extend_with_zeros(std::uint64_t end) {
  while (ready_ < end) {
    const std::uint64_t next = std::min(end, ready_ + kStep);
    write_zeros(file_, ready_, next);
    set_ready(next);
  }
}

/// Precondition: the mutex is held.
void WALRoom::set_ready(std::uint64_t end) {
  ready_ = end;
  if (urgent_ > 0) changed_.notify_all();
}

/// Precondition: the mutex is held.
void WALRoom::want(std::uint64_t end) {
  if (failed_ || stopped_ || (running_ && wanted_ >= end)) return;
  wanted_ = std::max(wanted_, end);
  changed_.notify_all();
  if (running_) return;
  try {
    thread_ = std::jthread([this](const std::stop_token& stop) { prepare(stop); });
    running_ = true;
  } catch (const std::system_error& error) {
    fail(std::make_exception_ptr(
        UnexpectedError(std::string("the thread that prepares room: ") + error.what())));
  } catch (const std::bad_alloc&) {
    fail(std::current_exception());
  }
}

/// Precondition: the mutex is held. Nobody wants any more what could not be had.
void WALRoom::fail(std::exception_ptr failure) {
  failure_ = std::move(failure);
  failed_ = true;
  ++failures_;
  wanted_ = 0;
  changed_.notify_all();
}

void WALRoom::prepare(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  try {
    const std::unique_ptr<os::File> file = reopen_();
    const auto due = [&] { return wanted_ > ready_ && making_ == 0; };
    while (changed_.wait(lock, stop, due) && !stop.stop_requested()) {
      if (urgent_ == 0 && !is_quiet(lock, stop)) continue;
      const std::uint64_t begin = ready_;
      const std::uint64_t end = std::min(begin + kStep, wanted_);
      claimed_ = true;
      lock.unlock();
      write_step(*file, begin, end);
      lock.lock();
      claimed_ = false;
      ready_ = end;
      changed_.notify_all();
    }
  } catch (const std::exception&) {  // memory may run out as well
    if (!lock.owns_lock()) lock.lock();
    claimed_ = false;
    fail(std::current_exception());
  }
  running_ = false;  // the mutex is not taken any more: it may be held while this is joined
}

/// Called by the thread, without the mutex.
void WALRoom::write_step(os::File& file, std::uint64_t begin, std::uint64_t end) {
  try {
    write_zeros(file, begin, end);
  } catch (const NoSpaceError&) {
    throw;
  } catch (const ProtoBaseError& error) {
    note_broken("written", error);
    throw;
  }
  try {
    file.sync_data();
  } catch (const ProtoBaseError& error) {  // no space found out by a sync is a failed sync
    note_broken("synced", error);
    throw;
  }
}

void WALRoom::note_broken(const char* what, const std::exception& error) {
  const std::lock_guard lock(mutex_);
  broken_ = std::string("the room behind the log could not be ") + what + ": " + error.what();
}

/// Whether the log has not outrun this thread for a moment.
bool WALRoom::is_quiet(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
  const std::uint64_t seen = overtakings_;
  if (seen == calm_after_) return true;
  changed_.wait_for(lock, stop, kQuiet, [&] { return overtakings_ != seen || urgent_ > 0; });
  if (overtakings_ == seen) calm_after_ = seen;
  return false;
}

}  // namespace protobase::file
