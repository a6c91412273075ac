// The log in memory: what was appended and is not yet durable. Gives every record its address at
// once, hands the bytes to whoever flushes, and finds a record that has not reached the medium.
//
// Invariants:
//  - Positions count the bytes ever appended, over all WALs; durable <= written <= end.
//  - What is written and not durable lies in one WAL, the oldest that has bytes which are not.
//  - A chunk holds consecutive bytes of one WAL and only whole records; or it is the place of a
//    record that goes past the buffer, and holds nothing.
//  - Bytes below a chunk's `used` never change while anybody holds them, except that a commit
//    record that was never written may become a void record of the same size (give_up_commits).
// Not thread-safe: its owner's mutex guards it. Bytes handed out in operations may be read without
// it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "format/record.h"
#include "os/large_memory.h"
#include "protobase/root_register.h"
#include "protobase/wal.h"

namespace protobase::wal {

/// Payload bytes already in place behind room for a header, hashed: a large record is prepared like
/// this outside the lock, so that it is copied once and no other push waits for the copy.
struct PreparedRecord {
  std::shared_ptr<std::byte[]> memory;  ///< stored_size(payload_size) bytes or more
  std::size_t payload_size = 0;
  std::uint64_t payload_hash = 0;
};
PreparedRecord prepare_record(std::span<const std::byte> payload, os::SpareMemory& spare);

class LogBuffer {
 public:
  explicit LogBuffer(std::size_t block_size) : block_size_(block_size) {}
  LogBuffer(const LogBuffer&) = delete;
  LogBuffer& operator=(const LogBuffer&) = delete;

  /// Further records go to this WAL, from this offset on; everything below it is durable.
  void start_wal(const AtomPointer& begin);
  bool has_wal() const noexcept { return !next_.transaction_id.is_nil(); }
  /// Where the next record will start.
  const AtomPointer& next() const noexcept { return next_; }

  /// Precondition of both: has_wal().
  AtomPointer append(format::RecordType type, RecordFormat format,
                     std::span<const std::byte> payload, std::uint64_t payload_hash);
  AtomPointer append(RecordFormat format, PreparedRecord record);

  /// Leaves the place of a record of `size` bytes, framing included, that goes to the medium past
  /// the buffer. Until it is written, by an operation with its header, operations end before it.
  /// Precondition: can_leave_place().
  AtomPointer leave_place(std::size_t size);
  /// Whether all that is not durable lies in the same WAL and nothing of it may be given up.
  bool can_leave_place() const noexcept;
  /// It is not there any more, as if it had never been; false: something was appended behind it.
  bool take_back_place(const AtomPointer& place);
  /// The record goes through the buffer after all.
  void fill_place(const AtomPointer& place, RecordFormat format, PreparedRecord record);
  /// Whether `pointer` is such a place, written and not durable.
  bool has_written_place(const AtomPointer& pointer) const;
  /// Bytes of places that are not durable: they take no memory.
  std::uint64_t placed_bytes() const noexcept { return placed_; }

  /// Appends a commit record for `version` and stores its address in version.commit.
  void append_commit(RootVersion& version);
  void append_mark();
  /// Turns the commit records from `from` on into void records. Precondition: none of them was
  /// handed to the medium, or it promised that nothing of that took effect.
  void give_up_commits(std::uint64_t from);

  std::uint64_t end_position() const noexcept { return end_; }
  std::uint64_t written_position() const noexcept { return written_; }
  std::uint64_t durable_position() const noexcept { return durable_; }
  std::uint64_t unflushed_records() const noexcept { return unflushed_records_; }
  /// Whether anything follows the last commit or mark record.
  bool has_unsealed_records() const noexcept { return unsealed_; }

  /// One operation for the oldest WAL that has bytes which are not durable; nullopt when all are.
  /// It covers everything of that WAL which is not written, possibly nothing.
  std::optional<WALWriteOperation> next_operation() const;
  /// The operation was handed to the medium.
  void mark_written(const WALWriteOperation& operation);
  /// And synced: everything written is durable and leaves the buffer. Returns what it lay in: to
  /// let go of a large block takes the kernel a while, which its owner's mutex need not see.
  std::vector<std::shared_ptr<std::byte[]>> mark_durable(
      const WALWriteOperation& operation) noexcept;

  /// Bytes that may be handed to the medium before anybody asks for a sync: none while a commit
  /// record waits, which must stay possible to give up.
  std::uint64_t writable_ahead() const noexcept;

  /// The bytes from `pointer` to the end of what its chunk holds, and their owner; nullopt when it
  /// does not point into the buffer.
  std::optional<SharedBytes> find(const AtomPointer& pointer) const;

  WALState state() const noexcept;

 private:
  // 8 MiB, what the background writer makes durable at a time by default.
  static constexpr std::size_t kSparePages = 4;
  // Commits that together take less of a block go on behind each other.
  static constexpr std::size_t kLeastPart = 16;

  struct Chunk {
    std::shared_ptr<std::byte[]> memory;
    bool of_block = false;       ///< `memory` is a block, which chunks may share
    std::byte* begin = nullptr;  ///< in `memory`
    std::size_t capacity = 0;
    std::size_t used = 0;
    std::size_t written = 0;
    AtomPointer base;  ///< address of *begin
    std::uint64_t unwritten_records = 0;

    std::uint64_t end_offset() const noexcept { return base.offset + used; }
    bool is_place() const noexcept { return memory == nullptr; }
  };
  struct PendingCommit {
    std::uint64_t position = 0;
    std::uint64_t sequence = 0;
    AtomPointer where;
    std::byte* record = nullptr;
  };
  /// The memory that small records go into, chunk after chunk until it is used up.
  struct Block {
    std::shared_ptr<std::byte[]> memory;
    std::size_t used = 0;
  };

  std::byte* reserve(std::size_t size);
  void begin_block_again();
  bool continues_last_chunk(std::size_t size) const noexcept;
  Chunk& new_chunk(std::shared_ptr<std::byte[]> memory, std::byte* begin, std::size_t capacity);
  void new_own_chunk(std::shared_ptr<std::byte[]> memory, std::size_t size);
  void advance(std::size_t size) noexcept;
  void start_block();
  bool is_bulk() const noexcept;

  const std::size_t block_size_;
  os::LargePages large_pages_{kSparePages};
  std::deque<Chunk> chunks_;  ///< oldest first; the last one is appended to
  std::deque<PendingCommit> pending_commits_;
  Block block_;
  Block region_;  ///< large pages that blocks are cut from under bulk load
  AtomPointer next_;
  std::uint64_t wal_durable_offset_ = 0;  ///< of the WAL being appended to
  AtomPointer written_end_;               ///< where the newest written byte's successor goes
  std::uint64_t end_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t durable_ = 0;
  std::uint64_t placed_ = 0;
  std::uint64_t unwritten_records_ = 0;
  std::uint64_t unflushed_records_ = 0;
  bool unsealed_ = false;
};

}  // namespace protobase::wal
