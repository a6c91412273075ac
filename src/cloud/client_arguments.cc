#include "cloud/client_arguments.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>

#include "base/utf8.h"
#include "protobase/errors.h"

namespace protobase::cloud {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

void check_characters(std::string_view what, std::string_view text) {
  const std::string subject(what);
  if (text.size() > kMaxKeyBytes) {
    throw ValidationError(subject + " of " + std::to_string(text.size()) +
                          " bytes with the prefix: the limit of object stores is " +
                          std::to_string(kMaxKeyBytes));
  }
  if (const auto at = base::find_invalid_utf8(text)) {
    throw ValidationError(subject + " is no UTF-8 at byte " + std::to_string(*at));
  }
  if (const auto at = std::find_if(text.begin(), text.end(), is_control); at != text.end()) {
    throw ValidationError(subject + " has a control character at byte " +
                          std::to_string(at - text.begin()));
  }
}

}  // namespace

std::string checked_prefix(std::string_view prefix) {
  if (prefix.starts_with('/')) {
    throw ValidationError("prefix \"" + std::string(prefix) + "\": leave out the slash in front");
  }
  check_characters("the prefix of the keys", prefix);
  std::string result(prefix);
  if (!result.empty() && !result.ends_with('/')) result += '/';
  return result;
}

std::string full_key(std::string_view prefix, std::string_view key) {
  if (key.empty()) throw ValidationError("the key of an object is empty");
  std::string full = full_key_part(prefix, key);
  if (full == "." || full == "..") {
    throw ValidationError("\"" + full + "\" cannot be the key of an object");
  }
  return full;
}

std::string full_key_part(std::string_view prefix, std::string_view part) {
  std::string full(prefix);
  full += part;
  check_characters("a key", full);
  return full;
}

void check_get_options(const CloudGetOptions& options) {
  if (!options.range) return;
  const auto [offset, length] = *options.range;
  if (length == 0) throw ValidationError("a range of no bytes cannot be asked for");
  constexpr std::uint64_t kLast = std::numeric_limits<std::int64_t>::max();
  if (length > kLast || offset > kLast - length) {
    throw ValidationError("the range of " + std::to_string(length) + " bytes at " +
                          std::to_string(offset) + " ends beyond 2^63");
  }
}

void check_max_keys(unsigned max_keys) {
  if (max_keys == 0 || max_keys > kMaxListedKeys) {
    throw ValidationError("max_keys is " + std::to_string(max_keys) + "; it must be from 1 to " +
                          std::to_string(kMaxListedKeys));
  }
}

void check_condition(const CloudPutCondition& condition) {
  if (condition.kind == CloudPutCondition::Kind::kVersion && condition.version.empty()) {
    throw ValidationError("the version that the object should have is empty");
  }
}

void check_generation(std::string_view version) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), value);
  if (error != std::errc() || end != version.data() + version.size() || value <= 0) {
    throw ValidationError("\"" + std::string(version.substr(0, 40)) +
                          "\" is no generation of an object");
  }
}

}  // namespace protobase::cloud
