#include "cloud/google_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/byte_spans.h"
#include "base/safe_logger.h"
#include "cloud/client_arguments.h"
#include "cloud/content_range.h"
#include "cloud/endpoint_advice.h"
#include "cloud/google_json.h"
#include "protobase/errors.h"

namespace protobase::cloud {

namespace {

constexpr int kRedirects = 300;
constexpr int kRequestErrors = 400;
constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kRequestTimeout = 408;
constexpr int kConflict = 409;
constexpr int kTooManyRequests = 429;
constexpr int kServerErrors = 500;
constexpr std::string_view kGoogle = "https://storage.googleapis.com";
constexpr const char* kCAVariable = "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE";  // as gcloud has it

std::shared_ptr<os::Environment> environment_of(const GoogleCloudClientOptions& options) {
  return options.environment ? options.environment : os::process_environment();
}

/// What STORAGE_EMULATOR_HOST says, with a scheme; "" when it says nothing.
std::string emulator(const GoogleCloudClientOptions& options) {
  const auto host = environment_of(options)->get("STORAGE_EMULATOR_HOST");
  if (!options.endpoint_url.empty() || !host || host->empty()) return "";
  const std::string url = host->find("://") == std::string::npos ? "http://" + *host : *host;
  return parse_endpoint(url, "STORAGE_EMULATOR_HOST").origin();
}

std::string endpoint_of(const GoogleCloudClientOptions& options) {
  if (!options.endpoint_url.empty()) {
    return parse_endpoint(options.endpoint_url, "endpoint_url").origin();
  }
  const std::string url = emulator(options);
  return url.empty() ? std::string(kGoogle) : url;
}

std::shared_ptr<os::HTTPClient> http_of(const GoogleCloudClientOptions& options) {
  if (options.http) return options.http;
  const auto configured = environment_of(options)->get(kCAVariable).value_or("");
  return os::curl_http_client({.ca_file = options.ca_file.empty() ? configured : options.ca_file});
}

GoogleCredentialsOptions credentials_of(const GoogleCloudClientOptions& options,
                                        const std::string& endpoint,
                                        const std::shared_ptr<os::HTTPClient>& http) {
  const bool is_emulator = options.credentials_path.empty() && !emulator(options).empty();
  return {
      .path = is_emulator ? "anonymous" : options.credentials_path,
      .endpoint = endpoint,
      .surroundings = {.http = http,
                       .clock = options.clock ? options.clock : os::system_clock(),
                       .connect_timeout_ms = options.connect_timeout_ms,
                       .timeout_ms = options.request_timeout_ms},
      .environment = environment_of(options),
      .file_system = options.file_system ? options.file_system : os::posix_file_system(),
      .logger = base::safe_logger(options.logger),
  };
}

/// 403 is also how Google says "slower".
bool is_rate_limit(std::string_view reason) {
  constexpr std::array<std::string_view, 2> kReasons = {"rateLimitExceeded",
                                                        "userRateLimitExceeded"};
  return std::find(kReasons.begin(), kReasons.end(), reason) != kReasons.end();
}

/// 5xx and 408 come from boxes on the way too, behind which the request may still take effect.
CloudFailure failure_of(int status) {
  if (status >= kServerErrors || status == kRequestTimeout) return CloudFailure::kUnknown;
  if (status == kTooManyRequests || status == kConflict || status == kForbidden) {
    return CloudFailure::kNotNow;
  }
  return CloudFailure::kRefused;
}

std::string_view advice_for(CloudFailure failure) {
  switch (failure) {
    case CloudFailure::kRefused:
    case CloudFailure::kUnknown: return "";
    case CloudFailure::kNotNow: return "; nothing was changed, try again later";
    case CloudFailure::kNotSent: return "; nothing was sent, try again later";
  }
  return "";
}

}  // namespace

GoogleConnection::GoogleConnection(const GoogleCloudClientOptions& options)
    : bucket_(options.bucket),
      prefix_(checked_prefix(options.prefix)),
      endpoint_(endpoint_of(options)),
      project_id_(options.project_id),
      connect_timeout_ms_(options.connect_timeout_ms),
      request_timeout_ms_(options.request_timeout_ms),
      read_stall_timeout_ms_(options.read_stall_timeout_ms),
      http_(http_of(options)),
      credentials_(credentials_of(options, endpoint_, http_)) {}

std::string GoogleConnection::object_url(std::string_view full_key, QueryParameters query) const {
  std::string url = endpoint_ + "/storage/v1/b/" + percent_encode(bucket_) + "/o";
  if (!full_key.empty()) url += "/" + percent_encode(full_key);
  const std::string text = query_text(with_project(std::move(query)));
  return text.empty() ? url : url + "?" + text;
}

std::string GoogleConnection::upload_url(QueryParameters query) const {
  return endpoint_ + "/upload/storage/v1/b/" + percent_encode(bucket_) + "/o?" +
         query_text(with_project(std::move(query)));
}

std::string GoogleConnection::at_endpoint(std::string_view url) const {
  const auto scheme_end = url.find("://");
  const auto path = scheme_end == std::string_view::npos ? 0 : url.find('/', scheme_end + 3);
  const bool is_url = path != std::string_view::npos && url.substr(path).starts_with('/');
  return is_url ? endpoint_ + std::string(url.substr(path)) : "";
}

QueryParameters GoogleConnection::with_project(QueryParameters query) const {
  if (!project_id_.empty()) query.emplace_back("userProject", project_id_);
  return query;
}

os::HTTPResponse GoogleConnection::send(const GoogleOperation& operation, RequestKind kind,
                                        os::HTTPRequest request) {
  request.connect_timeout_ms = connect_timeout_ms_;
  request.timeout_ms = request_timeout_ms_;
  if (is_reading(kind)) request.stall_timeout_ms = read_stall_timeout_ms_;
  const std::size_t own_headers = request.headers.size();
  for (bool is_second_time = false;; is_second_time = true) {
    const std::string authorization = credentials_.authorization();
    request.headers.resize(own_headers);
    if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
    os::HTTPResponse response = send_once(operation, kind, request);
    if (response.status != kUnauthorized || is_second_time) return response;
    if (!credentials_.renew(authorization)) return response;
  }
}

os::HTTPResponse GoogleConnection::send_once(const GoogleOperation& operation, RequestKind kind,
                                             const os::HTTPRequest& request) {
  counter_.add(kind, base::total_size(request.body));
  try {
    os::HTTPResponse response = http_->perform(request);
    counter_.add_received(response.body.size());
    return response;
  } catch (const os::HTTPTooLargeError& error) {
    const CloudFailure failure = failure_of_long_answer(kind, request.headers);
    fail(operation, failure, 0,
         std::string(error.what()) + (failure == CloudFailure::kRefused ? kIsItGoogle : ""));
  } catch (const os::HTTPUntrustedError& error) {
    fail(operation, CloudFailure::kRefused, 0,
         std::string(error.what()) +
             "; the certificate to trust must stand in the file that "
             "ca_file or " +
             kCAVariable + " names");
  } catch (const os::HTTPForeignError& error) {
    const bool may_be_done = error.was_sent() && !is_reading(kind);
    fail(operation, may_be_done ? CloudFailure::kUnknown : CloudFailure::kRefused, 0,
         error.what() + endpoint_advice());
  } catch (const os::HTTPError& error) {
    const CloudFailure sent =
        operation.is_harmless ? CloudFailure::kNotNow : CloudFailure::kUnknown;
    fail(operation, error.was_sent() ? sent : CloudFailure::kNotSent, 0,
         error.what() + endpoint_advice());
  }
}

std::string GoogleConnection::endpoint_advice() const {
  return endpoint_ == kGoogle ? "; look at the network" : kLookAtEndpoint;
}

void GoogleConnection::fail(const GoogleOperation& operation,
                            const os::HTTPResponse& response) const {
  const auto [reason, message] = parse_google_error(response.text());
  std::string words = "HTTP " + std::to_string(response.status);
  if (!reason.empty()) words += " " + reason;
  if (!message.empty()) words += ": " + message;
  const bool is_forbidden = response.status == kForbidden && !is_rate_limit(reason);
  if (is_forbidden) {
    throw NotAuthorizedError(where(operation) + words +
                             "; the roles of these credentials must allow it on the bucket");
  }
  if (response.status == kUnauthorized) {
    throw NotAuthorizedError(where(operation) + words +
                             "; look at the credentials, and whether they are for this store");
  }
  const bool is_redirect = response.status >= kRedirects && response.status < kRequestErrors;
  CloudFailure failure = failure_of(response.status);
  if (failure == CloudFailure::kRefused && (is_redirect || is_page(response.text()))) {
    fail(operation, failure, response.status, words + kIsItGoogle);
  }
  if (response.status == kNotFound) {
    throw NotFoundError(where(operation) + words + "; check the name of the bucket");
  }
  if (failure == CloudFailure::kUnknown && operation.is_harmless) failure = CloudFailure::kNotNow;
  fail(operation, failure, response.status, words);
}

void GoogleConnection::fail(const GoogleOperation& operation, CloudFailure failure, int status,
                            const std::string& words) const {
  const bool is_open = failure == CloudFailure::kUnknown && !operation.is_harmless;
  const bool was_answered = status != 0;  // else the words say what to look at
  const std::string_view advice = is_open        ? "; it may or may not have taken effect"
                                  : was_answered ? advice_for(failure)
                                                 : "";
  throw CloudStorageError(failure, status, where(operation) + words + std::string(advice));
}

void GoogleConnection::fail_to_understand(const GoogleOperation& operation,
                                          const os::HTTPResponse& response,
                                          const std::string& why) const {
  const std::string_view body = response.text();
  const auto begin = body.find_first_not_of(" \t\r\n");
  const bool is_foreign = begin != std::string_view::npos && body[begin] != '{';
  fail(operation, is_foreign ? CloudFailure::kRefused : CloudFailure::kUnknown, response.status,
       "the answer is not understood: " + why + kIsItGoogle);
}

void GoogleConnection::expect_bucket(const GoogleOperation& operation,
                                     const os::HTTPResponse& response) const {
  if (is_page(response.text())) fail(operation, response);
  // Both are "notFound"; only the words tell them apart: "The specified bucket does not exist."
  const std::string words = parse_google_error(response.text()).message;
  const bool is_object = words.find("object") != std::string::npos;
  if (!is_object && words.find("bucket") != std::string::npos) fail(operation, response);
}

std::string GoogleConnection::location() const {
  std::string text = "gs://" + bucket_;
  if (!prefix_.empty()) text += "/" + prefix_.substr(0, prefix_.size() - 1);
  return text;
}

std::string GoogleConnection::where(const GoogleOperation& operation) const {
  std::string text = std::string(operation.name) + " " + location();
  if (!operation.key.empty()) text += ", key " + operation.key;
  return text + " at " + endpoint_ + ": ";
}

}  // namespace protobase::cloud
