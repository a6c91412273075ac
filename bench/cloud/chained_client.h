// A client that tells how many of its requests had to wait for each other: the longest chain in
// which each began after the one before had been answered.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "protobase/cloud_storage_client.h"

namespace protobase::cloud_bench {

/// Thread-safe.
class ChainedClient final : public CloudStorageClient {
 private:
  template <typename Request>
  auto chained(const Request& request) {
    const unsigned place = longest_chain() + 1;
    auto answer = request();
    const std::lock_guard lock(mutex_);
    longest_ = std::max(longest_, place);
    return answer;
  }

 public:
  explicit ChainedClient(std::shared_ptr<CloudStorageClient> inner) : inner_(std::move(inner)) {}

  CloudGetResult get(const std::string& key, const CloudGetOptions& options = {},
                     const std::string& known_version = {}) override {
    return chained([&] { return inner_->get(key, options, known_version); });
  }
  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition) override {
    return chained([&] { return inner_->put(key, parts, condition); });
  }
  std::optional<CloudObjectMetadata> head(const std::string& key) override {
    return chained([&] { return inner_->head(key); });
  }
  CloudListPage list(const std::string& prefix, const std::string& start_after,
                     unsigned max_keys) override {
    return chained([&] { return inner_->list(prefix, start_after, max_keys); });
  }
  void remove(std::span<const std::string> keys) override {
    chained([&] { return inner_->remove(keys), 0; });
  }
  CloudRequestCounts counts() const override { return inner_->counts(); }
  std::string location() const override { return inner_->location(); }

  unsigned longest_chain() const {
    const std::lock_guard lock(mutex_);
    return longest_;
  }

 private:
  const std::shared_ptr<CloudStorageClient> inner_;
  mutable std::mutex mutex_;
  unsigned longest_ = 0;  // of the requests that were answered
};

}  // namespace protobase::cloud_bench
