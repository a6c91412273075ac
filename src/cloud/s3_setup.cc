#include "cloud/s3_setup.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "base/check_range.h"
#include "base/safe_logger.h"
#include "cloud/aws_profile.h"
#include "cloud/client_arguments.h"
#include "cloud/s3_credentials_sources.h"
#include "os/environment.h"
#include "os/file_system.h"
#include "protobase/errors.h"

namespace protobase {
namespace {

constexpr std::uint64_t kMinPartSize = std::uint64_t{5} << 20;
constexpr std::uint64_t kMaxPartSize = std::uint64_t{5} << 30;
constexpr std::size_t kMinBucketName = 3;
constexpr std::size_t kMaxBucketName = 255;  // Amazon's end at 63, older and other ones later

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

bool is_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(), is_name_character);
}

void require(bool good, const std::string& message) {
  if (!good) throw ValidationError(message);
}

}  // namespace

void S3ClientOptions::validate() const {
  require(bucket.size() >= kMinBucketName && bucket.size() <= kMaxBucketName && is_name(bucket) &&
              bucket.front() != '.' && bucket.back() != '.' && bucket.find("..") == bucket.npos,
          "bucket is no name of a bucket: letters, digits, '-', '.', '_', at least 3");
  cloud::checked_prefix(prefix);
  if (!endpoint_url.empty()) cloud::parse_endpoint(endpoint_url, "endpoint_url");
  require(is_name(region), "region is no name of a region");
  require(access_key.empty() == secret_key.empty(),
          "of access_key and secret_key only one is set: set both or none");
  require(session_token.empty() || !access_key.empty(), "session_token without an access_key");
  base::check_range<std::uint64_t>("part_size", part_size, kMinPartSize, kMaxPartSize);
  base::check_range<std::uint64_t>("max_whole_conditional_put", max_whole_conditional_put, 0,
                                   kMaxPartSize);
  base::check_range<unsigned>("max_parallel_parts", max_parallel_parts, 1, 64);
  base::check_range<std::uint64_t>("connect_timeout_ms", connect_timeout_ms, 1, 600'000);
  base::check_range<std::uint64_t>("request_timeout_ms", request_timeout_ms, 1, 3'600'000);
  base::check_range<std::uint64_t>("read_stall_timeout_ms", read_stall_timeout_ms, 1, 3'600'000);
}

namespace cloud {
namespace {

/// The first of these variables that is set to something.
std::string first_set(os::Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    auto value = environment.get(name);
    if (value && !value->empty()) return *std::move(value);
  }
  return "";
}

/// What the profile sets, "" for nothing. Its files are not read before it is asked.
using ProfileSettings = std::function<std::string(const std::string& name)>;

std::string find_region(const S3ClientOptions& options, os::Environment& environment,
                        const ProfileSettings& profile) {
  std::string region = options.region;
  if (region.empty()) region = first_set(environment, {"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (region.empty()) region = profile("region");
  if (region.empty()) region = "us-east-1";
  // It becomes part of a host name.
  if (!is_name(region))
    throw ValidationError("the region in the environment or profile is no name");
  return region;
}

/// The endpoint that environment or profile set; nullopt: none, or they are to be ignored.
std::optional<Endpoint> configured_endpoint(os::Environment& environment,
                                            const ProfileSettings& profile) {
  if (first_set(environment, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}) == "true") return {};
  const std::string given = first_set(environment, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  if (!given.empty()) return parse_endpoint(given, "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL");
  if (profile("ignore_configured_endpoint_urls") == "true") return {};
  for (const char* setting : {"s3.endpoint_url", "endpoint_url"}) {
    const std::string url = profile(setting);
    if (!url.empty()) return parse_endpoint(url, "endpoint_url of the profile");
  }
  return {};
}

Endpoint find_endpoint(const S3ClientOptions& options, os::Environment& environment,
                       const ProfileSettings& profile, const std::string& region) {
  if (!options.endpoint_url.empty()) return parse_endpoint(options.endpoint_url, "endpoint_url");
  if (const auto configured = configured_endpoint(environment, profile)) return *configured;
  const char* const china = region.starts_with("cn-") ? ".cn" : "";
  return parse_endpoint("https://s3." + region + ".amazonaws.com" + china, "region");
}

/// A bucket that cannot stand in front of the host, or whose name no certificate covers.
bool needs_path_style(const std::string& bucket, const Endpoint& endpoint) {
  const bool is_host_name = std::none_of(bucket.begin(), bucket.end(), [](char c) {
    return c == '_' || (c >= 'A' && c <= 'Z') || c == '.';
  });
  return endpoint.is_address() || !is_host_name || bucket.size() > 63;
}

}  // namespace

std::unique_ptr<S3Transport> make_s3_transport(const S3ClientOptions& options,
                                               const std::string& prefix) {
  const auto environment = options.environment ? options.environment : os::process_environment();
  const auto file_system = options.file_system ? options.file_system : os::posix_file_system();
  std::optional<AWSProfile> read;
  const ProfileSettings profile = [&](const std::string& name) {
    if (!read) read = read_aws_profile(options.profile, *environment, *file_system);
    return read->get(name);
  };
  S3TransportOptions transport;
  transport.bucket = options.bucket;
  transport.prefix = prefix;
  transport.region = find_region(options, *environment, profile);
  transport.endpoint = find_endpoint(options, *environment, profile, transport.region);
  transport.path_style = options.path_style ||
                         needs_path_style(options.bucket, transport.endpoint) ||
                         (options.endpoint_url.empty() && profile("s3.addressing_style") == "path");
  transport.connect_timeout_ms = options.connect_timeout_ms;
  transport.request_timeout_ms = options.request_timeout_ms;
  transport.read_stall_timeout_ms = options.read_stall_timeout_ms;
  transport.logger = base::safe_logger(options.logger);
  transport.clock = options.clock ? options.clock : os::system_clock();
  transport.http = options.http;
  if (!transport.http) {
    const bool is_given = !options.ca_file.empty();
    transport.http = os::curl_http_client(
        {.ca_file = is_given ? options.ca_file : first_set(*environment, {"AWS_CA_BUNDLE"})});
  }
  const AWSKeys given{options.access_key, options.secret_key, options.session_token};
  auto credentials = std::make_unique<S3CredentialsCache>(
      s3_credentials_sources(
          given, options.profile,
          {transport.http, transport.clock, environment, file_system, transport.region}),
      transport.clock, transport.logger);
  return std::make_unique<S3Transport>(std::move(transport), std::move(credentials));
}

}  // namespace cloud
}  // namespace protobase
