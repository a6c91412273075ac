// Amazon's Signature Version 4 in the Authorization header, as S3 has it: the path is signed as it
// is sent, encoded once and never normalised, and the hash of the payload is part of it. A pure
// function, if one that may remember a step; what is signed must be sent byte for byte.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "cloud/url.h"
#include "os/net/crypto.h"
#include "os/net/http.h"

namespace protobase::cloud {

/// Never printed, never in an error.
struct AWSKeys {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  ///< empty: of a key that lasts
};

struct RequestToSign {
  std::string method;
  std::string host;  ///< as in the Host header
  std::string path;  ///< encoded, as it is sent
  QueryParameters query{};
  os::HTTPHeaders headers{};  ///< all of them are signed; a name may come twice
  std::string payload_sha256{};
};

struct SigningScope {
  std::string region;
  std::string service = "s3";
  bool operator==(const SigningScope&) const = default;
};

/// Four of the five HMACs of a signature make a key of the secret key, the day and the scope, which
/// is the same all day long: remembered for the newest of these. Thread-safe.
class SigningKeyCache final {
 public:
  os::SHA256Digest get(const std::string& secret_key, const SigningScope& scope,
                       const std::string& date);

 private:
  std::mutex mutex_;
  std::string secret_key_;
  SigningScope scope_;
  std::string date_;  ///< empty: no key yet
  os::SHA256Digest key_{};
};

/// The headers to send besides those given: x-amz-date, Authorization, x-amz-content-sha256 (only
/// S3 wants it) and x-amz-security-token (with a session token). The cache changes nothing but the
/// time it takes.
os::HTTPHeaders sign_v4(const RequestToSign& request, const AWSKeys& keys,
                        const SigningScope& scope, std::int64_t unix_seconds,
                        SigningKeyCache& cache);
os::HTTPHeaders sign_v4(const RequestToSign& request, const AWSKeys& keys,
                        const SigningScope& scope, std::int64_t unix_seconds);

}  // namespace protobase::cloud
