// The one writer of a version-1 WAL file: appends, syncs, keeps checkpoints, closes.
//
// Invariants:
//  - Header and directory entry are durable before the first record is written.
//  - A checkpoint says only what a sync before it made durable; it travels to the disk with a later
//    sync.
//  - After a failed sync, or a write that failed half way, the file is never written again by us.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>

#include "file/space_directory.h"
#include "file/wal_tail.h"
#include "os/clock.h"
#include "protobase/wal.h"

namespace protobase::file {

/// Thread-safe. Holds the file's writer lock for as long as it lives.
class WALWriter final {
 public:
  /// Makes the file of a new WAL, empty; begin() or the first write() begins it. `predecessor`:
  /// which WAL it follows at roll-over, and how much of that is durable. `directory` must outlive
  /// it.
  static std::shared_ptr<WALWriter> create(const SpaceDirectory& directory, const UUID& id,
                                           os::Clock& clock,
                                           const std::optional<AtomPointer>& predecessor = {});
  /// Takes up a WAL that was closed. `file` holds the writer lock. With `unbegun`, its header is
  /// still to be written, and its entry in that directory to be synced.
  WALWriter(std::unique_ptr<os::File> file, const UUID& id, const WALHead& head,
            const SpaceDirectory* unbegun = nullptr);
  WALWriter(const WALWriter&) = delete;
  WALWriter& operator=(const WALWriter&) = delete;

  /// Makes the header of a new WAL durable, and its entry in the directory; nothing when they are.
  /// NoSpaceError leaves it to be begun again.
  void begin();
  void write(const WALWriteOperation& operation);
  void sync();
  /// Everything written is durable: closes the log, and the space kept ready behind it is given
  /// back. A sealed one is never appended to again, which is durable on return. No call may follow.
  void close(bool sealed);

  const UUID& id() const noexcept { return id_; }
  std::uint64_t durable() const noexcept { return durable_.load(std::memory_order_acquire); }
  std::uint64_t written() const noexcept { return written_.load(std::memory_order_acquire); }
  std::uint64_t records() const noexcept { return records_.load(std::memory_order_relaxed); }

 private:
  void throw_if_poisoned() const;
  [[noreturn]] void poison(const std::string& what, const std::exception& error);
  void begin_locked();
  void make_room(const WALWriteOperation& operation);
  void extend_with_zeros(std::uint64_t end);
  void checkpoint_if_due();
  format::Checkpoint current_checkpoint() const noexcept;

  const std::unique_ptr<os::File> file_;
  const UUID id_;
  std::mutex mutex_;
  WALHead head_;
  const SpaceDirectory* unbegun_;  ///< null once header and directory entry are durable
  std::uint64_t ready_ = 0;        ///< the file has room, already written, up to here
  CommitMark written_commit_;
  CommitMark durable_commit_;
  std::uint64_t written_records_ = 0;
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> durable_{0};
  std::atomic<std::uint64_t> records_{0};  ///< durable ones
  std::string poison_;                     ///< why it takes no more writes; empty while it does
};

}  // namespace protobase::file
