// A CloudStorageClient that hands every call on: decorators of tests and benchmarks override the
// one they are about.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "protobase/cloud_storage_client.h"

namespace protobase::testing {

/// As thread-safe as `inner`.
class ForwardingCloudClient : public CloudStorageClient {
 public:
  explicit ForwardingCloudClient(std::shared_ptr<CloudStorageClient> inner)
      : inner_(std::move(inner)) {}

  CloudStorageClient& inner() const noexcept { return *inner_; }

  CloudGetResult get(const std::string& key, const CloudGetOptions& options = {},
                     const std::string& known_version = {}) override {
    return inner_->get(key, options, known_version);
  }
  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition) override {
    return inner_->put(key, parts, condition);
  }
  std::optional<CloudObjectMetadata> head(const std::string& key) override {
    return inner_->head(key);
  }
  CloudListPage list(const std::string& prefix, const std::string& start_after,
                     unsigned max_keys) override {
    return inner_->list(prefix, start_after, max_keys);
  }
  void remove(std::span<const std::string> keys) override { inner_->remove(keys); }
  CloudRequestCounts counts() const override { return inner_->counts(); }
  std::string location() const override { return inner_->location(); }

 private:
  const std::shared_ptr<CloudStorageClient> inner_;
};

}  // namespace protobase::testing
