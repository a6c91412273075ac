#include "cloud/s3_credentials_sources.h"

#include <gtest/gtest.h>

#include "protobase/cloud_storage_client.h"
#include "protobase/errors.h"
#include "protobase/shared_bytes.h"
#include "testing/expect_error.h"
#include "testing/fixed_environment.h"
#include "testing/manual_clock.h"
#include "testing/memory_file_system.h"
#include "testing/scripted_http_client.h"

namespace protobase::cloud {
namespace {

using testing::expect_error;
using testing::FixedEnvironment;
using testing::ManualClock;
using testing::MemoryFileSystem;
using testing::RecordedHTTPRequest;
using testing::ScriptedHTTPClient;

constexpr std::int64_t kExpiresUs = 1369353600'000'000;
const std::string kJSON =
    R"({"Code":"Success","AccessKeyId":"KEY","SecretAccessKey":"SECRET","Token":"TOK3N",)"
    R"("Expiration":"2013-05-24T00:00:00Z"})";
const std::string kSTS =
    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
    "<SessionToken>TOK3N</SessionToken><SecretAccessKey>SECRET</SecretAccessKey>"
    "<Expiration>2013-05-24T00:00:00Z</Expiration><AccessKeyId>KEY</AccessKeyId></Credentials>"
    "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";

class S3Sources : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    files_->open(path, os::OpenMode::kCreate);
    const auto bytes = as_bytes(text);
    files_->set_content(path, {bytes.begin(), bytes.end()});
  }

  /// What the first source that has any gives, as the cache asks them.
  std::optional<S3Credentials> load(const AWSKeys& given = {}, const std::string& profile = "") {
    for (const auto& source : s3_credentials_sources(
             given, profile, {http_, clock_, environment_, files_, "eu-west-1"})) {
      if (auto found = source->load()) return found;
    }
    return std::nullopt;
  }

  void expect_temporary(const std::optional<S3Credentials>& found) {
    ASSERT_TRUE(found);
    EXPECT_EQ(found->keys.access_key, "KEY");
    EXPECT_EQ(found->keys.secret_key, "SECRET");
    EXPECT_EQ(found->keys.session_token, "TOK3N");
    EXPECT_EQ(found->expires_us, kExpiresUs);
  }

  /// A failure that must not repeat what it read.
  template <typename Error>
  void expect_silent_error() {
    try {
      load();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      const std::string text = error.what();
      for (const char* secret : {"SECRET", "TOK3N", "KEY"}) {
        EXPECT_EQ(text.find(secret), std::string::npos) << text;
      }
    }
  }

  std::shared_ptr<ScriptedHTTPClient> http_ = std::make_shared<ScriptedHTTPClient>();
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  std::shared_ptr<MemoryFileSystem> files_ = std::make_shared<MemoryFileSystem>();
  std::shared_ptr<FixedEnvironment> environment_ = std::make_shared<FixedEnvironment>(
      std::map<std::string, std::string>{{"AWS_EC2_METADATA_DISABLED", "TRUE"}});
};

TEST_F(S3Sources, NothingAnywhereIsNothing) { EXPECT_EQ(load(), std::nullopt); }

TEST_F(S3Sources, TheOptionsGoFirst) {
  environment_->set("AWS_ACCESS_KEY_ID", "ENVIRONMENT");
  environment_->set("AWS_SECRET_ACCESS_KEY", "S");
  const auto found = load({"GIVEN", "S", "T"});
  EXPECT_EQ(found->keys.access_key, "GIVEN");
  EXPECT_EQ(found->keys.session_token, "T");
  EXPECT_EQ(found->expires_us, std::nullopt);
}

TEST_F(S3Sources, TheEnvironmentGoesBeforeTheProfile) {
  environment_->set("AWS_ACCESS_KEY_ID", "ENVIRONMENT");
  environment_->set("AWS_SECRET_ACCESS_KEY", "S");
  environment_->set("AWS_SESSION_TOKEN", "T");
  environment_->set("AWS_SHARED_CREDENTIALS_FILE", "/c");
  write("/c", "[default]\naws_access_key_id=PROFILE\naws_secret_access_key=S\n");
  EXPECT_EQ(load()->keys.access_key, "ENVIRONMENT");
  EXPECT_EQ(load()->keys.session_token, "T");
  EXPECT_EQ(load({}, "default")->keys.access_key, "PROFILE") << "named in the options";
}

