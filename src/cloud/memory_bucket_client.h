// One client of a MemoryBucket: keys, conditions, ranges, pages and the counting of requests as the
// real stores have them. Both mock clients are this, in one of its two ways.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cloud/memory_bucket.h"
#include "cloud/request_counter.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// What differs between the stores.
enum class StoreKind {
  kS3,      ///< a version is an ETag; one request removes 1,000 keys
  kGoogle,  ///< a version is a generation; one request removes one
};

/// Thread-safe.
class MemoryBucketClient final : public CloudStorageClient {
 public:
  MemoryBucketClient(StoreKind kind, std::shared_ptr<MemoryBucket> bucket,
                     const std::string& prefix, std::uint64_t part_size);

  CloudGetResult get(const std::string& key, const CloudGetOptions& options,
                     const std::string& known_version) override;
  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition) override;
  std::optional<CloudObjectMetadata> head(const std::string& key) override;
  CloudListPage list(const std::string& prefix, const std::string& start_after,
                     unsigned max_keys) override;
  void remove(std::span<const std::string> keys) override;
  CloudRequestCounts counts() const override { return counter_.counts(); }
  std::string location() const override;

  const std::shared_ptr<MemoryBucket>& bucket() const noexcept { return bucket_; }

 private:
  std::string version_of(const MemoryObject& object) const;
  CloudObjectMetadata metadata_of(const std::string& key, const MemoryObject& object) const;
  void check_version(const std::string& version) const;
  void count_put(std::uint64_t size);

  const StoreKind kind_;
  const std::shared_ptr<MemoryBucket> bucket_;
  const std::string prefix_;
  const std::uint64_t part_size_;
  RequestCounter counter_;
};

}  // namespace protobase::cloud
