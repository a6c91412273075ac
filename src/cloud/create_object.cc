#include "cloud/create_object.h"

#include <fmt/format.h>

#include "cloud/other_things.h"
#include "protobase/errors.h"
#include "protobase/uuid.h"

namespace protobase::cloud {
namespace {

// No object has it: no MD5 makes such an ETag, no generation gets that far.
constexpr auto kNoVersion = "9223372036854775807";

/// The condition that the store ignores; nullptr: none.
const char* ignored_condition(CloudStorageClient& client, const RetryParts& retry_parts,
                              const std::string& key) {
  const std::span<const std::byte> object(as_bytes(key));
  const auto is_stored = [&](const CloudPutCondition& condition) {
    return with_retries(retry_parts,
                        [&] {
                          return client.put(key, {&object, 1}, condition);
                        })
        .stored;
  };
  // Refused, though nobody else knows the name: its own answer was lost, or somebody on the way
  // spoke.
  if (!is_stored(CloudPutCondition::if_absent())) is_stored(CloudPutCondition::if_absent());
  // It is there now, and has another version than this.
  if (is_stored(CloudPutCondition::if_absent())) return "create-if-absent (If-None-Match: *)";
  return is_stored(CloudPutCondition::if_version(kNoVersion)) ? "if-match" : nullptr;
}

/// Nobody needs it any more; what cannot be removed is passed over by find_first_object().
void remove_probe(CloudStorageClient& client, const RetryParts& retry_parts,
                  const std::string& key) {
  try {
    with_retries(retry_parts, [&] { return client.remove({&key, 1}), 0; });
  } catch (const NotAuthorizedError&) {  // a writer needs no right to remove
  } catch (const CloudStorageError&) {
  }
}

}  // namespace

void create_object(CloudStorageClient& client, const RetryParts& retry_parts,
                   const std::string& key, std::span<const std::byte> object) {
  const std::string probe =
      std::string(kProbePrefix) + UUID::from_random(retry_parts.random->bytes16()).to_string();
  const char* const ignored = ignored_condition(client, retry_parts, probe);
  remove_probe(client, retry_parts, probe);
  if (ignored != nullptr) {
    throw NotSupportedError(fmt::format(
        "{}: this store does not honour {}, on which the safety of every commit rests: nothing may "
        "be kept there; `protobase doctor` tells more",
        client.location(), ignored));
  }
  // Once more when it is said to be there: see above.
  for (int tries = 0; tries < 2; ++tries) {
    const CloudPutResult put = with_retries(retry_parts, [&] {
      return client.put(key, {&object, 1}, CloudPutCondition::if_absent());
    });
    if (put.stored) return;
  }
}

}  // namespace protobase::cloud
