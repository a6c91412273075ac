#include "cloud/google_tokens.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/base64.h"
#include "cloud/google_json.h"
#include "cloud/http_date.h"
#include "cloud/url.h"
#include "os/net/crypto.h"
#include "protobase/atom.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/errors.h"

namespace protobase::cloud {

namespace {

constexpr std::string_view kScope = "https://www.googleapis.com/auth/devstorage.read_write";
constexpr std::string_view kUniverse = "googleapis.com";
constexpr std::string_view kDefaultTokenURL = "https://oauth2.googleapis.com/token";
constexpr std::int64_t kAssertionLifetimeS = 3600;  // the longest that Google takes
constexpr std::int64_t kUsPerSecond = 1'000'000;
constexpr std::int64_t kTolerableSkewUs = 60 * kUsPerSecond;
constexpr std::uint64_t kMaxAnswerBytes = std::uint64_t{64} << 10;
constexpr std::size_t kMaxTokenBytes = std::size_t{16} << 10;
constexpr std::uint64_t kMaxLifetimeS = 24 * 3600;
// A token server that says nothing for so long does not get better.
constexpr std::uint64_t kStallTimeoutMs = 10'000;
// The metadata server is next door, or there is none.
constexpr std::uint64_t kMetadataTimeoutMs = 3'000;

constexpr const char* kLookAtTokenURI = "; look at token_uri in that file";
constexpr const char* kLookAtAccount =
    "; look at this machine's service account, and at GCE_METADATA_HOST";
constexpr const char* kNewKey =
    "; make a new key for the account, set this machine's clock, look at token_uri in that file";
constexpr const char* kLogInAgain =
    "; run `gcloud auth application-default login` again, look at token_uri in that file";

using Secrets = std::vector<std::string>;

/// As it is, or as a form has it: a page that repeats the request repeats that.
bool holds(std::string_view text, const std::string& secret) {
  const std::string lower = base::lower_case(text);
  return lower.find(base::lower_case(secret)) != std::string::npos ||
         lower.find(base::lower_case(percent_encode(secret))) != std::string::npos;
}

/// Of a token server: `error` and `error_description`, nothing when a secret of ours is in it. Who
/// was sent any and answers in other words than these is not quoted.
std::string words_of(const os::HTTPResponse& response, const Secrets& secrets) {
  const std::string_view body = response.text();
  const auto first = body.find_first_not_of(" \t\r\n");
  const bool is_json = first != std::string_view::npos && body[first] == '{';
  if (!secrets.empty() && !is_json) return "";
  for (const auto& secret : secrets) {
    if (!secret.empty() && holds(body, secret)) return "(not shown)";
  }
  const GoogleErrorAnswer answer = parse_google_error(body);
  if (answer.reason.empty() || answer.message.empty()) return answer.reason + answer.message;
  return answer.reason + ": " + answer.message;
}

GoogleToken parse_token(const os::HTTPResponse& response, const std::string& who,
                        const std::string& advice) {
  try {
    const Atom answer = parse_google_json(response.text());
    const Atom* const lifetime = answer.find("expires_in");
    GoogleToken token{text_member(answer, "access_token"), 0};
    const bool is_visible = std::all_of(token.text.begin(), token.text.end(),
                                        [](char c) { return c > ' ' && c < 0x7F; });
    const bool has_lifetime =
        lifetime != nullptr && lifetime->is_integer() && lifetime->fits_uint64();
    if (!token.text.empty() && token.text.size() <= kMaxTokenBytes && is_visible && has_lifetime) {
      token.lifetime_s = std::min(lifetime->as_uint64(), kMaxLifetimeS);
      return token;
    }
  } catch (const ValidationError&) {
    // No JSON: refused below, without its text, which may hold a token.
  }
  throw NotAuthorizedError(who + ": the answer holds no usable token" + advice);
}

os::HTTPResponse perform(const GoogleTokenSurroundings& around, const os::HTTPRequest& request,
                         const std::string& who) {
  try {
    return around.http->perform(request);
  } catch (const os::HTTPUntrustedError& error) {
    throw NotAuthorizedError(who + ": " + error.what() + kLookAtTokenURI);
  } catch (const os::HTTPForeignError& error) {
    throw NotAuthorizedError(who + ": " + error.what() + kLookAtTokenURI);
  } catch (const os::HTTPError& error) {
    throw CloudStorageError(CloudFailure::kNotSent, 0,
                            who + ": " + error.what() + kLookAtTokenURI + ", and the network");
  }
}

/// What a refusal means; `who`: "service account a@b (path)"; `advice`: when it is for good.
[[noreturn]] void refuse(const os::HTTPResponse& response, const std::string& who,
                         const Secrets& secrets, const std::string& advice) {
  std::string message = who + ": no token: HTTP " + std::to_string(response.status);
  if (const std::string words = words_of(response, secrets); !words.empty()) {
    message += ", " + words;
  }
  if (response.status >= 500 || response.status == 429 || response.status == 408) {
    throw CloudStorageError(CloudFailure::kNotSent, response.status, message + "; try again later");
  }
  throw NotAuthorizedError(message + advice);
}

os::HTTPRequest form_request(const GoogleTokenSurroundings& around, const std::string& url,
                             std::string_view form) {
  os::HTTPRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = {as_bytes(form)};
  request.max_response_bytes = kMaxAnswerBytes;
  request.connect_timeout_ms = around.connect_timeout_ms;
  request.timeout_ms = around.timeout_ms;
  request.stall_timeout_ms = kStallTimeoutMs;
  return request;
}

std::string base64url(std::string_view text) {
  std::string result;
  base::append_base64(as_bytes(text), result);
  while (result.ends_with('=')) result.pop_back();
  std::replace(result.begin(), result.end(), '+', '-');
  std::replace(result.begin(), result.end(), '/', '_');
  return result;
}

std::string token_url(const std::string& path, std::string url) {
  if (url.empty()) url = kDefaultTokenURL;
  if (!keeps_secrets(url)) {
    throw ValidationError(path + ": token_uri is not https; secrets are sent by https only");
  }
  return url;
}

/// The key's owner signs who it is and gets a token for that (RFC 7523).
class ServiceAccountTokens final : public GoogleTokenSource {
 public:
  ServiceAccountTokens(const std::string& path, const Atom& file, GoogleTokenSurroundings around)
      : around_(std::move(around)),
        email_(text_member(file, "client_email")),
        key_id_(text_member(file, "private_key_id")),
        key_(text_member(file, "private_key")),
        url_(token_url(path, text_member(file, "token_uri"))),
        who_("service account " + store_words(email_) + " (" + path + ")") {
    if (email_.empty() || key_.empty()) {
      throw ValidationError(path + ": a service_account file needs client_email and private_key");
    }
  }

