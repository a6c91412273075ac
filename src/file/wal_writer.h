// The one writer of a version-1 WAL file: appends, syncs, keeps checkpoints, closes.
//
// Invariants:
//  - Header and directory entry are durable before the first record is written.
//  - A checkpoint says only what a sync before it made durable; it travels to the disk with a later
//    sync.
//  - After a failed sync, the room's included, or a write that failed half way, the file is never
//    written again by us.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "file/space_directory.h"
#include "file/wal_room.h"
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
  /// Takes up a WAL that was closed. `file` holds the writer lock. When it is not `begun`, its
  /// header is still to be written, and its entry in the directory to be synced.
  WALWriter(const SpaceDirectory& directory, std::unique_ptr<os::File> file, const UUID& id,
            const WALHead& head, bool begun = true);
  WALWriter(const WALWriter&) = delete;
  WALWriter& operator=(const WALWriter&) = delete;

  /// Makes the header of a new WAL durable, and its entry in the directory; nothing when they are.
  /// NoSpaceError leaves it to be begun again.
  void begin();
  void write(const WALWriteOperation& operation);
  /// As BlockProvider::place().
  void place(std::uint64_t offset, std::span<const std::byte> bytes,
             const std::function<void(std::span<const std::byte>)>& passes);
  void sync();
  /// Prepares room for `bytes` more behind what is written, so that writing them costs no more than
  /// themselves. Returns when it is on the disk, or the WAL is closed; writes and syncs go on
  /// meanwhile.
  void reserve(std::uint64_t bytes);
  /// Everything written is durable: closes the log, and the space kept ready behind it is given
  /// back. A sealed one is never appended to again, which is durable on return. No call may follow.
  void close(bool sealed);

  /// Leaves the file as it is. Whoever waits in reserve() returns.
  void abandon();

  const UUID& id() const noexcept { return id_; }
  std::uint64_t durable() const noexcept { return durable_.load(std::memory_order_acquire); }
  std::uint64_t written() const noexcept { return written_.load(std::memory_order_acquire); }
  std::uint64_t records() const noexcept { return records_.load(std::memory_order_relaxed); }

 private:
  void throw_if_poisoned();
  [[noreturn]] void poison(const std::string& what, const std::exception& error);
  std::unique_ptr<os::File> open_again() const;
  void begin_locked();
  void make_room(std::uint64_t begin, std::uint64_t end);
  void write_parts(std::uint64_t offset, std::span<const std::span<const std::byte>> parts);
  void checkpoint_if_due();
  format::Checkpoint current_checkpoint() const noexcept;

  const SpaceDirectory& directory_;
  const std::unique_ptr<os::File> file_;
  const UUID id_;
  std::mutex mutex_;
  WALHead head_;
  bool begun_;  ///< header and directory entry are durable
  bool closed_ = false;
  CommitMark written_commit_;
  CommitMark durable_commit_;
  std::uint64_t written_records_ = 0;
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> durable_{0};
  std::atomic<std::uint64_t> records_{0};  ///< durable ones
  std::string poison_;                     ///< why it takes no more writes; empty while it does
  WALRoom room_;                           ///< last: its thread ends first
};

}  // namespace protobase::file
