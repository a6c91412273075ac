// The ranges of GoogleCloudClientOptions.
#include <algorithm>
#include <string>
#include <string_view>

#include "base/check_range.h"
#include "cloud/client_arguments.h"
#include "cloud/url.h"
#include "protobase/errors.h"
#include "protobase/google_cloud_client.h"

namespace protobase {

namespace {

constexpr std::uint64_t kPieceUnit = std::uint64_t{256} << 10;
constexpr std::uint64_t kLargestPiece = std::uint64_t{5} << 30;
constexpr std::uint64_t kLongestTimeoutMs = 3'600'000;
constexpr std::uint64_t kLongestConnectMs = 600'000;
constexpr std::size_t kShortestBucket = 3;
constexpr std::size_t kLongestBucket = 222;

void check_bucket(const std::string& bucket) {
  const bool is_good = std::all_of(bucket.begin(), bucket.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  if (is_good && bucket.size() >= kShortestBucket && bucket.size() <= kLongestBucket) return;
  throw ValidationError("bucket \"" + bucket.substr(0, kLongestBucket) +
                        "\": a bucket has 3 to 222 lower case letters, digits, - _ .");
}

}  // namespace

void GoogleCloudClientOptions::validate() const {
  check_bucket(bucket);
  cloud::checked_prefix(prefix);
  if (!endpoint_url.empty()) cloud::parse_endpoint(endpoint_url, "endpoint_url");
  base::check_range<std::uint64_t>("part_size", part_size, kPieceUnit, kLargestPiece);
  if (part_size % kPieceUnit != 0) {
    throw ValidationError("part_size is " + std::to_string(part_size) +
                          "; it must be a multiple of 262144 (256 KiB)");
  }
  base::check_range<std::uint64_t>("max_parallel_deletes", max_parallel_deletes, 1, 64);
  base::check_range<std::uint64_t>("connect_timeout_ms", connect_timeout_ms, 1, kLongestConnectMs);
  base::check_range<std::uint64_t>("request_timeout_ms", request_timeout_ms, 1, kLongestTimeoutMs);
  base::check_range<std::uint64_t>("read_stall_timeout_ms", read_stall_timeout_ms, 1,
                                   kLongestTimeoutMs);
}

}  // namespace protobase
