// A client that tells how many of its requests had to wait for each other: the longest chain in
// which each began after the one before had been answered. Answers are held back for a moment: what
// is sent side by side overlaps, however late a thread starts. What a call sends beyond one request
// (a retry, a second look) counts as one more of the chain.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "testing/forwarding_cloud_client.h"

namespace protobase::testing {

/// Thread-safe.
class ChainedClient final : public ForwardingCloudClient {
 private:
  // Longer than a thread of a busy machine waits for its turn; an opening has few requests.
  static constexpr auto kHeldBack = std::chrono::milliseconds(20);

  template <typename Request>
  auto chained(const Request& request) {
    const std::uint64_t place = longest() + 1;
    auto answer = request();
    std::this_thread::sleep_for(kHeldBack);
    const std::lock_guard lock(mutex_);
    longest_ = std::max(longest_, place);
    ++answered_;
    return answer;
  }

 public:
  using ForwardingCloudClient::ForwardingCloudClient;

  CloudGetResult get(const std::string& key, const CloudGetOptions& options = {},
                     const std::string& known_version = {}) override {
    return chained([&] { return inner().get(key, options, known_version); });
  }
  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition) override {
    return chained([&] { return inner().put(key, parts, condition); });
  }
  std::optional<CloudObjectMetadata> head(const std::string& key) override {
    return chained([&] { return inner().head(key); });
  }
  CloudListPage list(const std::string& prefix, const std::string& start_after,
                     unsigned max_keys) override {
    return chained([&] { return inner().list(prefix, start_after, max_keys); });
  }
  void remove(std::span<const std::string> keys) override {
    chained([&] { return inner().remove(keys), 0; });
  }

  std::uint64_t longest_chain() const {
    const CloudRequestCounts sent = counts();
    const std::lock_guard lock(mutex_);
    return longest_ + sent.puts + sent.gets + sent.lists + sent.deletes - answered_;
  }

 private:
  std::uint64_t longest() const {
    const std::lock_guard lock(mutex_);
    return longest_;
  }

  mutable std::mutex mutex_;
  std::uint64_t longest_ = 0;   // of the calls that were answered
  std::uint64_t answered_ = 0;  // calls
};

}  // namespace protobase::testing
