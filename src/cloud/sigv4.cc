#include "cloud/sigv4.h"

#include <map>
#include <string_view>

#include "base/ascii.h"
#include "cloud/http_date.h"
#include "os/net/crypto.h"
#include "protobase/shared_bytes.h"

namespace protobase::cloud {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::size_t kDateDigits = 8;

/// Without blanks around it, each run of blanks within it as one space.
std::string canonical_value(std::string_view value) {
  std::string result;
  bool is_after_blank = false;
  for (const char c : value) {
    const bool is_blank = c == ' ' || c == '\t';
    if (!is_blank && is_after_blank && !result.empty()) result += ' ';
    if (!is_blank) result += c;
    is_after_blank = is_blank;
  }
  return result;
}

struct CanonicalHeaders {
  std::string lines;
  std::string names;
};

CanonicalHeaders canonical_headers(const os::HTTPHeaders& headers) {
  std::map<std::string, std::string> by_name;
  for (const auto& [name, value] : headers) {
    const auto [place, is_new] =
        by_name.try_emplace(base::lower_case(name), canonical_value(value));
    if (!is_new) place->second += "," + canonical_value(value);
  }
  CanonicalHeaders result;
  for (const auto& [name, value] : by_name) {
    result.lines += name + ":" + value + "\n";
    result.names += (result.names.empty() ? "" : ";") + name;
  }
  return result;
}

os::SHA256Digest signing_key(const std::string& secret_key, const SigningScope& scope,
                             const std::string& date) {
  const std::string secret = "AWS4" + secret_key;
  auto key = os::hmac_sha256(as_bytes(secret), as_bytes(date));
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service),
        std::string_view("aws4_request")}) {
    key = os::hmac_sha256(key, as_bytes(part));
  }
  return key;
}

}  // namespace

os::SHA256Digest SigningKeyCache::get(const std::string& secret_key, const SigningScope& scope,
                                      const std::string& date) {
  const std::lock_guard lock(mutex_);
  if (date_ == date && scope_ == scope && secret_key_ == secret_key) return key_;
  date_.clear();  // should one of the next steps fail
  key_ = signing_key(secret_key, scope, date);
  secret_key_ = secret_key;
  scope_ = scope;
  date_ = date;
  return key_;
}

os::HTTPHeaders sign_v4(const RequestToSign& request, const AWSKeys& keys,
                        const SigningScope& scope, std::int64_t unix_seconds) {
  SigningKeyCache nothing_kept;
  return sign_v4(request, keys, scope, unix_seconds, nothing_kept);
}

os::HTTPHeaders sign_v4(const RequestToSign& request, const AWSKeys& keys,
                        const SigningScope& scope, std::int64_t unix_seconds,
                        SigningKeyCache& cache) {
  const std::string time = to_basic_time(unix_seconds);
  const std::string date = time.substr(0, kDateDigits);
  os::HTTPHeaders added = {{"x-amz-date", time}};
  if (scope.service == "s3") added.emplace_back("x-amz-content-sha256", request.payload_sha256);
  if (!keys.session_token.empty()) added.emplace_back("x-amz-security-token", keys.session_token);

  os::HTTPHeaders signed_ones = request.headers;
  signed_ones.insert(signed_ones.end(), added.begin(), added.end());
  signed_ones.emplace_back("host", request.host);
  const auto [lines, names] = canonical_headers(signed_ones);
  const std::string canonical = request.method + "\n" + request.path + "\n" +
                                query_text(request.query) + "\n" + lines + "\n" + names + "\n" +
                                request.payload_sha256;
  const std::string credential_scope =
      date + "/" + scope.region + "/" + scope.service + "/aws4_request";
  const std::string text = std::string(kAlgorithm) + "\n" + time + "\n" + credential_scope + "\n" +
                           os::to_hex(os::sha256(as_bytes(canonical)));
  const auto key = cache.get(keys.secret_key, scope, date);
  const std::string signature = os::to_hex(os::hmac_sha256(key, as_bytes(text)));
  added.emplace_back("Authorization", std::string(kAlgorithm) + " Credential=" + keys.access_key +
                                          "/" + credential_scope + ", SignedHeaders=" + names +
                                          ", Signature=" + signature);
  return added;
}

}  // namespace protobase::cloud
