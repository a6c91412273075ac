// Sends requests to one bucket: builds the URL, signs, counts, and puts right what only a second
// request can: a wrong clock, credentials that have expired. Everything else about S3 stands above.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cloud/request_counter.h"
#include "cloud/s3_credentials.h"
#include "cloud/s3_errors.h"
#include "cloud/sigv4.h"
#include "cloud/url.h"
#include "os/clock.h"
#include "os/net/http.h"
#include "protobase/options.h"

namespace protobase::cloud {

struct S3Request {
  RequestKind kind = RequestKind::kGet;
  std::string operation;  ///< for messages
  std::string method = "GET";
  std::string key{};  ///< with the prefix; empty: the bucket itself
  QueryParameters query{};
  os::HTTPHeaders headers{};
  std::vector<std::span<const std::byte>> body{};
  std::uint64_t max_response_bytes = std::uint64_t{64} << 10;
};

struct S3TransportOptions {
  std::string bucket;
  std::string prefix;  ///< of every key; for messages
  Endpoint endpoint;
  bool path_style = false;
  std::string region;
  std::uint64_t connect_timeout_ms = 0;
  std::uint64_t request_timeout_ms = 0;
  std::uint64_t read_stall_timeout_ms = 0;
  Logger logger{};
  std::shared_ptr<os::HTTPClient> http;
  std::shared_ptr<os::Clock> clock;
};

/// Thread-safe.
class S3Transport final {
 public:
  S3Transport(S3TransportOptions options, std::unique_ptr<S3CredentialsCache> credentials);

  /// Any answer, whatever its status. CloudStorageError when there was none.
  os::HTTPResponse send(const S3Request& request);

  /// Throws what the answer means.
  [[noreturn]] void fail(const S3Request& request, const os::HTTPResponse& response) const;

  S3Asked asked(const S3Request& request) const;
  CloudRequestCounts counts() const { return counter_.counts(); }
  /// `s3://bucket/prefix`
  std::string location() const;
  void log(LogLevel level, const std::string& message) const;

 private:
  os::HTTPRequest signed_request(const S3Request& request, const AWSKeys& keys);
  os::HTTPResponse send_once(const S3Request& request, const AWSKeys& keys);
  bool is_amazon() const;
  std::string endpoint_advice() const;
  std::string host_advice() const;
  bool put_right(const S3Request& request, const os::HTTPResponse& response,
                 const std::shared_ptr<const S3Credentials>& used);
  bool learn_clock(const os::HTTPResponse& response);

  const S3TransportOptions options_;
  const std::unique_ptr<S3CredentialsCache> credentials_;
  SigningKeyCache signing_keys_;
  RequestCounter counter_;
  std::atomic<std::int64_t> store_is_ahead_us_{0};  ///< its clock, of ours
};

}  // namespace protobase::cloud
