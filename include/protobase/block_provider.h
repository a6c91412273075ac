// The first waist: where bytes live and when they are durable. A provider knows WAL ids, offsets
// and bytes; nothing of records or atoms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protobase/errors.h"
#include "protobase/root_register.h"
#include "protobase/shared_bytes.h"
#include "protobase/wal.h"

namespace protobase {

/// One read of many.
struct BlockRead {
  UUID wal{};
  std::uint64_t offset = 0;
  std::span<std::byte> out{};
  std::size_t filled = 0;  ///< set by read_many()
};

/// Contract, held by test/conformance/block_provider_conformance.h; thread-safe:
///  - A WAL id is never reused. Each (WAL, offset) is written once, by one writer, in order without
///    gaps; writing the same operation twice is harmless. What place() puts behind the end is not
///    written before the write() that counts it as placed.
///  - sync() returns only when every byte written before to that WAL is durable. After it failed,
///    or a write failed half way, the WAL is poisoned: every later write and sync throws.
///  - NoSpaceError from write() means nothing was written; the same operation may be tried again.
///    An error of either that is a NothingTookEffect too means that nothing of what was written
///    since the last sync() took effect or ever will. The commit records among it will be given up
///    before the same is tried again.
///  - LockingError from sync(): another writer took over. Nothing since the last sync() took
///    effect, and nothing ever will through this provider.
///  - read() returns the bytes asked for or throws; reads are concurrent with everything.
class BlockProvider {
 public:
  virtual ~BlockProvider() = default;

  /// A WAL that only this provider appends to, and where to begin: a finished one taken up again or
  /// a new id. A new one does not touch the medium. Throws NotSupportedError when read-only.
  virtual AtomPointer claim_wal() = 0;

  /// Puts the bytes in their place, durable after the next sync().
  virtual void write(const WALWriteOperation& operation) = 0;

  /// Whether place() may be called.
  virtual bool can_place() const noexcept { return false; }
  /// Puts bytes in their place before those that come first are known: `bytes` go to `offset`,
  /// behind what is written to `wal`, in parts, each of which `passes` hears of just before. They
  /// are the caller's again on return. Errors are those of write(), and what was placed may then be
  /// placed or written over, while the WAL is not poisoned. NothingTookEffect: only while nothing
  /// was written to the WAL.
  virtual void place(const UUID& wal, std::uint64_t offset, std::span<const std::byte> bytes,
                     const std::function<void(std::span<const std::byte> part)>& passes) {
    static_cast<void>(bytes);
    static_cast<void>(passes);
    throw NotSupportedError("WAL " + wal.to_string() + ", offset " + std::to_string(offset) +
                            ": this medium cannot place bytes behind the end");
  }

  /// Makes everything written to `wal` durable and returns the end of that. For a WAL of another
  /// writer: whatever it had written when the call began, up to a place where it failed to.
  virtual std::uint64_t sync(const UUID& wal) = 0;

  /// Prepares room for `bytes` more behind what is written to `wal`, so that writing and syncing
  /// them costs no more than themselves; does nothing for one that was released meanwhile. Nothing
  /// depends on it. NoSpaceError: there is no such room.
  virtual void reserve(const UUID& wal, std::uint64_t bytes) {
    static_cast<void>(wal);
    static_cast<void>(bytes);
  }

  /// No further write will come; `resumable`: a later claim_wal() may go on behind the last byte.
  virtual void release_wal(const UUID& wal, bool resumable) = 0;

  /// Fills at least `at_least` bytes of `out` from `offset` and returns how many are filled;
  /// at_least 0: as many as there are.
  /// Throws NotFoundError when the WAL is unknown or ends before offset + at_least.
  virtual std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                           std::size_t at_least) = 0;

  /// Forgets copies of these bytes that lie nearer than the medium: they were found damaged. False:
  /// there is none, so reading again gives the same.
  virtual bool drop_copies(const UUID& wal, std::uint64_t offset, std::uint64_t size) {
    static_cast<void>(wal);
    static_cast<void>(offset);
    static_cast<void>(size);
    return false;
  }

  /// Of a version-1 WAL: a place at or before `offset` where a record begins, the nearest that is
  /// known without reading.
  virtual std::uint64_t record_begin_before(const UUID& wal, std::uint64_t offset) {
    static_cast<void>(wal);
    static_cast<void>(offset);
    return kWALFirstRecordOffset;
  }

  /// Whether map() is worth asking.
  virtual bool can_map() const noexcept { return false; }
  /// The WAL from its first byte on, in memory, with room to grow. Only what describe() calls
  /// durable may be touched, and only while it may: an error of the disk kills the process
  /// (SIGBUS). Empty when this WAL cannot be mapped. Throws NotFoundError for an unknown WAL.
  virtual SharedBytes map(const UUID& wal) {
    static_cast<void>(wal);
    return {};
  }

  /// Tries all of them in flight together, each for itself. `filled` is how much of `out` has been
  /// read, from its beginning: less than read() would give, or nothing, for any reason, which
  /// read() tells. False: this medium has no such way, now or later, and nothing was tried; several
  /// threads that read() are the best there is.
  virtual bool read_many(std::span<BlockRead> reads) {
    static_cast<void>(reads);
    return false;
  }

  /// Throws NotFoundError for an unknown WAL.
  virtual WALDescription describe(const UUID& wal) = 0;

  /// Damage of what the provider itself keeps around the records: of headers, and WALs that are
  /// missing or shorter than they were. For verify.
  virtual std::vector<BadPlace> find_damage() = 0;

  /// Every WAL, in no particular order.
  virtual std::vector<UUID> list_wals() = 0;

  /// The agreement on the root that belongs to this place.
  virtual RootRegister& root_register() = 0;

  /// Releases every WAL, lock and descriptor. Idempotent; one beside another returns when that one
  /// is done. Every later call throws ValidationError, and one beside it does or is answered.
  virtual void close() = 0;
};

}  // namespace protobase
