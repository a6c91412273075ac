#include "cloud/other_things.h"

#include <fmt/format.h>

#include <string_view>

#include "cloud/slot.h"
#include "protobase/errors.h"
#include "protobase/uuid.h"

namespace protobase::cloud {
namespace {

/// What comes behind everything that is there of the check or test to which `key` belongs; "": it
/// belongs to none.
std::string behind_tests(const std::string& key) {
  constexpr std::size_t kUUID = 36;
  const auto has_uuid_behind = [&](std::string_view prefix) {
    return key.starts_with(prefix) && UUID::parse(key.substr(prefix.size(), kUUID));
  };
  if (has_uuid_behind(kProbePrefix) && key.size() == kProbePrefix.size() + kUUID) return key;
  const std::size_t end = kDoctorPrefix.size() + kUUID;
  const bool is_of_doctor = has_uuid_behind(kDoctorPrefix) && key.size() > end && key[end] == '/';
  return is_of_doctor ? key.substr(0, end) + "0" : "";  // '0' comes after '/'
}

}  // namespace

std::optional<std::string> find_first_object(const Bucket& bucket) {
  const auto first_behind = [&](const std::string& key) -> std::optional<std::string> {
    const CloudListPage page = bucket.list({}, key, 1);
    return page.objects.empty() ? std::nullopt : std::optional(page.objects.front().key);
  };
  for (std::string behind;;) {
    const auto first = first_behind(behind);
    behind = first ? behind_tests(*first) : "";
    if (behind.empty()) return first;
  }
}

bool has_slots_or_segments(const Bucket& bucket) {
  bool has_any = false;
  for (const char* const prefix : {kSlotPrefix, kSegmentPrefix}) {
    bucket.for_each(prefix, [&](const CloudObjectMetadata& object) {
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
