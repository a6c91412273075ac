// Goes through a listing of a bucket, page by page.
#pragma once

#include <string>

#include "cloud/retry.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// One page of what begins with `prefix` and comes behind `behind`. CloudStorageError: after all
/// tries, or for a page that says more comes and does not say behind what.
CloudListPage list_page(CloudStorageClient& client, const RetryParts& retry_parts,
                        const std::string& prefix, const std::string& behind);

/// `visit(metadata)` for each object whose key begins with `prefix`, in the order of the keys,
/// until it returns false. What is put or removed meanwhile may be seen or not.
template <typename Visit>
void for_each_listed(CloudStorageClient& client, const RetryParts& retry_parts,
                     const std::string& prefix, const Visit& visit) {
  std::string behind;
  for (bool is_more = true; is_more;) {
    const CloudListPage page = list_page(client, retry_parts, prefix, behind);
    for (const CloudObjectMetadata& object : page.objects) {
      if (!visit(object)) return;
    }
    is_more = page.is_truncated;
    if (is_more) behind = page.objects.back().key;
  }
}

}  // namespace protobase::cloud
