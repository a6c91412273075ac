#include "cloud/s3_transport.h"

#include <cstdlib>

#include "base/byte_spans.h"
#include "cloud/content_range.h"
#include "cloud/endpoint_advice.h"
#include "cloud/http_date.h"
#include "os/net/crypto.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
// The Date header has whole seconds and is as old as the way back took.
constexpr std::int64_t kClockToleranceUs = 60 * kMicrosPerSecond;
// Amazon refuses from here; a refusal of a HEAD has no body that says why.
constexpr std::int64_t kRefusedSkewUs = 15 * 60 * kMicrosPerSecond;

}  // namespace

S3Transport::S3Transport(S3TransportOptions options,
                         std::unique_ptr<S3CredentialsCache> credentials)
    : options_(std::move(options)), credentials_(std::move(credentials)) {}

std::string S3Transport::location() const {
  std::string text = "s3://" + options_.bucket;
  if (!options_.prefix.empty()) text += "/" + options_.prefix;
  if (text.ends_with('/')) text.pop_back();
  return text;
}

S3Asked S3Transport::asked(const S3Request& request) const {
  const std::string_view key = request.key;
  const bool has_prefix = key.starts_with(options_.prefix);
  return {request.operation, location() + " at " + options_.endpoint.origin(),
          std::string(has_prefix ? key.substr(options_.prefix.size()) : key), options_.region,
          host_advice()};
}

void S3Transport::fail(const S3Request& request, const os::HTTPResponse& response) const {
  throw_s3_error(asked(request), response);
}

os::HTTPResponse S3Transport::send(const S3Request& request) {
  const auto credentials = credentials_->get();
  os::HTTPResponse response = send_once(request, credentials->keys);
  if (response.status < 400 || !put_right(request, response, credentials)) return response;
  return send_once(request, credentials_->get()->keys);
}

os::HTTPRequest S3Transport::signed_request(const S3Request& request, const AWSKeys& keys) {
  Endpoint endpoint = options_.endpoint;
  std::string path = "/" + percent_encode_path(request.key);
  if (options_.path_style) {
    path = "/" + options_.bucket + (request.key.empty() ? "" : path);
  } else {
    endpoint.host = options_.bucket + "." + endpoint.host;
  }
  RequestToSign to_sign{request.method, endpoint.authority(), path,
                        request.query,  request.headers,      os::to_hex(os::sha256(request.body))};
  const std::int64_t now_us = options_.clock->unix_us() + store_is_ahead_us_;
  auto added =
      sign_v4(to_sign, keys, {options_.region, "s3"}, now_us / kMicrosPerSecond, signing_keys_);

  os::HTTPRequest http;
  http.method = request.method;
  http.url = endpoint.origin() + path;
  if (!request.query.empty()) http.url += "?" + query_text(request.query);
  http.headers = request.headers;
  http.headers.insert(http.headers.end(), added.begin(), added.end());
  http.body = request.body;
  http.max_response_bytes = request.max_response_bytes;
  http.connect_timeout_ms = options_.connect_timeout_ms;
  http.timeout_ms = options_.request_timeout_ms;
  if (is_reading(request.kind)) http.stall_timeout_ms = options_.read_stall_timeout_ms;
  return http;
}

os::HTTPResponse S3Transport::send_once(const S3Request& request, const AWSKeys& keys) {
  const os::HTTPRequest http = signed_request(request, keys);
  counter_.add(request.kind, base::total_size(request.body));
  try {
    os::HTTPResponse response = options_.http->perform(http);
    counter_.add_received(response.body.size());
    return response;
  } catch (const os::HTTPTooLargeError& error) {
    const CloudFailure failure = failure_of_long_answer(request.kind, request.headers);
    throw CloudStorageError(failure, 0,
                            s3_where(asked(request)) + ": " + error.what() +
                                (failure == CloudFailure::kRefused ? kIsItS3 : ""));
  } catch (const os::HTTPUntrustedError& error) {
    throw CloudStorageError(CloudFailure::kRefused, 0,
                            s3_where(asked(request)) + ": " + error.what() +
                                "; the certificate to trust must stand in the file that ca_file or "
                                "AWS_CA_BUNDLE names" +
                                host_advice());
  } catch (const os::HTTPForeignError& error) {
    const bool may_be_done = error.was_sent() && !is_reading(request.kind);
    throw CloudStorageError(may_be_done ? CloudFailure::kUnknown : CloudFailure::kRefused, 0,
                            s3_where(asked(request)) + ": " + error.what() + endpoint_advice());
  } catch (const os::HTTPError& error) {
    const bool was_sent = error.was_sent();
    throw CloudStorageError(was_sent ? CloudFailure::kUnknown : CloudFailure::kNotSent, 0,
                            s3_where(asked(request)) + ": " + error.what() + endpoint_advice() +
                                (was_sent ? "" : host_advice()));
  }
}

bool S3Transport::is_amazon() const {
  return options_.endpoint.host.find(".amazonaws.com") != std::string::npos;
}

/// Amazon's is made of the region.
std::string S3Transport::endpoint_advice() const {
  if (!is_amazon()) return kLookAtEndpoint;
  return "; look at the region (" + options_.region + ") and at the network";
}

/// For who cannot be reached or believed: few stores but Amazon's know buckets as hosts.
std::string S3Transport::host_advice() const {
  if (options_.path_style || is_amazon()) return "";
  return "; if buckets are no hosts there, set path_style to true";
}

/// Whether the same request may be signed anew: the answer says that it had no effect, and why.
bool S3Transport::put_right(const S3Request& request, const os::HTTPResponse& response,
                            const std::shared_ptr<const S3Credentials>& used) {
  if (response.status != 400 && response.status != 401 && response.status != 403) return false;
  const auto error = parse_s3_error(response.text());
  if (request.method == "HEAD") {  // no body, so it may be either
    return (response.status == 403 && learn_clock(response)) ||
           (response.status == 400 && credentials_->renew(used));
  }
  if (!error) return false;
  if (error->code == "RequestTimeTooSkewed") return learn_clock(response);
  const bool has_expired = error->code == "ExpiredToken" || error->code == "TokenRefreshRequired";
  return has_expired && credentials_->renew(used);
}

bool S3Transport::learn_clock(const os::HTTPResponse& response) {
  const auto date = parse_http_date(response.header("date"));
  if (!date) return false;
  const std::int64_t ahead_us = *date * kMicrosPerSecond - options_.clock->unix_us();
  const std::int64_t wrong_us = std::abs(ahead_us - store_is_ahead_us_.exchange(ahead_us));
  const bool has_body = !response.body.empty();
  if (wrong_us < (has_body ? kClockToleranceUs : kRefusedSkewUs)) return false;
  log(LogLevel::kWarning,
      "the clock of this machine is " + std::to_string(std::abs(ahead_us) / kMicrosPerSecond) +
          " s " + (ahead_us > 0 ? "behind" : "ahead of") + " that of the store: set it");
  return true;
}

void S3Transport::log(LogLevel level, const std::string& message) const {
  if (options_.logger) options_.logger(level, location() + ": " + message);
}

}  // namespace protobase::cloud
