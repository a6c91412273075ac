// The half of copy_space() that reads a store in a bucket, which may be in use.
#pragma once

#include <memory>
#include <optional>

#include "cloud/bucket.h"
#include "cloud/log_checkpoint.h"
#include "engine/worker_pool.h"
#include "protobase/cloud_block_provider.h"
#include "protobase/cloud_copy.h"
#include "protobase/cloud_storage_client.h"
#include "storage/copy_source.h"

namespace protobase::storage {

class BucketCopySource final : public CopySource {
 public:
  /// Fixes what is copied: the log as it is now. NotFoundError: no store. CorruptionError: objects
  /// of the log are missing.
  BucketCopySource(const std::shared_ptr<CloudStorageClient>& client,
                   const CloudCopyOptions& options);

  const SourceName& name() const override { return name_; }
  const CopiedState& state() const override { return state_; }
  wal::ReadSome open(const CopiedWAL& wal) override;
  void copy_python_files(const file::SpaceDirectory& target) override;

 private:
  void expect_newest_checkpoint();
  void read_state();
  wal::ReadSome open_legacy(const CopiedWAL& wal);

  const cloud::Bucket bucket_;
  CloudBlockProvider provider_;
  engine::WorkerPool pool_;
  const SourceName name_;
  CopiedState state_;
  std::optional<cloud::LogCheckpoint> checkpoint_;  // of a store with legacy WALs
};

}  // namespace protobase::storage
