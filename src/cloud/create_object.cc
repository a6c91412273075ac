#include "cloud/create_object.h"

#include <fmt/format.h>

#include "protobase/errors.h"

namespace protobase::cloud {

void create_object(CloudStorageClient& client, const RetryParts& retry_parts,
                   const std::string& key, std::span<const std::byte> object) {
  const auto put = [&] {
    return with_retries(retry_parts, [&] {
      return client.put(key, {&object, 1}, CloudPutCondition::if_absent());
    });
  };
  put();
  if (put().stored) {
    throw NotSupportedError(fmt::format(
        "{}: this store does not honour create-if-absent (If-None-Match: *), on which every commit "
        "rests: nothing may be kept there; `protobase doctor` tells more",
        client.location()));
  }
}

}  // namespace protobase::cloud
