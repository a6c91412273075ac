// CloudFileStorage: a store in a bucket.
#pragma once

#include <memory>

#include "protobase/cloud_block_provider.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/engine_storage.h"
#include "protobase/export.h"
#include "protobase/options.h"

namespace protobase {

/// Durable on return of set_current_root, compare_and_set_root and flush_wal: acknowledged by the
/// bucket, or with commit_durability = kLocal by the disk of this machine. One writer at a time: a
/// storage that commits takes over; the one that wrote before gets LockingError from its next
/// commit on, and must be opened again. Any number of readers.
class PROTOBASE_EXPORT CloudFileStorage final : public EngineStorage {
 public:
  /// Errors as CloudBlockProvider's. max_unflushed_bytes is at least 16 x object_size: a bulk load
  /// keeps several objects on their way.
  explicit CloudFileStorage(std::shared_ptr<CloudStorageClient> client,
                            const CloudStorageOptions& cloud = {},
                            const StorageOptions& options = {});
  ~CloudFileStorage() override;

  /// As CloudBlockProvider::merge().
  CloudMergeReport merge(const CloudMergeProgress& progress = {});
  /// As of CloudBlockProvider.
  CloudUnnamedSegments unnamed_segments();
  /// As of CloudBlockProvider.
  CloudCheckpointSize checkpoint_size() const;
  /// What the cache of blocks did.
  CloudCacheStats cache_stats() const;
  /// As of CloudBlockProvider.
  CloudUploadStats upload_stats() const;
  /// As of CloudBlockProvider: whether all that was acknowledged is in the bucket within that time.
  bool wait_until_uploaded(std::uint64_t timeout_ms);

  void close() override;

 private:
  class IntervalFlusher;

  CloudFileStorage(std::shared_ptr<CloudBlockProvider> provider, const StorageOptions& options);

  const std::shared_ptr<CloudBlockProvider> provider_;
  std::unique_ptr<IntervalFlusher> flusher_;  // last, because it uses the rest
};

}  // namespace protobase
