// Room behind the log of a WAL file: zeros that are on the disk already, so that a commit only
// overwrites blocks that exist and its fdatasync has no metadata to write.
//
// Invariants:
//  - What lies below ready() is the log's: zeros are only ever written at or above it.
//  - A step of the background thread is claimed first, and the log does not grow past ready() while
//    one is claimed. So zeros never meet records.
//  - Room is a convenience: without space, descriptors or memory the thread ends, and the log goes
//    on without it, until somebody calls reserve(). A write or sync of its that fails otherwise is
//    the log's failure too, because a sync is of the whole file: broken() says so, and nothing is
//    acknowledged after it.
//  - The thread syncs through an open file of its own: a failed fdatasync is told to each open file
//    once, and the log's own sync must not miss it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "os/file_system.h"

namespace protobase::file {

/// Thread-safe. `file` must outlive it.
class WALRoom final {
 public:
  /// `reopen` opens the same file once more, for the thread; `ready`: how long the file is.
  WALRoom(os::File& file, std::function<std::unique_ptr<os::File>()> reopen, std::uint64_t ready);
  WALRoom(const WALRoom&) = delete;
  WALRoom& operator=(const WALRoom&) = delete;

  /// Returns when bytes can be written from `begin` to `end`, and sees to the room behind.
  /// NoSpaceError leaves the log as it was.
  void make(std::uint64_t begin, std::uint64_t end);

  /// Returns when there is room up to `end`, or nobody needs it any more: stop(). Throws what kept
  /// it from that; the next call tries again.
  void reserve(std::uint64_t end);

  /// Ends the thread after the step that it writes, and at once who waits in reserve().
  void cancel();
  /// The same, and returns when the thread has ended: ready() stays as it is from then on.
  void stop();

  std::uint64_t ready() const;

  /// What failed at the disk, so that the file is to be written no more; empty: nothing did.
  std::string broken() const;

 private:
  void extend_with_zeros(std::uint64_t end);
  void set_ready(std::uint64_t end);
  void want(std::uint64_t end);
  void fail(std::exception_ptr failure);
  void prepare(const std::stop_token& stop);
  void write_step(os::File& file, std::uint64_t begin, std::uint64_t end);
  void note_broken(const char* what, const std::exception& error);
  bool is_quiet(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);

  os::File& file_;
  const std::function<std::unique_ptr<os::File>()> reopen_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t ready_;
  std::uint64_t wanted_ = 0;       ///< where the thread is to stop
  std::uint64_t overtakings_ = 0;  ///< how often the log had to make room itself
  std::uint64_t calm_after_ = 0;   ///< the overtakings after which the log was quiet for a moment
  bool claimed_ = false;           ///< a step is being written from ready_ on
  bool running_ = false;           ///< the thread is
  bool stopped_ = false;
  unsigned urgent_ = 0;  ///< so many wait in reserve()
  unsigned making_ = 0;  ///< so many wait in make(): the thread lets them pass
  bool failed_ = false;  ///< the thread ended, and only reserve() tries again
  std::uint64_t failures_ = 0;
  std::exception_ptr failure_;  ///< the newest
  std::string broken_;
  std::jthread thread_;  ///< last, because it is joined first; started when it has work
};

}  // namespace protobase::file
