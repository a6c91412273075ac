#include "cloud/s3_credentials_sources.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "cloud/http_date.h"
#include "cloud/s3_xml.h"
#include "cloud/url.h"
#include "protobase/atom.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/errors.h"
#include "protobase/shared_bytes.h"

namespace protobase::cloud {
namespace {

constexpr int kOK = 200;
constexpr std::uint64_t kMaxAnswerBytes = 64 << 10;
// A service on the machine itself or next to it: it answers at once or is not there.
constexpr std::uint64_t kNearConnectMs = 1'000;
constexpr std::uint64_t kNearTimeoutMs = 5'000;
constexpr std::uint64_t kFarConnectMs = 5'000;
constexpr std::uint64_t kFarTimeoutMs = 30'000;
constexpr const char* kHopAdvice =
    "; in a container the instance's hop limit for metadata must be 2 or more";

os::HTTPRequest near_request(std::string method, std::string url, os::HTTPHeaders headers) {
  return {std::move(method), std::move(url), std::move(headers), {},
          kMaxAnswerBytes,   kNearConnectMs, kNearTimeoutMs};
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

/// `setting`: of the environment, says where the service is.
os::HTTPResponse perform(os::HTTPClient& http, const os::HTTPRequest& request,
                         const std::string& whom, const std::string& setting) {
  const std::string what = "no S3 credentials from " + whom + ": ";
  try {
    return http.perform(request);
  } catch (const os::HTTPUntrustedError& error) {
    throw NotAuthorizedError(what + words_of(error, request));
  } catch (const os::HTTPError& error) {
    const std::string advice = "; look at " + setting + ", and the network";
    throw CloudStorageError(CloudFailure::kNotSent, 0, what + words_of(error, request) + advice);
  }
}

/// The answer of a service that gives credentials. No body goes into an error: it may hold them.
os::HTTPResponse ask(os::HTTPClient& http, const os::HTTPRequest& request, const std::string& whom,
                     const std::string& setting) {
  os::HTTPResponse response = perform(http, request, whom, setting);
  if (response.status == kOK) return response;
  std::string text =
      "no S3 credentials from " + whom + ": status " + std::to_string(response.status);
  const auto error = parse_s3_error(response.text());
  if (error) text += ", " + error->code.substr(0, 100);
  if (response.status == 429 || response.status >= 500) {
    throw CloudStorageError(CloudFailure::kNotSent, response.status, text);
  }
  throw NotAuthorizedError(text);
}

[[noreturn]] void throw_unusable(const std::string& whom, const std::string& why) {
  throw CloudStorageError(CloudFailure::kNotSent, kOK,
                          "no S3 credentials from " + whom + ": " + why);
}

/// The JSON of the container and the instance metadata services.
S3Credentials parse_json_credentials(std::string_view text, const std::string& whom) {
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
  if (!is_good) throw_unusable(whom, "the answer is not what it should be");
  return credentials;
}

class FixedSource final : public S3CredentialsSource {
 public:
  explicit FixedSource(AWSKeys keys) : keys_(std::move(keys)) {}
  std::string name() const override { return "the options"; }
  std::optional<S3Credentials> load() override { return S3Credentials{keys_}; }

 private:
  const AWSKeys keys_;
};

class EnvironmentSource final : public S3CredentialsSource {
 public:
  explicit EnvironmentSource(std::shared_ptr<os::Environment> environment)
      : environment_(std::move(environment)) {}
  std::string name() const override { return "the environment"; }

  std::optional<S3Credentials> load() override {
    const std::string access_key = environment_->get("AWS_ACCESS_KEY_ID").value_or("");
    const std::string secret_key = environment_->get("AWS_SECRET_ACCESS_KEY").value_or("");
    if (access_key.empty()) return std::nullopt;
    if (secret_key.empty()) {
      throw NotAuthorizedError(
          "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not: set both or none");
    }
    return S3Credentials{
        {access_key, secret_key, environment_->get("AWS_SESSION_TOKEN").value_or("")}};
  }

 private:
  const std::shared_ptr<os::Environment> environment_;
};

/// What turns the token of another identity provider into keys.
struct WebIdentity {
  std::string token_file;
  std::string role;
  std::string session;
};

std::string sts_url(const S3CredentialsSurroundings& surroundings) {
  for (const char* variable : {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"}) {
    const std::string given = surroundings.environment->get(variable).value_or("");
    if (!given.empty()) return parse_endpoint(given, variable).origin() + "/";
  }
  return "https://sts." + surroundings.region +
         (surroundings.region.starts_with("cn-") ? ".amazonaws.com.cn/" : ".amazonaws.com/");
}

S3Credentials assume_role(const WebIdentity& identity,
                          const S3CredentialsSurroundings& surroundings) {
  const auto token = read_small_file(*surroundings.file_system, identity.token_file);
  if (!token) {
    throw NotAuthorizedError("the web identity token " + identity.token_file + " is not there");
  }
  const std::string body = query_text({{"Action", "AssumeRoleWithWebIdentity"},
                                       {"Version", "2011-06-15"},
                                       {"RoleArn", identity.role},
                                       {"RoleSessionName", identity.session},
                                       {"WebIdentityToken", std::string(base::trimmed(*token))}});
  const os::HTTPRequest request{"POST",
                                sts_url(surroundings),
                                {{"Content-Type", "application/x-www-form-urlencoded"}},
                                {as_bytes(body)},
                                kMaxAnswerBytes,
                                kFarConnectMs,
                                kFarTimeoutMs};
  const std::string whom = "the token service for the role " + identity.role;
  const auto response = ask(*surroundings.http, request, whom, "AWS_ENDPOINT_URL_STS");
  try {
    const STSCredentials given = parse_sts_credentials(response.text());
    return {{given.access_key, given.secret_key, given.session_token}, given.expires_us};
  } catch (const ValidationError& error) {
    throw_unusable(whom, error.what());
  }
}

class WebIdentitySource final : public S3CredentialsSource {
 public:
  explicit WebIdentitySource(S3CredentialsSurroundings surroundings)
      : surroundings_(std::move(surroundings)) {}
  std::string name() const override { return "a web identity"; }

  std::optional<S3Credentials> load() override {
    const auto get = [&](const char* variable) {
      return surroundings_.environment->get(variable).value_or("");
    };
    WebIdentity identity{get("AWS_WEB_IDENTITY_TOKEN_FILE"), get("AWS_ROLE_ARN"),
                         get("AWS_ROLE_SESSION_NAME")};
    if (identity.token_file.empty()) return std::nullopt;
    if (identity.role.empty()) {
      throw NotAuthorizedError("AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    }
    if (identity.session.empty()) identity.session = "protobase";
    return assume_role(identity, surroundings_);
  }

 private:
  const S3CredentialsSurroundings surroundings_;
};

class ProfileSource final : public S3CredentialsSource {
 public:
  ProfileSource(std::string profile, S3CredentialsSurroundings surroundings)
      : profile_(std::move(profile)), surroundings_(std::move(surroundings)) {}
  std::string name() const override { return "the profile files"; }

  std::optional<S3Credentials> load() override {
    const AWSProfile profile =
        read_aws_profile(profile_, *surroundings_.environment, *surroundings_.file_system);
    if (!profile.is_there && profile.was_named) {
      throw NotAuthorizedError("profile \"" + profile.name +
                               "\" is neither in the credentials nor in the config file of AWS");
    }
    const AWSKeys keys{profile.get("aws_access_key_id"), profile.get("aws_secret_access_key"),
                       profile.get("aws_session_token")};
    if (!profile.get("role_arn").empty()) return assume(profile);
    if (!keys.access_key.empty() && !keys.secret_key.empty()) return S3Credentials{keys};
    refuse_others(profile);
    if (keys.access_key.empty() && keys.secret_key.empty()) return std::nullopt;
    throw NotAuthorizedError("profile \"" + profile.name +
                             "\" has only one of aws_access_key_id and aws_secret_access_key");
  }

 private:
  S3Credentials assume(const AWSProfile& profile) const {
    const std::string token_file = profile.get("web_identity_token_file");
    if (token_file.empty()) {
      throw NotAuthorizedError("profile \"" + profile.name +
                               "\" assumes a role with other keys, which is not done here; take "
                               "the role's keys by another tool and put them into the environment");
    }
    const std::string session = profile.get("role_session_name");
    return assume_role(
        {token_file, profile.get("role_arn"), session.empty() ? "protobase" : session},
        surroundings_);
  }

  static void refuse_others(const AWSProfile& profile) {
    for (const char* setting : {"credential_process", "sso_session", "sso_start_url",
                                "login_session", "source_profile", "credential_source"}) {
      if (profile.get(setting).empty()) continue;
      throw NotAuthorizedError("profile \"" + profile.name + "\" needs " + setting +
                               ", which is not done here; put keys into the environment");
    }
  }

  const std::string profile_;
  const S3CredentialsSurroundings surroundings_;
};

/// Whether a secret may be sent there without TLS: to this machine, and to the addresses that
/// Amazon gives the services of containers.
bool is_near(const Endpoint& endpoint) {
  constexpr std::array<std::string_view, 3> kHosts = {"169.254.170.2", "169.254.170.23",
                                                      "[fd00:ec2::23]"};
  return endpoint.is_this_machine() || std::ranges::find(kHosts, endpoint.host) != kHosts.end();
}

class ContainerSource final : public S3CredentialsSource {
 public:
  explicit ContainerSource(S3CredentialsSurroundings surroundings)
      : surroundings_(std::move(surroundings)) {}
  std::string name() const override { return "the container"; }

  std::optional<S3Credentials> load() override {
    const std::string target = url();
    if (target.empty()) return std::nullopt;
    os::HTTPHeaders headers;
    if (auto token = authorization(); !token.empty()) headers.emplace_back("Authorization", token);
    const std::string whom = "the container's service";
    const auto response = ask(*surroundings_.http, near_request("GET", target, std::move(headers)),
                              whom, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    return parse_json_credentials(response.text(), whom);
  }

 private:
  std::string get(const char* variable) const {
    return surroundings_.environment->get(variable).value_or("");
  }

  std::string url() const {
    const std::string relative = get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if (!relative.empty()) {
      if (!relative.starts_with('/')) {
        throw ValidationError("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash");
      }
      return "http://169.254.170.2" + relative;
    }
    std::string full = get("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (full.empty()) return full;
    const auto scheme_end = full.find("://");
    const auto host_end =
        scheme_end == full.npos ? full.npos : full.find_first_of("/?#", scheme_end + 3);
    const Endpoint endpoint =
        parse_endpoint(full.substr(0, host_end), "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!endpoint.is_https && !is_near(endpoint)) {
      throw ValidationError(
          "AWS_CONTAINER_CREDENTIALS_FULL_URI: without https only this machine "
          "and the known addresses of containers are asked, not " +
          endpoint.host);
    }
    return full;
  }

  std::string authorization() const {
    const std::string path = get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (path.empty()) return get("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    const auto token = read_small_file(*surroundings_.file_system, path);
    if (!token) {
      throw NotAuthorizedError("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: " + path + " is not there");
    }
    return std::string(base::trimmed(*token));
  }

  const S3CredentialsSurroundings surroundings_;
};

/// IMDSv2 only: a session token first, so that a request somebody slipped in gets nothing.
class InstanceSource final : public S3CredentialsSource {
 public:
  explicit InstanceSource(S3CredentialsSurroundings surroundings)
      : surroundings_(std::move(surroundings)) {}
  std::string name() const override { return "the instance metadata"; }

  std::optional<S3Credentials> load() override {
    const auto disabled = surroundings_.environment->get("AWS_EC2_METADATA_DISABLED").value_or("");
    if (base::lower_case(disabled) == "true") return std::nullopt;
    const std::string origin = this->origin();
    const auto token = session_token(origin);
    if (!token) return std::nullopt;
    const os::HTTPHeaders headers = {{"X-aws-ec2-metadata-token", *token}};
    const std::string roles = origin + "/latest/meta-data/iam/security-credentials/";
    os::HTTPClient& http = *surroundings_.http;
    const auto list = perform(http, near_request("GET", roles, headers), name(), kSetting);
    if (list.status == 404 && !was_there_) return std::nullopt;  // the instance has no role
    const std::string_view names = list.text();
    const std::string role(base::trimmed(names.substr(0, names.find('\n'))));
    if (list.status != kOK || role.empty()) {
      throw_unusable(name(), "status " + std::to_string(list.status) + " for the list of roles");
    }
    const auto request = near_request("GET", roles + percent_encode(role), headers);
    const auto response = ask(http, request, name(), kSetting);
    auto credentials = parse_json_credentials(response.text(), name());
    was_there_ = true;
    return credentials;
  }

 private:
  static constexpr const char* kSetting = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
  std::string origin() const {
    const auto get = [&](const char* variable) {
      return surroundings_.environment->get(variable).value_or("");
    };
    const std::string given = get(kSetting);
    if (!given.empty()) return parse_endpoint(given, kSetting).origin();
    const std::string mode = get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    return mode == "IPv6" || mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  }

  /// nullopt: there is no such service, as on most machines.
  std::optional<std::string> session_token(const std::string& origin) {
    const auto request = near_request("PUT", origin + "/latest/api/token",
                                      {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}});
    try {
      const auto response = surroundings_.http->perform(request);
      const std::string token(base::trimmed(response.text()));
      if (response.status == kOK && !token.empty()) return token;
      if (was_there_) throw_unusable(name(), "status " + std::to_string(response.status));
    } catch (const os::HTTPError& error) {
      if (was_there_) throw_unusable(name(), error.what());
      // Somebody listens there: on its way back the answer has no hops left.
      if (error.was_sent()) throw_unusable(name(), std::string(error.what()) + kHopAdvice);
    }
    return std::nullopt;
  }

  const S3CredentialsSurroundings surroundings_;
  bool was_there_ = false;
};

}  // namespace

std::vector<std::unique_ptr<S3CredentialsSource>> s3_credentials_sources(
    const AWSKeys& given, const std::string& profile,
    const S3CredentialsSurroundings& surroundings) {
  std::vector<std::unique_ptr<S3CredentialsSource>> sources;
  if (!given.access_key.empty()) {
    sources.push_back(std::make_unique<FixedSource>(given));
    return sources;
  }
  if (!profile.empty()) {
    sources.push_back(std::make_unique<ProfileSource>(profile, surroundings));
    return sources;
  }
  sources.push_back(std::make_unique<EnvironmentSource>(surroundings.environment));
  sources.push_back(std::make_unique<WebIdentitySource>(surroundings));
  sources.push_back(std::make_unique<ProfileSource>("", surroundings));
  sources.push_back(std::make_unique<ContainerSource>(surroundings));
  sources.push_back(std::make_unique<InstanceSource>(surroundings));
  return sources;
}

}  // namespace protobase::cloud
