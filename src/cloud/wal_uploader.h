// The writing half of CloudBlockProvider: collects what is written to its WALs and puts it into the
// commit log at a sync, large amounts as segments before, several at a time.
//
// Invariants: a WAL's bytes are taken once, in order, without gaps; what was handed to a sync that
// was refused is kept for the next one.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cloud/commit_log.h"
#include "protobase/wal.h"

namespace protobase::cloud {

/// Thread-safe; syncs run one at a time.
class WALUploader final {
 public:
  WALUploader(CommitLog& log, std::shared_ptr<CloudStorageClient> client, RetryParts retry_parts,
              engine::WorkerPool& pool, std::uint64_t object_size)
      : log_(log),
        client_(std::move(client)),
        retry_parts_(std::move(retry_parts)),
        pool_(pool),
        object_size_(object_size) {}

  AtomPointer claim_wal();
  void write(const WALWriteOperation& operation);
  /// nullopt: a WAL of another writer.
  std::optional<std::uint64_t> sync(const UUID& wal);
  /// Throws NotFoundError for a WAL that was not claimed here.
  void release_wal(const UUID& wal) const;

  /// What is written to `wal` and not synced, from `offset` on: how much of `out` that fills.
  std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out) const;
  /// Where the written bytes of a WAL of ours end.
  std::optional<std::uint64_t> end_of(const UUID& wal) const;

 private:
  struct Pending {
    std::uint64_t begin = kWALFirstRecordOffset;  ///< all below is in the log
    std::uint64_t end = kWALFirstRecordOffset;
    std::uint64_t records = 0;  ///< of the whole WAL
    std::vector<SharedBytes> parts;
    std::optional<CommitMark> newest_commit;
  };

  void claim_log();
  Pending snapshot(const UUID& wal) const;
  void upload_segments(SlotContents& contents);
  std::optional<RootVersion> new_root(const UUID& wal, const Pending& pending) const;

  CommitLog& log_;
  const std::shared_ptr<CloudStorageClient> client_;
  const RetryParts retry_parts_;
  engine::WorkerPool& pool_;
  const std::uint64_t object_size_;
  std::mutex sync_mutex_;  // taken before the other
  mutable std::mutex mutex_;
  std::unordered_map<UUID, Pending> wals_;
};

}  // namespace protobase::cloud
