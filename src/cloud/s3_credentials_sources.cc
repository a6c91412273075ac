#include "cloud/s3_credentials_sources.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "cloud/s3_credentials_service.h"
#include "cloud/s3_xml.h"
#include "cloud/small_file.h"
#include "cloud/url.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

constexpr const char* kHopAdvice =
    "; in a container the instance's hop limit for metadata must be 2 or more";

/// Such as it comes into a request.
void check_key(const char* setting, std::string_view key) {
  if (std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7F; })) return;
  throw NotAuthorizedError(std::string(setting) +
                           " holds a blank, a line break or another character that is in no key; "
                           "set it anew without");
}

/// Requests are signed with it, nothing more, so it may be any text.
void check_secret(const char* setting, std::string_view secret) {
  const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; };
  if (std::none_of(secret.begin(), secret.end(), is_control)) return;
  throw NotAuthorizedError(std::string(setting) +
                           " holds a line break or another control character, which is in no "
                           "secret; set it anew without");
}

class FixedSource final : public S3CredentialsSource {
 public:
  explicit FixedSource(AWSKeys keys) : keys_(std::move(keys)) {}
  std::string name() const override { return "the options"; }
  std::optional<S3Credentials> load() override {
    check_key("access_key", keys_.access_key);
    check_secret("secret_key", keys_.secret_key);
    check_key("session_token", keys_.session_token);
    return S3Credentials{keys_};
  }

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
    const std::string token = environment_->get("AWS_SESSION_TOKEN").value_or("");
    check_key("AWS_ACCESS_KEY_ID", access_key);
    check_secret("AWS_SECRET_ACCESS_KEY", secret_key);
    check_key("AWS_SESSION_TOKEN", token);
    return S3Credentials{{access_key, secret_key, token}};
  }

 private:
  const std::shared_ptr<os::Environment> environment_;
};

/// What turns the token of another identity provider into keys.
struct WebIdentity {
  std::string token_file_setting;  ///< for messages
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
  const std::string& setting = identity.token_file_setting;
  const auto token = read_small_file(*surroundings.file_system, identity.token_file, setting);
  if (!token) {
    throw NotAuthorizedError("the web identity token " + identity.token_file +
                             " is not there; look at " + setting);
  }
  if (base::trimmed(*token).empty()) {
    throw NotAuthorizedError("the web identity token " + identity.token_file +
                             " is empty; look at " + setting);
  }
  const std::string body = query_text({{"Action", "AssumeRoleWithWebIdentity"},
                                       {"Version", "2011-06-15"},
                                       {"RoleArn", identity.role},
                                       {"RoleSessionName", identity.session},
                                       {"WebIdentityToken", std::string(base::trimmed(*token))}});
  const S3CredentialsService service{
      "the token service for the role " + identity.role,
      "look at the role, the token in " + identity.token_file + ", AWS_ENDPOINT_URL_STS"};
  const auto response = ask(*surroundings.http, far_post(sts_url(surroundings), body), service);
  try {
    const STSCredentials given = parse_sts_credentials(response.text());
    S3Credentials found{{given.access_key, given.secret_key, given.session_token},
                        given.expires_us};
    check_given(found, service);
    return found;
  } catch (const ValidationError& error) {
    throw_unusable(service, error.what());
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
    constexpr const char* kTokenFile = "AWS_WEB_IDENTITY_TOKEN_FILE";
    WebIdentity identity{kTokenFile, get(kTokenFile), get("AWS_ROLE_ARN"),
                         get("AWS_ROLE_SESSION_NAME")};
    if (identity.token_file.empty()) return std::nullopt;
    if (identity.role.empty()) {
      throw NotAuthorizedError(
          "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not: set both or none");
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
                               "\" is neither in the credentials nor in the config file of AWS; "
                               "look at " +
                               (profile_.empty() ? "AWS_PROFILE" : "the option profile") + ", " +
                               kCredentialsFileVariable + " and " + kConfigFileVariable);
    }
    const AWSKeys keys{profile.get("aws_access_key_id"), profile.get("aws_secret_access_key"),
                       profile.get("aws_session_token")};
    if (!profile.get("role_arn").empty()) return assume(profile);
    if (!keys.access_key.empty() && !keys.secret_key.empty()) {
      check_key("aws_access_key_id of the profile", keys.access_key);
      check_secret("aws_secret_access_key of the profile", keys.secret_key);
      check_key("aws_session_token of the profile", keys.session_token);
      return S3Credentials{keys};
    }
    refuse_others(profile);
    if (keys.access_key.empty() && keys.secret_key.empty()) return std::nullopt;
    throw NotAuthorizedError("profile \"" + profile.name +
                             "\" has only one of aws_access_key_id and aws_secret_access_key; "
                             "set both");
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
    return assume_role({"web_identity_token_file of the profile", token_file,
                        profile.get("role_arn"), session.empty() ? "protobase" : session},
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
    const S3CredentialsService service{
        "the container's service",
        std::string("look at ") + uri_variable() + ", AWS_CONTAINER_AUTHORIZATION_TOKEN"};
    const auto response =
        ask(*surroundings_.http, near_request("GET", target, std::move(headers)), service);
    return parse_json_credentials(response.text(), service);
  }

