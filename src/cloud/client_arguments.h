// What every client of a bucket checks before it makes a request, so that all refuse the same.
// Errors: ValidationError that names the rule.
#pragma once

#include <string>
#include <string_view>

#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

inline constexpr std::size_t kMaxKeyBytes = 1024;
inline constexpr unsigned kMaxListedKeys = 1000;

/// `prefix` as it stands in front of every key: "" or with one slash behind it. Refused: a slash at
/// its beginning, what no key may hold.
std::string checked_prefix(std::string_view prefix);

/// `prefix` + `key`, the key of the object in the bucket: UTF-8, 1 - kMaxKeyBytes, no control
/// characters; as a whole neither "." nor "..", which would make a URL that means the bucket.
std::string full_key(std::string_view prefix, std::string_view key);

/// For the arguments of list(): the same, but `part` may be empty.
std::string full_key_part(std::string_view prefix, std::string_view part);

void check_get_options(const CloudGetOptions& options);
void check_max_keys(unsigned max_keys);
/// A version to compare with must be there.
void check_condition(const CloudPutCondition& condition);
/// Of Google: a decimal number from 1 to 2^63 - 1. 0 would mean "no object".
void check_generation(std::string_view version);

}  // namespace protobase::cloud