TEST_F(S3Sources, HalfAPairIsAMistake) {
  environment_->set("AWS_ACCESS_KEY_ID", "KEY");
  expect_error<NotAuthorizedError>([&] { load(); }, {"AWS_SECRET_ACCESS_KEY"});
}

TEST_F(S3Sources, AKeyThatNoRequestCanHoldIsNamedAndNotShown) {
  const auto expect_refused = [&](const char* setting, const AWSKeys& given = {}) {
    try {
      load(given);
      ADD_FAILURE() << setting;
    } catch (const NotAuthorizedError& error) {
      const std::string text = error.what();
      EXPECT_TRUE(text.starts_with(setting)) << text;
      for (const char* key : {"S3CRET", "TOK3N", "K3Y"}) {
        EXPECT_EQ(text.find(key), std::string::npos) << text;
      }
    }
  };
  environment_->set("AWS_ACCESS_KEY_ID", " K3Y\r\n");
  environment_->set("AWS_SECRET_ACCESS_KEY", "S3CRET");
  expect_refused("AWS_ACCESS_KEY_ID");
  environment_->set("AWS_ACCESS_KEY_ID", "K3Y");
  environment_->set("AWS_SECRET_ACCESS_KEY", "of any \xc3\xa4 text");
  EXPECT_EQ(load()->keys.secret_key, "of any \xc3\xa4 text") << "nothing but signed with";
  environment_->set("AWS_SECRET_ACCESS_KEY", "S3CRET\n");
  expect_refused("AWS_SECRET_ACCESS_KEY");
  environment_->set("AWS_SECRET_ACCESS_KEY", "S3CRET");
  environment_->set("AWS_SESSION_TOKEN", "TOK3N ");
  expect_refused("AWS_SESSION_TOKEN");
  expect_refused("secret_key", {"K3Y", "S3CRET\n", ""});
}

TEST_F(S3Sources, AProfileHasKeys) {
  environment_->set("AWS_SHARED_CREDENTIALS_FILE", "/c");
  write("/c",
        "[default]\naws_access_key_id=A\naws_secret_access_key=S\naws_session_token=T\n[half]\naws_"
        "access_key_id=KEY\n");
  EXPECT_EQ(load()->keys.access_key, "A");
  EXPECT_EQ(load()->keys.session_token, "T");
  expect_error<NotAuthorizedError>([&] { load({}, "half"); }, {"half", "only one"});
  expect_error<NotAuthorizedError>([&] { load({}, "none"); },
                                   {"none", "option profile", "AWS_SHARED_CREDENTIALS_FILE"});
  environment_->set("AWS_PROFILE", "nobody");
  expect_error<NotAuthorizedError>([&] { load(); }, {"nobody", "AWS_PROFILE", "AWS_CONFIG_FILE"});
}

TEST_F(S3Sources, WhatIsNotDoneSaysSo) {
  environment_->set("AWS_CONFIG_FILE", "/c");
  write("/c",
        "[profile process]\ncredential_process=/bin/x\n[profile sso]\nsso_session=x\n"
        "[profile role]\nrole_arn=arn\nsource_profile=other\n"
        "[profile login]\nlogin_session=x\n[profile source]\nsource_profile=other\n");
  expect_error<NotAuthorizedError>([&] { load({}, "process"); }, {"process", "credential_process"});
  expect_error<NotAuthorizedError>([&] { load({}, "sso"); }, {"sso_session"});
  expect_error<NotAuthorizedError>([&] { load({}, "role"); }, {"role"});
  expect_error<NotAuthorizedError>([&] { load({}, "login"); }, {"login_session"});
  expect_error<NotAuthorizedError>([&] { load({}, "source"); }, {"source_profile"});
}

