// What is typed as SPACE, POINTER and WAL on the command line: wrong text is wrong usage and
// nothing else, a path stays the path it is, `file:` names every path, and the parts of a bucket's
// location make the same location again.
#include <string>

#include "base/ascii.h"
#include "cli/exit_status.h"
#include "cli/location.h"
#include "fuzz/fuzzing.h"
#include "protobase/errors.h"

namespace {

using protobase::ValidationError;
using protobase::cli::BucketKind;
using protobase::cli::BucketLocation;
using protobase::cli::DirectoryLocation;
using protobase::cli::parse_location;
using protobase::cli::UsageError;
using protobase::fuzz::require;
using protobase::fuzz::result_unless;

void check_directory(std::string_view text, const std::string& path) {
  require(!path.empty());
  require(text == path || text.substr(text.find(':') + 1) == path);
  const auto again = parse_location("file:" + path);
  require(std::get<DirectoryLocation>(again).path == path);
}

std::string encoded(const std::string& text) {
  constexpr auto kDigits = "0123456789abcdef";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    result += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return result;
}

void check_bucket(std::string_view text, const BucketLocation& location) {
  const bool is_s3 = location.kind == BucketKind::kS3;
  require(protobase::base::lower_case(text.substr(0, 5)) == (is_s3 ? "s3://" : "gs://"));
  require(!location.bucket.empty());
  require(location.bucket.find_first_of("/@:?") == std::string::npos);
  require(location.prefix.find('?') == std::string::npos);
  require(is_s3 || (location.region.empty() && !location.path_style));
  std::string written =
      std::string(is_s3 ? "s3://" : "gs://") + location.bucket + "/" + location.prefix + "?";
  if (!location.endpoint_url.empty()) written += "endpoint=" + encoded(location.endpoint_url) + "&";
  if (!location.region.empty()) written += "region=" + encoded(location.region) + "&";
  if (location.path_style) written += "path_style=true";
  const auto again = std::get<BucketLocation>(parse_location(written));
  require(again.bucket == location.bucket && again.prefix == location.prefix &&
          again.endpoint_url == location.endpoint_url && again.region == location.region &&
          again.path_style == location.path_style);
}

void check_location(std::string_view text) {
  const auto location = result_unless<UsageError>([&] { return parse_location(text); });
  const bool may_have_scheme = text.find(':') != std::string_view::npos;
  if (!may_have_scheme) require(location.has_value() == !text.empty());
  if (!location) return;
  if (const auto* const directory = std::get_if<DirectoryLocation>(&*location)) {
    check_directory(text, directory->path);
  } else {
    check_bucket(text, std::get<BucketLocation>(*location));
  }
}

void check_pointer(const std::string& text) {
  const auto typed = result_unless<UsageError>([&] { return protobase::cli::parse_pointer(text); });
  require(typed ==
          result_unless<ValidationError>([&] { return protobase::AtomPointer::parse(text); }));
  const auto id = result_unless<UsageError>([&] { return protobase::cli::parse_wal_id(text); });
  require(id == protobase::UUID::parse(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_location(text);
  check_pointer(text);
  return 0;
}
