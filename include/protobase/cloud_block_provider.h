// CloudBlockProvider: WALs and their root in a bucket, as a commit log of immutable objects.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "protobase/block_provider.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/export.h"
#include "protobase/file_block_provider.h"
#include "protobase/options.h"

namespace protobase {

/// When a commit or flush in a bucket is acknowledged.
enum class CommitDurability {
  kCloud,  ///< when the bucket has it
  kLocal,  ///< when journal_dir has it (one fdatasync); it follows in the background, in order
};

/// Options of a store in a bucket. A value out of range makes the constructor throw ValidationError
/// that names the field.
struct PROTOBASE_EXPORT CloudStorageOptions {
  SpaceAccess access = SpaceAccess::kReadWrite;
  /// Blocks that were read are kept here, made when missing; safe to delete at any time. Empty:
  /// they are kept in memory. Not to be shared between stores.
  std::string cache_dir;
  /// Bound of the above in bytes; 0: nothing is kept. Of each block its bytes count, and 4096 more
  /// in a directory (a file of its own), 256 in memory.
  std::uint64_t cache_size = std::uint64_t{64} << 20;
  /// Bytes of a WAL fetched for a small record, and the unit of the cache. A power of two, 4 KiB -
  /// 1 MiB.
  std::uint64_t cache_block_size = std::uint64_t{64} << 10;
  /// What is flushed at once beyond this goes into objects of about this size, several at a time. 1
  /// MiB - 64 MiB.
  std::uint64_t object_size = std::uint64_t{8} << 20;
  /// Requests in flight together. 1 - 64.
  unsigned max_parallel_requests = 8;
  /// A reader that is asked for the root asks the bucket at most so often, opening included, by one
  /// GET and one more for each new slot. It looks for slots and for what was merged in turn, so a
  /// root is seen after two intervals at the latest. 0: every time. At most a day.
  std::uint64_t poll_interval_ms = 1'000;
  /// A writer merges small objects in the background when so many commits and flushes were not
  /// merged yet. 0: never. At most 1,000,000.
  std::uint64_t merge_after_slots = 4096;
  /// How long a request is tried again, and a commit, before its outcome is unknown. 1 - 3,600,000.
  std::uint64_t commit_timeout_ms = 60'000;
  CommitDurability commit_durability = CommitDurability::kCloud;
  /// Of kLocal, for a single writer: what is acknowledged and not in the bucket yet, made when
  /// missing. Not safe to delete, and not to be shared between stores or processes.
  std::string journal_dir;
  /// Of kLocal: bytes that may wait for the bucket; a commit beyond waits, commit_timeout_ms at
  /// most. 1 MiB - 64 GiB; they are held in memory too. One larger than this is let through alone.
  std::uint64_t max_journal_bytes = std::uint64_t{256} << 20;
  /// CloudFileStorage: what is pushed is published (or, with kLocal, in the journal) after this
  /// time even when nobody commits or flushes. 0: not before. At most a day.
  std::uint64_t upload_interval_ms = 0;
  /// Objects put in a second by commits and flushes, at most: what waits meanwhile goes into the
  /// next one. Caps cost; a commit takes that much longer. 0: no cap, else 0.01 - 100,000.
  double max_put_rate = 0;
  Logger logger{};  ///< silent when empty

  std::shared_ptr<os::FileSystem> file_system{};  ///< of cache and journal; null: the machine's
  std::shared_ptr<os::Clock> clock{};             ///< null: the machine's
  std::shared_ptr<os::Random> random{};           ///< null: the kernel's

  void validate() const;
};

/// What the cache of blocks did since it was opened.
struct CloudCacheStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t damaged = 0;  ///< blocks whose checksum did not hold, read again from the bucket
  std::uint64_t bytes = 0;    ///< now, counted as cache_size counts them
};

/// What is durable here and not in the bucket yet (commit_durability = kLocal).
struct CloudUploadStats {
  std::uint64_t waiting_commits = 0;  ///< and flushes
  std::uint64_t waiting_bytes = 0;
  std::string last_error;  ///< of the last try to put it; empty: that went well
};