  GoogleToken fetch() override {
    os::HTTPResponse response = request_token();
    if (response.status == 400 && learn_skew(response)) response = request_token();
    if (response.status != 200) refuse(response, who_, {key_, assertion_}, kNewKey);
    return parse_token(response, who_, kLookAtTokenURI);
  }

 private:
  os::HTTPResponse request_token() {
    assertion_ = make_assertion();
    const std::string form =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + assertion_;
    return perform(around_, form_request(around_, url_, form), who_);
  }

  std::string make_assertion() const {
    const std::int64_t now = (around_.clock->unix_us() + skew_us_) / kUsPerSecond;
    Atom header = Atom::object({{"alg", "RS256"}, {"typ", "JWT"}});
    if (!key_id_.empty()) header.set("kid", key_id_);
    const Atom claims = Atom::object({{"iss", email_},
                                      {"scope", kScope},
                                      {"aud", url_},
                                      {"iat", now},
                                      {"exp", now + kAssertionLifetimeS}});
    const std::string text = base64url(header.to_json()) + "." + base64url(claims.to_json());
    return text + "." + base64url(signature_of(text));
  }

  std::string signature_of(const std::string& text) const {
    try {
      return os::rsa_sha256_sign(key_, text);
    } catch (const ValidationError& error) {
      throw ValidationError(who_ + ": private_key: " + error.what() +
                            "; make a new key for the account, and take its file as it comes");
    }
  }

  /// Whether the server's clock shows why it refused: ours is wrong, and now we know by how much.
  bool learn_skew(const os::HTTPResponse& response) {
    const auto theirs = parse_http_date(response.header("date"));
    if (!theirs) return false;
    const std::int64_t skew = *theirs * kUsPerSecond - around_.clock->unix_us();
    const bool is_news = std::abs(skew - skew_us_) > kTolerableSkewUs;
    if (is_news) skew_us_ = skew;
    return is_news;
  }

  const GoogleTokenSurroundings around_;
  const std::string email_;
  const std::string key_id_;
  const std::string key_;
  const std::string url_;
  const std::string who_;
  std::string assertion_;
  std::int64_t skew_us_ = 0;
};

/// What `gcloud auth application-default login` leaves: a refresh token (RFC 6749).
class AuthorizedUserTokens final : public GoogleTokenSource {
 public:
  AuthorizedUserTokens(const std::string& path, const Atom& file, GoogleTokenSurroundings around)
      : around_(std::move(around)),
        id_(text_member(file, "client_id")),
        secret_(text_member(file, "client_secret")),
        refresh_token_(text_member(file, "refresh_token")),
        url_(token_url(path, text_member(file, "token_uri"))),
        who_("user of " + path) {
    if (id_.empty() || secret_.empty() || refresh_token_.empty()) {
      throw ValidationError(
          path + ": an authorized_user file needs client_id, client_secret and refresh_token");
    }
  }

