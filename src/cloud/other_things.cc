#include "cloud/other_things.h"

#include <fmt/format.h>

#include "cloud/listing.h"
#include "cloud/slot.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

constexpr const char* kBehindProbes = "probe0";  // '0' comes after '/'

}  // namespace

std::optional<std::string> find_first_object(CloudStorageClient& client,
                                             const RetryParts& retry_parts) {
  const auto first_behind = [&](const std::string& key) -> std::optional<std::string> {
    const CloudListPage page = with_retries(retry_parts, [&] { return client.list({}, key, 1); });
    return page.objects.empty() ? std::nullopt : std::optional(page.objects.front().key);
  };
  const auto first = first_behind({});
  return first && first->starts_with(kProbePrefix) ? first_behind(kBehindProbes) : first;
}

bool has_slots_or_segments(CloudStorageClient& client, const RetryParts& retry_parts) {
  bool has_any = false;
  for (const char* const prefix : {kSlotPrefix, kSegmentPrefix}) {
    for_each_listed(client, retry_parts, prefix, [&](const CloudObjectMetadata& object) {
      has_any |= parse_slot_key(object.key) || parse_segment_key(object.key);
      return !has_any;
    });
  }
  return has_any;
}

void throw_other_things(const std::string& location, const std::string& key) {
  throw ValidationError(fmt::format(
      "{} holds other things than a store (such as {}): choose an empty prefix", location, key));
}

}  // namespace protobase::cloud
