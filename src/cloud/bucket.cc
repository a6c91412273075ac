#include "cloud/bucket.h"

#include <fmt/format.h>

namespace protobase::cloud {

CloudGetResult Bucket::get(const std::string& key, const CloudGetOptions& options,
                           const std::string& known_version) const {
  return retried([&] { return client_->get(key, options, known_version); });
}

std::optional<CloudObjectMetadata> Bucket::head(const std::string& key) const {
  return retried([&] { return client_->head(key); });
}

CloudPutResult Bucket::put(const std::string& key,
                           std::span<const std::span<const std::byte>> parts,
                           const CloudPutCondition& condition) const {
  return retried([&] { return client_->put(key, parts, condition); });
}

CloudPutResult Bucket::put(const std::string& key, std::span<const std::byte> object,
                           const CloudPutCondition& condition) const {
  return put(key, std::span(&object, 1), condition);
}

void Bucket::remove(std::span<const std::string> keys) const {
  retried([&] { return client_->remove(keys), true; });
}

CloudListPage Bucket::list(const std::string& prefix, const std::string& behind,
                           unsigned max_keys) const {
  return retried([&] {
    CloudListPage page = client_->list(prefix, behind, max_keys);
    // To go on from the same place would have no end, to stop would pass over what comes.
    if (page.is_truncated && (page.objects.empty() || page.objects.back().key <= behind)) {
      throw CloudStorageError(
          CloudFailure::kUnknown, 0,
          fmt::format("{}: a page of the listing of {} that is not the last leads nowhere",
                      location_, prefix));
    }
    return page;
  });
}

}  // namespace protobase::cloud
