// MockS3Client: an S3 that is memory. For tests and development.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "protobase/cloud_storage_client.h"
#include "protobase/export.h"

namespace protobase {

namespace cloud {
class MemoryBucket;
class MemoryBucketClient;
}  // namespace cloud

/// Versions are quoted ETags of the content, as S3 makes them: the same bytes put again have the
/// same. Objects live as long as a client of their bucket.
class PROTOBASE_EXPORT MockS3Client final : public CloudStorageClient {
 public:
  /// On a new, empty bucket.
  MockS3Client();
  /// On `bucket`, which may have other clients: that is what several machines see. Null: a new one.
  explicit MockS3Client(std::shared_ptr<cloud::MemoryBucket> bucket, const std::string& prefix = "",
                        std::uint64_t part_size = std::uint64_t{16} << 20);
  ~MockS3Client() override;

  /// For another client.
  std::shared_ptr<cloud::MemoryBucket> bucket() const;

  CloudGetResult get(const std::string& key, const CloudGetOptions& options = {},
                     const std::string& known_version = {}) override;
  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition) override;
  std::optional<CloudObjectMetadata> head(const std::string& key) override;
  CloudListPage list(const std::string& prefix, const std::string& start_after,
                     unsigned max_keys) override;
  void remove(std::span<const std::string> keys) override;
  CloudRequestCounts counts() const override;
  std::string location() const override;

 private:
  const std::unique_ptr<cloud::MemoryBucketClient> client_;
};

}  // namespace protobase
