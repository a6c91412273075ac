#include "cloud/create_object.h"

#include <fmt/format.h>

#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

// An ETag that no MD5 has, and a generation that no object reaches.
constexpr auto kNoVersion = "9223372036854775807";

/// Leaves nothing behind that would let the next one in.
[[noreturn]] void throw_unfit(CloudStorageClient& client, const RetryParts& retry_parts,
                              const std::string& key, const char* condition) {
  std::string left;
  try {
    with_retries(retry_parts, [&] { return client.remove({&key, 1}), 0; });
  } catch (const ProtoBaseError& error) {
    left = fmt::format("; remove its object {} by hand ({})", key, error.what());
  }
  throw NotSupportedError(
      fmt::format("{}: this store does not honour {}, on which the safety of every commit rests: "
                  "nothing may be kept there; `protobase doctor` tells more{}",
                  client.location(), condition, left));
}

}  // namespace

void create_object(CloudStorageClient& client, const RetryParts& retry_parts,
                   const std::string& key, std::span<const std::byte> object) {
  const auto is_stored = [&](const CloudPutCondition& condition) {
    return with_retries(retry_parts,
                        [&] {
                          return client.put(key, {&object, 1}, condition);
                        })
        .stored;
  };
  is_stored(CloudPutCondition::if_absent());
  // It is there now, whoever put it, and has another version than this.
  if (is_stored(CloudPutCondition::if_absent())) {
    throw_unfit(client, retry_parts, key, "create-if-absent (If-None-Match: *)");
  }
  if (is_stored(CloudPutCondition::if_version(kNoVersion))) {
    throw_unfit(client, retry_parts, key, "if-match");
  }
}

}  // namespace protobase::cloud
