#include "cloud/create_object.h"

#include <fmt/format.h>

#include "cloud/endpoint_advice.h"
#include "cloud/other_things.h"
#include "cloud/slot.h"
#include "protobase/errors.h"
#include "protobase/uuid.h"

namespace protobase::cloud {
namespace {

// No object has it: no MD5 makes such an ETag, no generation gets that far.
constexpr auto kNoVersion = "9223372036854775807";

/// The condition that the store ignores; nullptr: none.
const char* ignored_condition(const Bucket& bucket, const std::string& key) {
  const std::span<const std::byte> object(as_bytes(key));
  const auto is_stored = [&](const CloudPutCondition& condition) {
    return bucket.put(key, object, condition).stored;
  };
  // Refused, though nobody else knows the name: its own answer was lost, or somebody on the way
  // spoke.
  if (!is_stored(CloudPutCondition::if_absent())) is_stored(CloudPutCondition::if_absent());
  // It is there now, and has another version than this.
  if (is_stored(CloudPutCondition::if_absent())) return "create-if-absent (If-None-Match: *)";
  return is_stored(CloudPutCondition::if_version(kNoVersion)) ? "if-match" : nullptr;
}

/// What is not listed under the key of its put is never found again, and nor would be a commit.
/// More than one look: one that comes late is no reason to refuse the store.
bool is_listed(const Bucket& bucket, const std::string& key) {
  constexpr int kLooks = 4;
  for (int i = 0; i < kLooks; ++i) {
    const CloudListPage page = bucket.list(key, {}, 1);
    if (!page.objects.empty() && page.objects.front().key == key) return true;
  }
  return false;
}

/// Nobody needs it any more; what cannot be removed is passed over by find_first_object().
void remove_probe(const Bucket& bucket, const std::string& key) {
  try {
    bucket.remove({&key, 1});
  } catch (const NotAuthorizedError&) {  // a writer needs no right to remove
  } catch (const CloudStorageError&) {
  }
}

}  // namespace

void check_room_for_keys(const Bucket& bucket) {
  // All of these have the same length.
  UUID id;
  id.bytes.fill(0xFF);
  const std::string longest = segment_key({id, 0, 1, id});
  try {
    bucket.get(longest);
  } catch (const ValidationError& error) {
    throw ValidationError(
        fmt::format("{}: the prefix is too long for a store, whose keys need {} "
                    "bytes behind it ({}): choose a shorter one",
                    bucket.location(), longest.size(), error.what()));
  }
}

void create_object(const Bucket& bucket, const std::string& key,
                   std::span<const std::byte> object) {
  check_room_for_keys(bucket);
  const std::string probe = std::string(kProbePrefix) + bucket.random_id().to_string();
  const char* const ignored = ignored_condition(bucket, probe);
  const bool is_found = ignored != nullptr || is_listed(bucket, probe);
  remove_probe(bucket, probe);
  if (ignored != nullptr) {
    throw NotSupportedError(fmt::format(
        "{}: this store does not honour {}, on which the safety of every commit rests: nothing may "
        "be kept there; `protobase doctor` tells more",
        bucket.location(), ignored));
  }
  if (!is_found) {
    throw NotSupportedError(fmt::format(
        "{}: this store does not list what was put there, so that no commit would be found again: "
        "nothing may be kept there{}; `protobase doctor` tells more",
        bucket.location(), kAreKeysKept));
  }
  // Once more when it is said to be there: see above.
  for (int tries = 0; tries < 2; ++tries) {
    if (bucket.put(key, object, CloudPutCondition::if_absent()).stored) return;
  }
}

}  // namespace protobase::cloud
