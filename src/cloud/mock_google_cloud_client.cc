#include "protobase/mock_google_cloud_client.h"

#include "cloud/memory_bucket_client.h"

namespace protobase {

MockGoogleCloudClient::MockGoogleCloudClient() : MockGoogleCloudClient(nullptr) {}

MockGoogleCloudClient::MockGoogleCloudClient(std::shared_ptr<cloud::MemoryBucket> bucket,
                                             const std::string& prefix, std::uint64_t part_size)
    : client_(std::make_unique<cloud::MemoryBucketClient>(cloud::StoreKind::kGoogle,
                                                          std::move(bucket), prefix, part_size)) {}

MockGoogleCloudClient::~MockGoogleCloudClient() = default;

std::shared_ptr<cloud::MemoryBucket> MockGoogleCloudClient::bucket() const {
  return client_->bucket();
}

CloudGetResult MockGoogleCloudClient::get(const std::string& key, const CloudGetOptions& options,
                                          const std::string& known_version) {
  return client_->get(key, options, known_version);
}

CloudPutResult MockGoogleCloudClient::put(const std::string& key,
                                          std::span<const std::span<const std::byte>> parts,
                                          const CloudPutCondition& condition) {
  return client_->put(key, parts, condition);
}

std::optional<CloudObjectMetadata> MockGoogleCloudClient::head(const std::string& key) {
  return client_->head(key);
}

CloudListPage MockGoogleCloudClient::list(const std::string& prefix, const std::string& start_after,
                                          unsigned max_keys) {
  return client_->list(prefix, start_after, max_keys);
}

void MockGoogleCloudClient::remove(std::span<const std::string> keys) { client_->remove(keys); }

CloudRequestCounts MockGoogleCloudClient::counts() const { return client_->counts(); }

std::string MockGoogleCloudClient::location() const { return client_->location(); }

}  // namespace protobase
