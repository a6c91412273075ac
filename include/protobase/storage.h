// SharedStorage: the one interface of all storages. Push an atom, get a pointer; read it back for
// ever; publish one pointer as the root.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "protobase/atom.h"
#include "protobase/atom_pointer.h"
#include "protobase/cache_stats.h"
#include "protobase/export.h"
#include "protobase/record_format.h"
#include "protobase/root_register.h"
#include "protobase/shared_bytes.h"
#include "protobase/wal.h"

namespace protobase {

/// What flush_wal() made durable that was not durable before.
struct FlushResult {
  std::uint64_t bytes = 0;       ///< of records, framing included
  std::uint64_t operations = 0;  ///< records
};

/// Counters since the storage was opened, and what it holds now.
struct StorageStats {
  std::uint64_t pushed_records = 0;
  std::uint64_t pushed_bytes = 0;   ///< payload bytes
  std::uint64_t commits = 0;        ///< acknowledged roots
  std::uint64_t syncs = 0;          ///< waits for stable storage
  std::uint64_t written_bytes = 0;  ///< handed to the medium, framing and commit records included
  std::uint64_t record_reads = 0;   ///< records fetched from the medium
  WALState wal;
  CacheStats object_cache;
  CacheStats bytes_cache;
};

/// What lies at one place of a WAL.
enum class RecordKind {
  kData,    ///< an atom or bytes
  kCommit,  ///< a root was published here
  kMark,    ///< everything before was flushed
  kVoid,    ///< a commit that was given up before it was written
  kBad,     ///< damage: not a valid record, though it once was durable; `reason` says why
  kTorn,    ///< the tail of a write that was never acknowledged; nothing valid is behind it
};

/// One place of a WAL, as a scan meets it.
struct RecordInfo {
  AtomPointer pointer;
  RecordKind kind = RecordKind::kData;
  RecordFormat format = RecordFormat::kRaw;  ///< for kData
  std::uint64_t payload_size = 0;
  std::uint64_t stored_size =
      0;               ///< framing and padding included; for kBad, kTorn: bytes passed over
  std::string reason;  ///< for kBad and kTorn: expected and found
};

/// What a pass over the whole store found.
struct VerifyReport {
  std::uint64_t wals = 0;
  std::uint64_t records = 0;        ///< valid data records
  std::uint64_t payload_bytes = 0;  ///< of those
  std::uint64_t commits = 0;
  std::uint64_t bad_places = 0;  ///< all of them; `bad` lists the first 1,000
  std::vector<BadPlace> bad;
  std::vector<BadPlace> torn_tails;  ///< of writes that were never acknowledged: no damage
};

/// Holds the root lock of a storage until destroyed or released. Movable. Re-entrant: the thread
/// that holds one may take further ones. Destroy it in the thread that took it.
class PROTOBASE_EXPORT RootGuard {
 public:
  /// For implementations: `release` runs once, when the guard ends.
  explicit RootGuard(std::function<void()> release) : release_(std::move(release)) {}
  RootGuard(RootGuard&& other) noexcept : release_(std::exchange(other.release_, nullptr)) {}
  RootGuard& operator=(RootGuard&& other) noexcept {
    if (this != &other) {
      release();
      release_ = std::exchange(other.release_, nullptr);
    }
    return *this;
  }
  ~RootGuard() { release(); }
  /// Gives the lock back early.
  void release() noexcept {
    if (auto run = std::exchange(release_, nullptr)) run();
  }

 private:
  std::function<void()> release_;
};

/// The interface of all storages. Thread-safe throughout. Errors are exceptions (errors.h); after
/// close() every call throws ValidationError. One beside it is answered, and what it acknowledges
/// is durable, or throws the same and commits nothing.
class PROTOBASE_EXPORT SharedStorage {
 public:
  virtual ~SharedStorage() = default;

  // --- push: the pointer is known at once, the bytes are durable after the next commit or flush.
  // A push waits only when max_unflushed_bytes, or 128 MiB of large records, await stable storage.
  // Records of StorageOptions::buffer_size or more go to a file at once, without a copy in the log.

