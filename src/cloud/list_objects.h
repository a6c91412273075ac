// Every object below a prefix of a bucket.
#pragma once

#include <string>

#include "cloud/retry.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// visit(object) for all whose keys begin with `prefix`, in order.
template <typename Visit>
void list_objects(CloudStorageClient& client, const RetryParts& retry_parts,
                  const std::string& prefix, const Visit& visit) {
  constexpr unsigned kPageSize = 1000;
  CloudListPage page;
  do {
    const std::string behind = page.objects.empty() ? std::string() : page.objects.back().key;
    page = with_retries(retry_parts, [&] { return client.list(prefix, behind, kPageSize); });
    for (const CloudObjectMetadata& object : page.objects) visit(object);
  } while (page.is_truncated && !page.objects.empty());
}

}  // namespace protobase::cloud
