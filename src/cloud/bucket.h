// A bucket as everything here asks it: what may be asked twice is tried again until it is answered.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "cloud/retry.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/uuid.h"

namespace protobase::cloud {

/// Thread-safe. A value: copies share client, clock and randomness. Each request is tried again as
/// with_retries() says, and throws as CloudStorageClient's after the last try.
class Bucket final {
 public:
  Bucket(std::shared_ptr<CloudStorageClient> client, RetryParts retry_parts)
      : client_(std::move(client)),
        retry_parts_(std::move(retry_parts)),
        location_(client_->location()) {}

  CloudGetResult get(const std::string& key, const CloudGetOptions& options = {},
                     const std::string& known_version = {}) const;
  std::optional<CloudObjectMetadata> head(const std::string& key) const;
  /// A put with a condition that was tried twice may be refused because of its own first try.
  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition = CloudPutCondition::overwrite()) const;
  CloudPutResult put(const std::string& key, std::span<const std::byte> object,
                     const CloudPutCondition& condition = CloudPutCondition::overwrite()) const;
  void remove(std::span<const std::string> keys) const;

  /// One page of what begins with `prefix` and comes behind `behind`. CloudStorageError too for a
  /// page that says more comes and does not say behind what.
  CloudListPage list(const std::string& prefix, const std::string& behind,
                     unsigned max_keys = kMaxKeys) const;
  /// `visit(metadata)` for each object whose key begins with `prefix`, in the order of the keys,
  /// until it returns false. What is put or removed meanwhile may be seen or not.
  template <typename Visit>
  void for_each(const std::string& prefix, const Visit& visit) const;

  template <typename Request>
  auto retried(const Request& request) const {
    return with_retries(retry_parts_, request);
  }
  /// For what must not be tried again, or not in the same way.
  CloudStorageClient& client() const noexcept { return *client_; }
  const RetryParts& retry_parts() const noexcept { return retry_parts_; }
  os::Clock& clock() const noexcept { return *retry_parts_.clock; }
  os::Random& random() const noexcept { return *retry_parts_.random; }
  UUID random_id() const { return UUID::from_random(random().bytes16()); }
  const std::string& location() const noexcept { return location_; }

 private:
  static constexpr unsigned kMaxKeys = 1000;  // as many as stores give at once

  std::shared_ptr<CloudStorageClient> client_;
  RetryParts retry_parts_;
  std::string location_;
};

template <typename Visit>
void Bucket::for_each(const std::string& prefix, const Visit& visit) const {
  std::string behind;
  for (bool is_more = true; is_more;) {
    const CloudListPage page = list(prefix, behind);
    for (const CloudObjectMetadata& object : page.objects) {
      if (!visit(object)) return;
    }
    is_more = page.is_truncated;
    if (is_more) behind = page.objects.back().key;
  }
}

}  // namespace protobase::cloud