 private:
  std::string get(const char* variable) const {
    return surroundings_.environment->get(variable).value_or("");
  }

  const char* uri_variable() const {
    const bool is_relative = !get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty();
    return is_relative ? "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
                       : "AWS_CONTAINER_CREDENTIALS_FULL_URI";
  }

  std::string url() const {
    const std::string relative = get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if (!relative.empty()) {
      if (!relative.starts_with('/')) {
        throw ValidationError("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash");
      }
      check_uri(relative);
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
    check_uri(full);
    return full;
  }

  /// Asked again it would be no better.
  void check_uri(const std::string& uri) const {
    if (is_header_text(uri) && uri.find(' ') == std::string::npos) return;
    throw ValidationError(std::string(uri_variable()) +
                          " holds a blank or another character that is in no URL");
  }

  std::string authorization() const {
    constexpr const char* kTokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    constexpr const char* kToken = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    const std::string path = get(kTokenFile);
    if (path.empty()) return checked(get(kToken), kToken);
    const auto token = read_small_file(*surroundings_.file_system, path, kTokenFile);
    if (!token) {
      throw NotAuthorizedError(path + " is not there; look at " + kTokenFile);
    }
    return checked(*token, kTokenFile);
  }

  static std::string checked(const std::string& token, const std::string& setting) {
    std::string trimmed(base::trimmed(token));
    if (is_header_text(trimmed)) return trimmed;
    throw NotAuthorizedError("the token that " + setting +
                             " gives holds a line break or another character that is in none; set "
                             "it anew without");
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
    const auto list = perform(http, near_request("GET", roles, headers), service());
    if (list.status == 404 && !was_there_) return std::nullopt;  // the instance has no role
    const std::string_view names = list.text();
    const std::string role(base::trimmed(names.substr(0, names.find('\n'))));
    if (list.status != kServiceAnswered || role.empty()) {
      throw_unusable(service(), "status " + std::to_string(list.status) + " for the list of roles");
    }
    const auto request = near_request("GET", roles + percent_encode(role), headers);
    const auto response = ask(http, request, service());
    auto credentials = parse_json_credentials(response.text(), service());
    was_there_ = true;
    return credentials;
  }

 private:
  static constexpr const char* kSetting = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
  S3CredentialsService service() const {
    return {name(), std::string("look at the instance's role, ") + kSetting +
                        ", or leave it out by AWS_EC2_METADATA_DISABLED=true"};
  }
  std::string origin() const {
    const auto get = [&](const char* variable) {
      return surroundings_.environment->get(variable).value_or("");
    };
    const std::string given = get(kSetting);
    if (!given.empty()) return parse_endpoint(given, kSetting).origin();
    const std::string mode = get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    return mode == "IPv6" || mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  }

  /// nullopt: there is no such service, as on most machines. One that fails is there.
  std::optional<std::string> session_token(const std::string& origin) {
    const auto request = near_request("PUT", origin + "/latest/api/token",
                                      {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}});
    try {
      const auto response = surroundings_.http->perform(request);
      const std::string token(base::trimmed(response.text()));
      if (response.status == kServiceAnswered && !is_header_text(token)) {
        throw_unusable(service(), "a session token that is none");
      }
      if (response.status == kServiceAnswered && !token.empty()) return token;
      const bool has_failed = response.status >= 500 || response.status == 429;
      if (was_there_ || has_failed) {
        throw_unusable(service(), "status " + std::to_string(response.status));
      }
    } catch (const os::HTTPError& error) {
      if (was_there_) throw_unusable(service(), error.what());
      // Somebody listens there: on its way back the answer has no hops left.
      if (error.was_sent()) throw_unusable(service(), std::string(error.what()) + kHopAdvice);
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
