#include "cloud/s3_errors.h"

#include <algorithm>
#include <array>

#include "cloud/endpoint_advice.h"
#include "cloud/store_words.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

template <std::size_t kCount>
bool is_one_of(std::string_view code, const std::array<std::string_view, kCount>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

bool is_unauthorized(int status, std::string_view code) {
  constexpr std::array<std::string_view, 10> kCodes = {
      "AccessDenied", "AllAccessDisabled",     "AccountProblem",      "ExpiredToken",
      "InvalidToken", "InvalidAccessKeyId",    "XAdminUserNotFound",  // an unknown key at VersityGW
      "NotSignedUp",  "SignatureDoesNotMatch", "TokenRefreshRequired"};
  return status == 401 || status == 403 || is_one_of(code, kCodes);
}

/// Answered without effect, and the same request may be taken later.
bool is_not_now(std::string_view code) {
  constexpr std::array<std::string_view, 14> kCodes = {
      // throttled, busy
      "SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestLimitExceeded",
      "TooManyRequests", "Busy", "ServerBusy",
      // lost against another request
      "OperationAborted", "ConditionalRequestConflict", "ConcurrentModification",
      // the body did not arrive as it was sent
      "RequestTimeout", "IncompleteBody", "BadDigest"};
  return is_one_of(code, kCodes) || code == "XAmzContentSHA256Mismatch";
}

struct Advice {
  std::string_view code;
  std::string_view text;
};

std::string_view advice_for(int status, const S3Error& error) {
  constexpr std::array<Advice, 14> kAdvice = {{
      {"AccessDenied", "the policies of user and bucket must allow it"},
      {"ExpiredToken", "get new credentials"},
      {"InvalidAccessKeyId", "look at the access key, and whether it is this store's"},
      {"XAdminUserNotFound", "look at the access key, and whether it is this store's"},
      {"InvalidToken", "look at the session token, and whether it belongs to these keys"},
      {"InvalidObjectState", "the object is archived: restore it first"},
      {"PermanentRedirect", "the bucket is elsewhere: look at endpoint and region"},
      {"NoSuchBucket", "make the bucket, or correct its name"},
      {"RequestTimeTooSkewed", "set the clock of this machine"},
      {"SignatureDoesNotMatch", "look at the secret key and the region"},
      {"XMinioInvalidObjectName", "choose a prefix without //, /./ and /../"},
      {"EntityTooLarge", "choose a smaller part_size"},
      {"EntityTooSmall", "choose a larger part_size"},
      {"NotImplemented", "this store cannot do it"},
  }};
  const auto found = std::find_if(kAdvice.begin(), kAdvice.end(),
                                  [&](const Advice& advice) { return advice.code == error.code; });
  if (found != kAdvice.end()) return found->text;
  if (error.code.empty() && status == 403) return "credentials, policies or the region are wrong";
  if (status == 429 || status >= 500) return "try again later";
  if (error.code.empty() && status == 400) {
    return "is this the endpoint of an S3 store, and http:// or https:// right?";
  }
  if (error.code.empty()) return "is this the endpoint of an S3 store?";
  return "";
}

std::string unusable_words(const S3Asked& asked, int status, const std::string& why) {
  return s3_where(asked) + ": status " + std::to_string(status) +
         ", but no usable answer: " + store_words(why);
}

}  // namespace

CloudFailure s3_failure(int status, std::string_view code) noexcept {
  const bool is_conflict = status == 409 && code.empty();  // of whatever: somebody was faster
  if (status == 429 || is_conflict || is_not_now(code)) return CloudFailure::kNotNow;
  if (status >= 400 && status < 500 && status != 408) return CloudFailure::kRefused;
  if (status == 501) return CloudFailure::kRefused;
  if (status >= 300 && status < 400) return CloudFailure::kRefused;  // redirects are not followed
  return CloudFailure::kUnknown;
}

std::string s3_where(const S3Asked& asked) {
  std::string text = asked.operation + " " + asked.place;
  if (!asked.key.empty()) text += ", key \"" + asked.key + "\"";
  return text;
}

void throw_s3_error(const S3Asked& asked, const os::HTTPResponse& response) {
  S3Error error = parse_s3_error(response.text()).value_or(S3Error{});
  if (error.region.empty()) error.region = response.header("x-amz-bucket-region");
  throw_s3_error(asked, response.status, error);
}

void throw_s3_error(const S3Asked& asked, int status, const S3Error& error) {
  std::string text = s3_where(asked) + ": status " + std::to_string(status);
  if (!error.code.empty()) text += ", " + store_words(error.code);
  if (!error.message.empty()) text += ": " + store_words(error.message);
  // A wrong region shows itself in many ways; the right one stands in the answer, even when it is
  // the one that was asked.
  const bool is_elsewhere =
      !error.region.empty() && error.region != asked.region && error.code != "AccessDenied";
  const std::string_view advice = advice_for(status, error);
  if (is_elsewhere) {
    text += "; the bucket is in region " + store_words(error.region) + ": set region to that";
  } else if (!advice.empty()) {
    text += "; " + std::string(advice);
  }
  if (error.code == "NoSuchBucket") text += asked.host_advice;
  if (is_unauthorized(status, error.code) && !is_elsewhere) throw NotAuthorizedError(text);
  if (error.code == "NoSuchBucket") throw NotFoundError(text);
  throw CloudStorageError(s3_failure(status, error.code), status, text);
}

void throw_unusable(const S3Asked& asked, int status, const std::string& why) {
  throw CloudStorageError(CloudFailure::kUnknown, status, unusable_words(asked, status, why));
}

void throw_misread(const S3Asked& asked, int status, const std::string& why) {
  throw CloudStorageError(CloudFailure::kRefused, status, unusable_words(asked, status, why));
}

void throw_foreign(const S3Asked& asked, int status, const std::string& why) {
  throw CloudStorageError(CloudFailure::kRefused, status,
                          unusable_words(asked, status, why) + kIsItS3);
}

}  // namespace protobase::cloud
