#include "cloud/listing.h"

#include <fmt/format.h>

namespace protobase::cloud {
namespace {

constexpr unsigned kPageSize = 1000;  // as many as stores give at once

}  // namespace

CloudListPage list_page(CloudStorageClient& client, const RetryParts& retry_parts,
                        const std::string& prefix, const std::string& behind) {
  return with_retries(retry_parts, [&] {
    CloudListPage page = client.list(prefix, behind, kPageSize);
    // To go on from the same place would have no end, to stop would pass over what comes.
    if (page.is_truncated && (page.objects.empty() || page.objects.back().key <= behind)) {
      throw CloudStorageError(CloudFailure::kUnknown, 0,
                              fmt::format("{}: a page of the listing of {} that is not the last "
                                          "leads nowhere",
                                          client.location(), prefix));
    }
    return page;
  });
}

}  // namespace protobase::cloud
