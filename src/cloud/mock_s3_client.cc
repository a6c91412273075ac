#include "protobase/mock_s3_client.h"

#include "cloud/memory_bucket_client.h"

namespace protobase {

MockS3Client::MockS3Client() : MockS3Client(nullptr) {}

MockS3Client::MockS3Client(std::shared_ptr<cloud::MemoryBucket> bucket, const std::string& prefix,
                           std::uint64_t part_size)
    : client_(std::make_unique<cloud::MemoryBucketClient>(cloud::StoreKind::kS3, std::move(bucket),
                                                          prefix, part_size)) {}

MockS3Client::~MockS3Client() = default;

std::shared_ptr<cloud::MemoryBucket> MockS3Client::bucket() const { return client_->bucket(); }

CloudGetResult MockS3Client::get(const std::string& key, const CloudGetOptions& options,
                                 const std::string& known_version) {
  return client_->get(key, options, known_version);
}

CloudPutResult MockS3Client::put(const std::string& key,
                                 std::span<const std::span<const std::byte>> parts,
                                 const CloudPutCondition& condition) {
  return client_->put(key, parts, condition);
}

std::optional<CloudObjectMetadata> MockS3Client::head(const std::string& key) {
  return client_->head(key);
}

CloudListPage MockS3Client::list(const std::string& prefix, const std::string& start_after,
                                 unsigned max_keys) {
  return client_->list(prefix, start_after, max_keys);
}

void MockS3Client::remove(std::span<const std::string> keys) { client_->remove(keys); }

CloudRequestCounts MockS3Client::counts() const { return client_->counts(); }

std::string MockS3Client::location() const { return client_->location(); }

}  // namespace protobase
