#include "cloud/s3_credentials_service.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cloud/http_date.h"
#include "cloud/s3_xml.h"
#include "protobase/atom.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/errors.h"
#include "protobase/shared_bytes.h"

namespace protobase::cloud {
namespace {

constexpr std::uint64_t kMaxAnswerBytes = 64 << 10;
constexpr std::uint64_t kNearConnectMs = 1'000;
constexpr std::uint64_t kNearTimeoutMs = 5'000;
constexpr std::uint64_t kFarConnectMs = 5'000;
constexpr std::uint64_t kFarTimeoutMs = 30'000;
constexpr std::uint64_t kFarStallMs = 10'000;

std::string words(const S3CredentialsService& service, const std::string& why) {
  return "no S3 credentials from " + service.name + ": " + why + "; " + service.advice;
}

/// What went wrong without the path that was asked for: a container's is as good as a key.
std::string words_of(const os::HTTPError& error, const os::HTTPRequest& request) {
  std::string words = error.what();
  const std::string url = request.url.substr(0, request.url.find('?'));
  const auto path = url.find('/', url.find("://") + 3);
  const auto at = words.find(url);
  if (path != url.npos && at != words.npos) words.erase(at + path, url.size() - path);
  return words;
}

/// No body goes into an error: it may hold credentials.
std::string words_of(const os::HTTPResponse& response) {
  const auto error = parse_s3_error(response.text());
  return "status " + std::to_string(response.status) +
         (error ? ", " + error->code.substr(0, 100) : "");
}

/// The token service says by status 400 too that it, or the provider it asks, is busy.
bool is_busy(const os::HTTPResponse& response) {
  constexpr std::array<std::string_view, 6> kCodes = {
      "Throttling",           "ThrottlingException",   "RequestThrottled",
      "RequestLimitExceeded", "IDPCommunicationError", "ServiceUnavailable"};
  if (response.status == 429 || response.status >= 500) return true;
  if (response.status == kServiceAnswered) return false;
  const auto error = parse_s3_error(response.text());
  return error && std::ranges::find(kCodes, error->code) != kCodes.end();
}

}  // namespace

os::HTTPRequest near_request(std::string method, std::string url, os::HTTPHeaders headers) {
  return {std::move(method), std::move(url), std::move(headers), {},
          kMaxAnswerBytes,   kNearConnectMs, kNearTimeoutMs};
}

os::HTTPRequest far_post(std::string url, std::string_view form) {
  return {
      "POST",           std::move(url),  {{"Content-Type", "application/x-www-form-urlencoded"}},
      {as_bytes(form)}, kMaxAnswerBytes, kFarConnectMs,
      kFarTimeoutMs,    kFarStallMs};
}

os::HTTPResponse perform(os::HTTPClient& http, const os::HTTPRequest& request,
                         const S3CredentialsService& service) {
  os::HTTPResponse response;
  try {
    response = http.perform(request);
  } catch (const os::HTTPUntrustedError& error) {
    throw NotAuthorizedError(words(service, words_of(error, request)));
  } catch (const os::HTTPForeignError& error) {
    throw NotAuthorizedError(words(service, words_of(error, request)));
  } catch (const os::HTTPError& error) {
    throw CloudStorageError(CloudFailure::kNotSent, 0,
                            words(service, words_of(error, request)) + ", and the network");
  }
  if (is_busy(response)) {
    throw CloudStorageError(CloudFailure::kNotSent, response.status,
                            words(service, words_of(response)));
  }
  return response;
}

os::HTTPResponse ask(os::HTTPClient& http, const os::HTTPRequest& request,
                     const S3CredentialsService& service) {
  os::HTTPResponse response = perform(http, request, service);
  if (response.status == kServiceAnswered) return response;
  throw NotAuthorizedError(words(service, words_of(response)));
}

void throw_unusable(const S3CredentialsService& service, const std::string& why) {
  throw CloudStorageError(CloudFailure::kNotSent, kServiceAnswered, words(service, why));
}

bool is_header_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7F; });
}

void check_given(const S3Credentials& credentials, const S3CredentialsService& service) {
  const AWSKeys& keys = credentials.keys;
  if (is_header_text(keys.access_key) && is_header_text(keys.session_token)) return;
  throw_unusable(service, "the keys hold characters that are in none");
}

S3Credentials parse_json_credentials(std::string_view text, const S3CredentialsService& service) {
  S3Credentials credentials;
  bool is_good = false;
  try {
    const Atom answer = Atom::parse_json(text);
    const Atom* const code = answer.find("Code");
    is_good = code == nullptr || *code == Atom("Success");
    const auto expires_us = parse_iso_time_us(answer.at("Expiration").as_string());
    credentials.keys = {answer.at("AccessKeyId").as_string(),
                        answer.at("SecretAccessKey").as_string(), answer.at("Token").as_string()};
    credentials.expires_us = expires_us;
    is_good = is_good && expires_us && !credentials.keys.access_key.empty();
  } catch (const ValidationError&) {
    is_good = false;  // its words may repeat what was read
  }
  if (!is_good) throw_unusable(service, "the answer is not what it should be");
  check_given(credentials, service);
  return credentials;
}

}  // namespace protobase::cloud