  GoogleToken fetch() override {
    const std::string form = "grant_type=refresh_token&client_id=" + percent_encode(id_) +
                             "&client_secret=" + percent_encode(secret_) +
                             "&refresh_token=" + percent_encode(refresh_token_);
    const auto response = perform(around_, form_request(around_, url_, form), who_);
    if (response.status != 200) refuse(response, who_, {secret_, refresh_token_}, kLogInAgain);
    return parse_token(response, who_, kLookAtTokenURI);
  }

 private:
  const GoogleTokenSurroundings around_;
  const std::string id_;
  const std::string secret_;
  const std::string refresh_token_;
  const std::string url_;
  const std::string who_;
};

class MetadataServerTokens final : public GoogleTokenSource {
 public:
  MetadataServerTokens(const std::string& host, GoogleTokenSurroundings around)
      : around_(std::move(around)), host_(host) {}

  GoogleToken fetch() override {
    const os::HTTPResponse response = ask();
    // Whoever else answers at this address is not to be believed.
    if (response.header("metadata-flavor") != "Google") throw NotAuthorizedError(no_server());
    const std::string who = "metadata server " + host_;
    if (response.status == 404) {
      throw NotAuthorizedError(who + ": this machine has no service account; give it one, or set " +
                               "GOOGLE_APPLICATION_CREDENTIALS");
    }
    if (response.status != 200) refuse(response, who, {}, kLookAtAccount);
    GoogleToken token = parse_token(response, who, kLookAtAccount);
    was_there_ = true;
    return token;
  }

 private:
  os::HTTPResponse ask() {
    os::HTTPRequest request;
    request.url = "http://" + host_ +
                  "/computeMetadata/v1/instance/service-accounts/default/token?scopes=" +
                  percent_encode(kScope);
    request.headers = {{"Metadata-Flavor", "Google"}};
    request.max_response_bytes = kMaxAnswerBytes;
    request.connect_timeout_ms = std::min(around_.connect_timeout_ms, kMetadataTimeoutMs);
    request.timeout_ms = std::min(around_.timeout_ms, kMetadataTimeoutMs);
    try {
      return around_.http->perform(request);
    } catch (const os::HTTPError& error) {
      // Somebody listens there, or did: it starts, or has too much to do.
      if (was_there_ || error.was_sent()) {
        throw CloudStorageError(
            CloudFailure::kNotSent, 0,
            "metadata server " + host_ + ": no token: " + error.what() + kLookAtAccount);
      }
      throw NotAuthorizedError(no_server());
    }
  }

  std::string no_server() const {
    return "no credentials for Google Cloud Storage: set credentials_path or "
           "GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`; there "
           "is no metadata server at " +
           host_;
  }

  const GoogleTokenSurroundings around_;
  const std::string host_;
  bool was_there_ = false;
};

}  // namespace

bool keeps_secrets(const std::string& url) {
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string::npos) return false;
  const Endpoint endpoint =
      parse_endpoint(url.substr(0, url.find_first_of("/?#", scheme_end + 3)), "the URL");
  return endpoint.is_https || endpoint.is_this_machine();
}

std::unique_ptr<GoogleTokenSource> google_tokens_of_file(const std::string& path,
                                                         const std::string& setting,
                                                         std::string_view text,
                                                         GoogleTokenSurroundings surroundings) {
  std::optional<Atom> file;
  try {
    file = parse_google_json(text);
  } catch (const ValidationError&) {
    // What is wrong is not told: the words might show a piece of a key.
    throw ValidationError(path +
                          ": no JSON credentials of Google; name a service_account or "
                          "authorized_user file in " +
                          setting);
  }
  const std::string universe = text_member(*file, "universe_domain");
  if (!universe.empty() && universe != kUniverse) {
    throw NotSupportedError(path + ": credentials of the universe " + store_words(universe) +
                            "; those of " + std::string(kUniverse) + " are supported");
  }
  const std::string type = text_member(*file, "type");
  if (type == "service_account") {
    return std::make_unique<ServiceAccountTokens>(path, *file, std::move(surroundings));
  }
  if (type == "authorized_user") {
    return std::make_unique<AuthorizedUserTokens>(path, *file, std::move(surroundings));
  }
  throw NotSupportedError(path + ": credentials of type \"" + store_words(type) +
                          "\"; service_account and authorized_user are supported; name such a "
                          "file in " +
                          setting);
}

std::unique_ptr<GoogleTokenSource> google_tokens_of_metadata_server(
    const std::string& host, GoogleTokenSurroundings surroundings) {
  return std::make_unique<MetadataServerTokens>(host, std::move(surroundings));
}

}  // namespace protobase::cloud
