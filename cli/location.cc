// See location.h.
#include "cli/location.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/ascii.h"
#include "base/percent_decode.h"
#include "cli/exit_status.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

constexpr auto kS3Form = "s3://BUCKET/PREFIX?endpoint=URL&region=REGION&path_style=true";
constexpr auto kGoogleForm = "gs://BUCKET/PREFIX?endpoint=URL";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_scheme_character(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/// The scheme by the syntax of RFC 3986 (section 3.1), or empty when the text is a plain path.
std::string_view scheme_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_letter(text[0])) return {};
  const std::string_view scheme = text.substr(0, colon);
  return std::ranges::all_of(scheme, is_scheme_character) ? scheme : std::string_view{};
}

DirectoryLocation directory_at(std::string_view path, const std::string& argument) {
  if (path.empty()) throw UsageError(argument + " is empty: name a directory");
  return {std::string(path)};
}

/// Up to the first `separator`, and what stands behind it.
std::pair<std::string_view, std::string_view> split(std::string_view text, char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

const char* form_of(BucketKind kind) { return kind == BucketKind::kS3 ? kS3Form : kGoogleForm; }

/// `what`: said of the argument.
[[noreturn]] void throw_wrong(const BucketLocation& location, const std::string& what) {
  throw UsageError(
      fmt::format("{}{}; a bucket is written {}", location.argument, what, form_of(location.kind)));
}

/// `place`: of a URL where people put `user:password@`, up to the first slash.
void refuse_credentials(const BucketLocation& location, std::string_view place,
                        const char* characters) {
  if (place.find_first_of(characters) == std::string_view::npos) return;
  throw_wrong(location,
              " holds a user or a password: credentials come from the environment or the "
              "vendor's files, never from the command line");
}

std::string_view authority_of(std::string_view url) {
  const std::size_t begin = url.find("://");
  if (begin != std::string_view::npos) url.remove_prefix(begin + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

bool parse_bool(const BucketLocation& location, const std::string& value) {
  if (value == "true") return true;
  if (value != "false") throw_wrong(location, ": path_style is true or false");
  return false;
}

void set_parameter(BucketLocation& location, const std::string& name, std::string value) {
  const bool is_s3 = location.kind == BucketKind::kS3;
  if (name == "endpoint") {
    refuse_credentials(location, authority_of(value), "@");
    location.endpoint_url = std::move(value);
  } else if (is_s3 && name == "region") {
    location.region = std::move(value);
  } else if (is_s3 && name == "path_style") {
    location.path_style = parse_bool(location, value);
  } else {
    // Its value is not repeated: somebody may have taken this for the place of a key.
    throw_wrong(location, fmt::format(": \"{}\" is no parameter of a location", name));
  }
}

void parse_query(std::string_view query, BucketLocation& location) {
  std::set<std::string> seen;
  while (!query.empty()) {
    const auto [parameter, rest] = split(query, '&');
    query = rest;
    const auto [raw_name, raw_value] = split(parameter, '=');
    const std::string name(raw_name);
    auto value = base::percent_decode(raw_value, false);
    if (!value) {
      throw_wrong(location, fmt::format(": {}: a % has no two digits behind it", name));
    }
    if (!seen.insert(name).second) {
      throw_wrong(location, fmt::format(": \"{}\" is given twice", name));
    }
    if (value->empty()) throw_wrong(location, fmt::format(": \"{}\" is empty", name));
    set_parameter(location, name, *std::move(value));
  }
}

/// `rest`: what stands behind "s3:" or "gs:".
BucketLocation bucket_at(BucketKind kind, std::string_view rest, const std::string& argument) {
  BucketLocation location{kind, {}, {}, {}, {}, false, argument};
  if (!rest.starts_with("//")) throw_wrong(location, " lacks the two slashes");
  const auto [path, query] = split(rest.substr(2), '?');
  const auto [bucket, prefix] = split(path, '/');
  refuse_credentials(location, bucket, "@:");
  if (bucket.empty()) throw_wrong(location, " names no bucket");
  location.bucket = bucket;
  location.prefix = prefix;
  parse_query(query, location);
  return location;
}

}  // namespace

Location parse_location(std::string_view text, const std::string& argument) {
  const std::string scheme = base::lower_case(scheme_of(text));
  if (scheme.empty()) return directory_at(text, argument);
  const std::string_view rest = text.substr(scheme.size() + 1);
  if (scheme == "file") return directory_at(rest, argument);
  if (scheme == "s3") return bucket_at(BucketKind::kS3, rest, argument);
  if (scheme == "gs") return bucket_at(BucketKind::kGoogle, rest, argument);
  const bool may_hold_password = authority_of(text).find('@') != std::string_view::npos;
  throw UsageError(
      fmt::format("{2} {0}: unknown scheme \"{1}:\"; for a directory of that name write file:{0}",
                  may_hold_password ? scheme + "://..." : std::string(text), scheme, argument));
}

const std::string& directory_of(const Location& location, std::string_view advice) {
  if (const auto* const directory = std::get_if<DirectoryLocation>(&location)) {
    return directory->path;
  }
  const auto& bucket = std::get<BucketLocation>(location);
  throw UsageError(fmt::format("{} {}://{}/{} is a bucket: {}", bucket.argument,
                               bucket.kind == BucketKind::kS3 ? "s3" : "gs", bucket.bucket,
                               bucket.prefix, advice));
}

AtomPointer parse_pointer(const std::string& text) {
  try {
    return AtomPointer::parse(text);
  } catch (const ValidationError& error) {
    throw UsageError(error.what());
  }
}

UUID parse_wal_id(const std::string& text) {
  const auto id = UUID::parse(text);
  if (!id) throw UsageError(fmt::format("\"{}\" is no WAL id: a UUID is expected", text));
  return *id;
}

}  // namespace protobase::cli
