// The writing half of CloudBlockProvider: collects what is written to its WALs and makes it durable
// at a sync: as a slot of the commit log, or first in a journal here.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "cloud/commit_log.h"
#include "cloud/local_commits.h"
#include "cloud/pending_wals.h"
#include "cloud/slot_publisher.h"
#include "protobase/wal.h"

namespace protobase::cloud {

/// Thread-safe; syncs run one at a time.
class WALUploader final {
 public:
  WALUploader(CommitLog& log, Bucket bucket, engine::WorkerPool& pool,
              const PublisherOptions& options)
      : log_(log), bucket_(std::move(bucket)), publisher_(log, bucket_, pool, options) {}

  /// From here on a sync is durable in a journal. Errors and `published` as of LocalCommits.
  void commit_locally(LocalCommitsOptions options, std::function<void()> published);

  AtomPointer claim_wal();
  void write(const WALWriteOperation& operation) { pending_.write(operation); }
  /// nullopt: a WAL of another writer.
  std::optional<std::uint64_t> sync(const UUID& wal);
  /// Throws NotFoundError for a WAL that was not claimed here.
  void release_wal(const UUID& wal) const;
  /// Takes over the writing, if that was not done before.
  void claim_log();

  /// The newest durable root, as far as it is known here.
  std::optional<RootVersion> root() const;
  const PendingWALs& pending() const noexcept { return pending_; }
  /// nullptr: a sync is a slot.
  LocalCommits* local() const noexcept { return local_.get(); }
  /// Puts what waits, as far as that can be done now. Nothing is taken over or committed any more
  /// when it returns; who comes to that later gets ValidationError.
  void close();

 private:
  void throw_if_closed() const;
  void publish(const UnsyncedRange& range);
  std::optional<RootVersion> new_root(const UnsyncedRange& range) const;

  CommitLog& log_;
  const Bucket bucket_;
  SlotPublisher publisher_;
  PendingWALs pending_;
  std::atomic<bool> closed_{false};
  std::mutex sync_mutex_;
  std::unique_ptr<LocalCommits> local_;
};

}  // namespace protobase::cloud