  /// Stores `atom` as JSON. ValidationError: an atom JSON cannot hold (NaN, invalid UTF-8, too
  /// deep) or a payload over blob_max_size.
  virtual AtomPointer push_atom(Atom atom) = 0;
  /// Stores `atom` as MessagePack. ValidationError as above, and for integers beyond 64 bits.
  virtual AtomPointer push_atom_msgpack(Atom atom) = 0;
  /// Stores bytes as they are; `format` says how a reader may decode them; whether they can
  /// be is not checked. ValidationError: empty, over blob_max_size, or no format.
  virtual AtomPointer push_bytes(std::span<const std::byte> bytes,
                                 RecordFormat format = RecordFormat::kRaw) = 0;
  /// push_bytes for each of `many`, in order: the same records, in less time when they are small.
  /// ValidationError: as push_bytes, and nothing is pushed. After another error some may be stored;
  /// nobody has their pointers.
  virtual std::vector<AtomPointer> push_bytes_many(std::span<const std::span<const std::byte>> many,
                                                   RecordFormat format = RecordFormat::kRaw) = 0;
  /// Packs `value` as MessagePack and stores the bytes; ProtoBase's name for push_atom_msgpack.
  virtual AtomPointer push_bytes_msgpack(Atom value) = 0;

  // --- get: NotFoundError when no record starts there, CorruptionError when it is damaged.

  /// The atom, decoded. ValidationError when the record is raw: use get_bytes.
  virtual std::shared_ptr<const Atom> get_atom(const AtomPointer& pointer) = 0;
  /// The stored payload, exactly, whatever its format.
  virtual SharedBytes get_bytes(const AtomPointer& pointer) = 0;
  /// How the payload is to be read: whether get_atom can be used.
  virtual RecordFormat get_format(const AtomPointer& pointer) = 0;
  /// All of them, in the order asked for, with the reads in flight together. Throws the first
  /// error.
  virtual std::vector<std::shared_ptr<const Atom>> get_atoms(
      std::span<const AtomPointer> pointers) = 0;
  /// As get_atoms, for payloads.
  virtual std::vector<SharedBytes> get_bytes_many(std::span<const AtomPointer> pointers) = 0;
  /// Runs on a worker; the future holds the result or the exception.
  virtual std::future<std::shared_ptr<const Atom>> get_atom_async(const AtomPointer& pointer) = 0;
  /// As get_atom_async, for the payload.
  virtual std::future<SharedBytes> get_bytes_async(const AtomPointer& pointer) = 0;

  // --- root

  /// The newest committed root, of any process; nullopt before the first.
  virtual std::optional<AtomPointer> read_current_root() = 0;
  /// Commits: makes everything pushed before durable and then `root` the root, in one step.
  /// ValidationError: nothing is stored at `root`. LockingError: another process,
  /// or another thread's guard, held the root too long. NoSpaceError: not committed.
  /// OutcomeUnknownError: the medium failed half way.
  virtual void set_current_root(const AtomPointer& root) = 0;
  /// The same if the root is `expected` (nullopt: none is set); false when it is not.
  virtual bool compare_and_set_root(const std::optional<AtomPointer>& expected,
                                    const AtomPointer& root) = 0;
  /// Shuts every other thread and process out of moving the root while the guard lives.
  /// LockingError after root_lock_timeout_ms.
  virtual RootGuard root_context_manager() = 0;
  /// Committed roots, newest first, at most `limit`.
  virtual std::vector<RootVersion> root_history(std::size_t limit) = 0;

  // --- log

  /// Makes everything pushed before durable.
  virtual FlushResult flush_wal() = 0;
  /// Prepares the medium for `bytes` more, so that pushing and committing them finds nothing left
  /// to prepare; for a bulk load. At most a whole WAL (wal_max_size); the next one is begun when
  /// this one has no place for so much. Lasts until close(). Without it everything works as well,
  /// only slower. Returns when it is done. NoSpaceError: there is no such room.
  virtual void reserve(std::uint64_t bytes) = 0;
  /// Counters and cache figures; cheap enough to poll.
  virtual StorageStats stats() const = 0;
  /// Every WAL of the store, other writers' included, in a stable order.
  virtual std::vector<WALDescription> list_wals() = 0;
  /// Visits every place of a WAL that is with the medium, in order, until `visit` returns false.
  /// Damage is visited as kBad and passed over; a torn tail is visited once as kTorn. Memory is
  /// bounded by the largest record.
  virtual void scan_wal(const UUID& wal, const std::function<bool(const RecordInfo&)>& visit) = 0;
  /// Reads and checks every record and the root. `progress` (may be empty) hears bytes done of all.
  virtual VerifyReport verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) = 0;

  /// Flushes, gives back every lock and thread. Idempotent; one beside another returns when that
  /// one is done. Throws when the flush fails, after everything is given back. The destructor
  /// closes too and never throws.
  virtual void close() = 0;
};

}  // namespace protobase