/// What merging did.
struct CloudMergeReport {
  std::uint64_t slots = 0;     ///< whose bytes are in segments now
  std::uint64_t segments = 0;  ///< that hold them
  std::uint64_t bytes = 0;     ///< of them
  std::uint64_t removed = 0;   ///< objects that are gone
};

/// Hears slots read of all that are merged, one call at a time.
using CloudMergeProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Segments in the bucket that nothing names: put by flushes and merges that never ended. Those of
/// one that is under way are among them.
struct CloudUnnamedSegments {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

/// Of the object `checkpoint`, which grows with the commits that are not merged and with each
/// process that ever wrote. A longer one than max_bytes is not put: opening then takes more and
/// more requests, and merging fails. From half of it on it is time to merge, or to begin a new
/// store.
struct CloudCheckpointSize {
  std::uint64_t bytes = 0;
  std::uint64_t max_bytes = 0;

  bool is_large() const noexcept { return bytes > max_bytes / 2; }
};

/// Layout and protocol: docs/internals/cloud_format.md.
///
/// Durability: sync() is one PUT (after those of large objects), acknowledged by the bucket; with
/// kLocal one fdatasync of the journal. What the journal holds is put by close(), as far as it can
/// be, and else by the next opening with the same journal_dir, which throws LockingError when
/// another writer moved the root meanwhile (the journal stays). One
/// writer at a time: the first sync or root lock of a provider, or an opening that finds something
/// in its journal, takes over from whoever wrote
/// before, who gets LockingError from then on, for good.
class PROTOBASE_EXPORT CloudBlockProvider final : public BlockProvider {
 public:
  /// Opens the store that the client's bucket and prefix hold; creates it at the first sync.
  /// Errors: NotFoundError (read-only and not there), ValidationError (other things are there),
  /// CorruptionError, NotSupportedError (a newer version), and the client's.
  explicit CloudBlockProvider(std::shared_ptr<CloudStorageClient> client,
                              CloudStorageOptions options = {});
  ~CloudBlockProvider() override;

  AtomPointer claim_wal() override;
  void write(const WALWriteOperation& operation) override;
  std::uint64_t sync(const UUID& wal) override;
  void release_wal(const UUID& wal, bool resumable) override;
  std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                   std::size_t at_least) override;
  bool drop_copies(const UUID& wal, std::uint64_t offset, std::uint64_t size) override;
  /// Where the object that holds `offset` begins: a record does, too.
  std::uint64_t record_begin_before(const UUID& wal, std::uint64_t offset) override;
  WALDescription describe(const UUID& wal) override;
  std::vector<BadPlace> find_damage() override;
  std::vector<UUID> list_wals() override;
  RootRegister& root_register() override;
  void close() override;

  /// Tells this store from another one at the same place. Nil while there is none.
  UUID store_id() const;
  CloudCacheStats cache_stats() const;
  CloudCheckpointSize checkpoint_size() const;  ///< as it was last read or put
  CloudUploadStats upload_stats() const;
  /// Whether all that was acknowledged before is in the bucket, waiting for that if need be; true
  /// with kCloud. LockingError: another writer took over, and it never will be. ValidationError:
  /// the provider was closed meanwhile, and some of it is not.
  bool wait_until_uploaded(std::uint64_t timeout_ms);

  /// Makes large objects of the small ones that commits left, with all addresses as they were;
  /// reads and commits go on meanwhile. May be broken off or done again at any time; close() beside
  /// it breaks it off, and it reports what was done. LockingError is none of its errors: it takes
  /// over nothing.
  CloudMergeReport merge(const CloudMergeProgress& progress = {});

  /// Lists the segments. They cost their room and do no harm; nobody removes them, because nothing
  /// tells them from those of a flush that is under way.
  CloudUnnamedSegments unnamed_segments();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace protobase
