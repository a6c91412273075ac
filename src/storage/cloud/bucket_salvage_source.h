// The half of salvage_space() that reads a bucket.
#pragma once

#include <memory>
#include <vector>

#include "cloud/damaged_bucket.h"
#include "engine/worker_pool.h"
#include "protobase/cloud_copy.h"
#include "protobase/cloud_storage_client.h"
#include "storage/cloud/bucket_space.h"
#include "storage/salvage_source.h"

namespace protobase::storage {

class BucketSalvageSource final : public SalvageSource {
 public:
  /// Fixes what is read. NotFoundError: no store.
  BucketSalvageSource(const std::shared_ptr<CloudStorageClient>& client,
                      const CloudCopyOptions& options);

  const file::SpaceDirectory& space() const override { return space_; }
  SourceName name() const override { return name_; }
  void check_apart(const file::SpaceDirectory& /*target*/) const override {}
  bool has_log() const override { return true; }
  std::vector<RecordInfo> explain(const RecordInfo& bad) const override;
  /// Throws when the bucket gave nothing at all.
  std::vector<BadPlace> other_losses() const override;

 private:
  cloud::DamagedBucket bucket_;
  engine::WorkerPool pool_;
  SourceName name_;
  std::shared_ptr<BucketSpace> shown_;
  const file::SpaceDirectory space_;
};

}  // namespace protobase::storage