TEST_F(S3Sources, AWebIdentityIsTurnedIntoKeys) {
  environment_->set("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
  environment_->set("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
  write("/token", "a.b+c\n");
  http_->answer(200, kSTS);
  expect_temporary(load());
  const RecordedHTTPRequest request = http_->request(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://sts.eu-west-1.amazonaws.com/");
  EXPECT_EQ(request.body,
            "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&"
            "RoleSessionName=protobase&Version=2011-06-15&WebIdentityToken=a.b%2Bc");
}

TEST_F(S3Sources, AProfileMayHaveAWebIdentity) {
  environment_->set("AWS_CONFIG_FILE", "/c");
  environment_->set("AWS_ENDPOINT_URL", "http://127.0.0.1:6");
  environment_->set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:5");
  write("/c", "[default]\nrole_arn=arn\nweb_identity_token_file=/token\nrole_session_name=me\n");
  write("/token", "t");
  http_->answer(200, kSTS);
  expect_temporary(load());
  EXPECT_EQ(http_->request(0).url, "http://127.0.0.1:5/");
  EXPECT_NE(http_->request(0).body.find("RoleSessionName=me"), std::string::npos);
  environment_->set("AWS_ENDPOINT_URL_STS", "");
  http_->answer(200, kSTS);
  expect_temporary(load());
  EXPECT_EQ(http_->request(1).url, "http://127.0.0.1:6/") << "it is that of every service";
}

TEST_F(S3Sources, ATokenServiceThatRefusesIsNotPassedOver) {
  environment_->set("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
  expect_error<NotAuthorizedError>([&] { load(); }, {"AWS_ROLE_ARN"});
  environment_->set("AWS_ROLE_ARN", "arn");
  expect_error<NotAuthorizedError>([&] { load(); }, {"/token", "AWS_WEB_IDENTITY_TOKEN_FILE"});
  write("/token", "SECRET");
  http_->answer(403,
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>SECRET</Message></Error></"
                "ErrorResponse>");
  expect_error<NotAuthorizedError>([&] { load(); }, {"403", "AccessDenied", "arn", "/token"});
  http_->answer(500);
  expect_silent_error<CloudStorageError>();
  http_->fail(true);
  expect_silent_error<CloudStorageError>();
  http_->answer(200, kSTS.substr(0, 200));
  expect_silent_error<CloudStorageError>();
}

TEST_F(S3Sources, AContainerIsAskedWithItsToken) {
  environment_->set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x?id=1");
  environment_->set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic x");
  http_->answer(200, kJSON);
  expect_temporary(load());
  EXPECT_EQ(http_->request(0).url, "http://169.254.170.2/v2/x?id=1");
  EXPECT_EQ(http_->request(0).header("authorization"), "Basic x");
}

TEST_F(S3Sources, AFullURIIsAskedOnlyWhereNobodyListensIn) {
  environment_->set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token");
  write("/token", "T\n");
  for (const char* url :
       {"https://anywhere.example/x", "http://127.0.0.1:8/x", "http://localhost/x",
        "http://[::1]/x", "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1"}) {
    environment_->set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    http_->answer(200, kJSON);
    expect_temporary(load());
    EXPECT_EQ(http_->requests().back().url, url);
    EXPECT_EQ(http_->requests().back().header("authorization"), "T");
  }
  for (const char* url :
       {"http://anywhere.example/x", "http://169.254.169.254/x", "http://127.0.0.1@evil.example/x",
        "http://127.0.0.1.evil.example/x", "ftp://127.0.0.1/x", "x"}) {
    environment_->set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    EXPECT_THROW(load(), ValidationError) << url;
  }
  environment_->set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/");
  EXPECT_THROW(load(), ValidationError);
}

TEST_F(S3Sources, ABadAnswerIsNotRepeated) {
  environment_->set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x");
  for (
      const std::string& text :
      {std::string(), std::string("SECRET"), std::string("[\"SECRET\"]"), kJSON.substr(0, 90),
       std::string(
           R"({"AccessKeyId":"KEY","SecretAccessKey":"SECRET","Token":"TOK3N","Expiration":"TOK3N"})"),
       std::string(
           R"({"AccessKeyId":"","SecretAccessKey":"SECRET","Token":"TOK3N","Expiration":"2013-05-24T00:00:00Z"})"),
       std::string(
           R"({"Code":"Failed","AccessKeyId":"KEY","SecretAccessKey":"SECRET","Token":"TOK3N","Expiration":"2013-05-24T00:00:00Z"})")}) {
    http_->answer(200, text);
    expect_silent_error<CloudStorageError>();
  }
}

// They would fail later on, in words about headers that nobody had set.
TEST_F(S3Sources, KeysAndTokensThatNoHeaderCanHoldAreRefusedWhereTheyComeFrom) {
  environment_->set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/give");
  for (const char* token : {"SECRET\nX: 1", "SECRET\x01", "SECRET\xC3\xA9"}) {
    environment_->set("AWS_CONTAINER_AUTHORIZATION_TOKEN", token);
    expect_error<NotAuthorizedError>([&] { load(); },
                                     {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "anew"});
    expect_silent_error<NotAuthorizedError>();
  }
  environment_->set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token");
  write("/token", "Bearer SECRET\nX: 1\n");
  expect_error<NotAuthorizedError>([&] { load(); }, {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"});
  EXPECT_TRUE(http_->requests().empty());

  write("/token", "Bearer SECRET\n");
  http_->answer(200, R"({"AccessKeyId":"KEY","SecretAccessKey":"SECRET","Token":"TOK3N\nX: 1",)"
                     R"("Expiration":"2013-05-24T00:00:00Z"})");
  expect_silent_error<CloudStorageError>();
  EXPECT_EQ(http_->request(0).header("authorization"), "Bearer SECRET");
}

TEST_F(S3Sources, AnAddressThatIsNoneIsNotAskedAgainAndAgain) {
  environment_->set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/SECRET path");
  expect_silent_error<ValidationError>();
  environment_->set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "");
  environment_->set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/SECRET\r\nX: 1");
  expect_silent_error<ValidationError>();
  EXPECT_TRUE(http_->requests().empty());
}

TEST_F(S3Sources, AnEmptyWebIdentityTokenIsNotSent) {
  environment_->set("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
  environment_->set("AWS_ROLE_ARN", "role");
  write("/token", "\n");
  expect_error<NotAuthorizedError>([&] { load(); },
                                   {"/token", "empty", "AWS_WEB_IDENTITY_TOKEN_FILE"});
  EXPECT_TRUE(http_->requests().empty());
}

// Amazon's answers so with status 400, which for everything else is for good.
TEST_F(S3Sources, ATokenServiceThatIsBusyMayBeAskedAgain) {
  environment_->set("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
  environment_->set("AWS_ROLE_ARN", "role");
  write("/token", "JWT");
  for (const char* code : {"Throttling", "IDPCommunicationError"}) {
    http_->answer(400, "<ErrorResponse><Error><Type>Sender</Type><Code>" + std::string(code) +
                           "</Code></Error></ErrorResponse>");
    expect_error<CloudStorageError>([&] { load(); }, {code, "400"});
  }
}

TEST_F(S3Sources, AServiceThatIsNotReachedIsNamedWithWhatSaysWhereItIs) {
  environment_->set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/x");
  http_->fail(false, "Failed to connect");
  expect_error<CloudStorageError>(
      [&] { load(); }, {"no S3 credentials from the container's service: Failed to connect",
                        "look at AWS_CONTAINER_CREDENTIALS_FULL_URI", "the network"});
}

TEST_F(S3Sources, AServiceThatRefusesIsToldWithWhatToLookAt) {
  environment_->set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/x");
  http_->answer(403);
  expect_error<NotAuthorizedError>([&] { load(); }, {"the container's service: status 403; look at "
                                                     "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                                     "AWS_CONTAINER_AUTHORIZATION_TOKEN"});
  http_->answer(200, "hello");
  expect_error<CloudStorageError>([&] { load(); }, {"look at AWS_CONTAINER_CREDENTIALS_FULL_URI"});
  environment_->set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nope");
  expect_error<NotAuthorizedError>([&] { load(); },
                                   {"/nope", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"});
}

TEST_F(S3Sources, WhoSpeaksNoHTTPGivesNoCredentials) {
  environment_->set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/x");
  http_->answer([](const auto&) -> os::HTTPResponse {
    throw os::HTTPForeignError(true, "Received HTTP/0.9 when not allowed");
  });
  expect_error<NotAuthorizedError>([&] { load(); },
                                   {"HTTP/0.9", "AWS_CONTAINER_CREDENTIALS_FULL_URI"});
}

TEST_F(S3Sources, ThePathOfAContainerIsNotRepeated) {
  environment_->set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/SECRET?id=SECRET");
  http_->fail(true, "GET http://169.254.170.2/v2/credentials/SECRET: timed out");
  try {
    load();
    ADD_FAILURE();
  } catch (const CloudStorageError& error) {
    EXPECT_NE(std::string(error.what()).find("GET http://169.254.170.2: timed out"),
              std::string::npos)
        << error.what();
  }
}

class S3InstanceSource : public S3Sources {
 protected:
  S3InstanceSource() { environment_->set("AWS_EC2_METADATA_DISABLED", "false"); }

  void answer_all() {
    http_->answer(200, "SESSION");
    http_->answer(200, "my role\n");
    http_->answer(200, kJSON);
  }
};

TEST_F(S3InstanceSource, TheSessionTokenComesFirst) {
  answer_all();
  expect_temporary(load());
  const auto requests = http_->requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].method, "PUT");
  EXPECT_EQ(requests[0].url, "http://169.254.169.254/latest/api/token");
  EXPECT_EQ(requests[0].header("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
  EXPECT_EQ(requests[1].url, "http://169.254.169.254/latest/meta-data/iam/security-credentials/");
  EXPECT_EQ(requests[2].url,
            "http://169.254.169.254/latest/meta-data/iam/security-credentials/my%20role");
  for (const std::size_t i : {1u, 2u}) {
    EXPECT_EQ(requests[i].header("x-aws-ec2-metadata-token"), "SESSION");
  }
  EXPECT_LE(requests[0].connect_timeout_ms, 1000u) << "most machines have none";
}

TEST_F(S3InstanceSource, AnotherAddressIsHonoured) {
  environment_->set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6");
  http_->fail(false);
  EXPECT_EQ(load(), std::nullopt);
  EXPECT_EQ(http_->request(0).url, "http://[fd00:ec2::254]/latest/api/token");
  environment_->set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:7/");
  http_->fail(false);
  EXPECT_EQ(load(), std::nullopt);
  EXPECT_EQ(http_->request(1).url, "http://127.0.0.1:7/latest/api/token");
}

TEST_F(S3InstanceSource, AMachineWithoutServiceOrRoleHasNone) {
  http_->fail(false);
  EXPECT_EQ(load(), std::nullopt);
  http_->answer(403);
  EXPECT_EQ(load(), std::nullopt) << "the old protocol is not tried";
  http_->answer(200, "SESSION");
  http_->answer(404);
  EXPECT_EQ(load(), std::nullopt);
}

TEST_F(S3InstanceSource, AnAnswerThatGotLostIsNotNobody) {
  http_->fail(true, "timed out");
  expect_error<CloudStorageError>([&] { load(); }, {"instance metadata", "timed out", "hop limit"});
}

/// A service that fails may do better the next time; "there are none" would be untrue.
TEST_F(S3InstanceSource, AServiceThatFailsIsNotNobody) {
  for (const int status : {500, 503, 429}) {
    http_->answer(status);
    expect_error<CloudStorageError>(
        [&] { load(); }, {"from the instance metadata: status " + std::to_string(status),
                          "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_DISABLED"});
    http_->answer(200, "SESSION");
    http_->answer(status);
    expect_error<CloudStorageError>([&] { load(); }, {"status " + std::to_string(status)});
  }
}

TEST_F(S3InstanceSource, OnceFoundItIsMissed) {
  const auto sources =
      s3_credentials_sources({}, "", {http_, clock_, environment_, files_, "eu-west-1"});
  S3CredentialsSource& instance = *sources.back();
  answer_all();
  expect_temporary(instance.load());
  http_->fail(false);
  EXPECT_THROW(instance.load(), CloudStorageError);
  http_->answer(503);
  EXPECT_THROW(instance.load(), CloudStorageError);
}

}  // namespace
}  // namespace protobase::cloud
