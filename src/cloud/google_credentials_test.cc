// Where credentials are found, what is asked for a token, when it is renewed, and that no secret
// gets out.
#include "cloud/google_credentials.h"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "base/base64.h"
#include "cloud/google_json.h"
#include "os/net/crypto.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/errors.h"
#include "testing/fixed_environment.h"
#include "testing/manual_clock.h"
#include "testing/memory_file_system.h"
#include "testing/rsa_test_key.h"
#include "testing/scripted_http_client.h"

namespace protobase::cloud {
namespace {

constexpr std::uint64_t kSecond = 1'000'000;
constexpr const char* kToken = R"({"access_token":"abc.DEF","expires_in":3600})";
constexpr const char* kUserFile =
    R"({"type":"authorized_user","client_id":"id/1","client_secret":"secret&2",)"
    R"("refresh_token":"refresh+3"})";

std::string service_account_file() {
  return Atom::object({{"type", "service_account"},
                       {"client_email", "writer@example.com"},
                       {"private_key_id", "key7"},
                       {"private_key", testing::kRSATestKey},
                       {"token_uri", "https://tokens.example.com/token"}})
      .to_json();
}

std::string decode_base64url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.size() % 4 != 0) text += '=';
  const auto bytes = base::decode_canonical_base64(text);
  EXPECT_TRUE(bytes) << text;
  return bytes ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) : "";
}

struct GoogleCredentialsTest : ::testing::Test {
  std::shared_ptr<testing::ScriptedHTTPClient> http =
      std::make_shared<testing::ScriptedHTTPClient>();
  std::shared_ptr<testing::ManualClock> clock = std::make_shared<testing::ManualClock>();
  std::shared_ptr<testing::FixedEnvironment> environment =
      std::make_shared<testing::FixedEnvironment>();
  std::shared_ptr<testing::MemoryFileSystem> files = std::make_shared<testing::MemoryFileSystem>();
  std::string logged;

  GoogleCredentials credentials(const std::string& path = "",
                                const std::string& endpoint = "https://storage.googleapis.com") {
    return GoogleCredentials(
        {.path = path,
         .endpoint = endpoint,
         .surroundings = {.http = http, .clock = clock},
         .environment = environment,
         .file_system = files,
         .logger = [this](LogLevel, std::string_view text) { logged += text; }});
  }

  void put_file(const std::string& path, const std::string& text) {
    files->open(path, os::OpenMode::kCreate);
    const auto bytes = as_bytes(text);
    files->set_content(path, {bytes.begin(), bytes.end()});
  }
};

template <typename Error>
std::string message_of(GoogleCredentials& credentials) {
  try {
    credentials.authorization();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no error, or another one";
  return "";
}

TEST_F(GoogleCredentialsTest, AnonymousAsksNobody) {
  auto nobody = credentials("anonymous", "http://far.away");
  EXPECT_EQ(nobody.authorization(), "");
  EXPECT_FALSE(nobody.renew(""));
  EXPECT_TRUE(http->requests().empty());
}

TEST_F(GoogleCredentialsTest, AServiceAccountSignsWhoItIs) {
  put_file("/key.json", service_account_file());
  http->answer(200, kToken);
  auto writer = credentials("/key.json");
  EXPECT_EQ(writer.authorization(), "Bearer abc.DEF");

  const auto request = http->request(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://tokens.example.com/token");
  EXPECT_EQ(request.header("content-type"), "application/x-www-form-urlencoded");
  const std::string start =
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
  ASSERT_TRUE(request.body.starts_with(start)) << request.body;
  const std::string assertion = request.body.substr(start.size());
  const auto first = assertion.find('.');
  const auto second = assertion.find('.', first + 1);
  EXPECT_EQ(decode_base64url(assertion.substr(0, first)),
            R"({"alg":"RS256","typ":"JWT","kid":"key7"})");
  EXPECT_EQ(decode_base64url(assertion.substr(first + 1, second - first - 1)),
            R"({"iss":"writer@example.com",)"
            R"("scope":"https://www.googleapis.com/auth/devstorage.read_write",)"
            R"("aud":"https://tokens.example.com/token","iat":1700000000,"exp":1700003600})");
  EXPECT_EQ(decode_base64url(assertion.substr(second + 1)),
            os::rsa_sha256_sign(testing::kRSATestKey, assertion.substr(0, second)));
}

TEST_F(GoogleCredentialsTest, AWrongClockIsLearntFromTheReply) {
  put_file("/key.json", service_account_file());
  http->answer(400, R"({"error":"invalid_grant","error_description":"too early"})",
               {{"date", "Tue, 14 Nov 2023 22:00:00 GMT"}});  // 800 s behind ours
  http->answer(200, kToken);
  auto writer = credentials("/key.json");
  EXPECT_EQ(writer.authorization(), "Bearer abc.DEF");
  const std::string body = http->request(1).body;
  const auto first = body.find('.');
  const std::string claims =
      decode_base64url(body.substr(first + 1, body.find('.', first + 1) - first - 1));
  EXPECT_NE(claims.find(R"("iat":1699999200)"), std::string::npos) << claims;
}

TEST_F(GoogleCredentialsTest, ARefusalIsNotTriedAgainWithTheSameClock) {
  put_file("/key.json", service_account_file());
  http->answer(400, R"({"error":"invalid_grant","error_description":"account not found"})",
               {{"date", "Tue, 14 Nov 2023 22:13:20 GMT"}});
  auto writer = credentials("/key.json");
  const std::string message = message_of<NotAuthorizedError>(writer);
  EXPECT_NE(message.find("invalid_grant: account not found"), std::string::npos) << message;
  EXPECT_NE(message.find("writer@example.com"), std::string::npos) << message;
  EXPECT_NE(message.find("/key.json"), std::string::npos) << message;
  EXPECT_EQ(http->requests().size(), 1u);
}

TEST_F(GoogleCredentialsTest, AUserHasARefreshToken) {
  put_file("/user.json", kUserFile);
  http->answer(200, kToken);
  auto user = credentials("/user.json");
  EXPECT_EQ(user.authorization(), "Bearer abc.DEF");
  EXPECT_EQ(http->request(0).url, "https://oauth2.googleapis.com/token");
  EXPECT_EQ(http->request(0).body,
            "grant_type=refresh_token&client_id=id%2F1&client_secret=secret%262"
            "&refresh_token=refresh%2B3");
}

TEST_F(GoogleCredentialsTest, TheVariableComesBeforeTheWellKnownFile) {
  put_file("/variable.json", service_account_file());
  files->make_directory("/config");
  put_file("/config/application_default_credentials.json", kUserFile);
  environment->set("CLOUDSDK_CONFIG", "/config");
  http->set_fallback(
      [](const auto&) { return testing::ScriptedHTTPClient::response(200, kToken); });
  credentials().authorization();
  EXPECT_EQ(http->request(0).url, "https://oauth2.googleapis.com/token");
  environment->set("GOOGLE_APPLICATION_CREDENTIALS", "/variable.json");
  credentials().authorization();
  EXPECT_EQ(http->request(1).url, "https://tokens.example.com/token");
}

TEST_F(GoogleCredentialsTest, TheWellKnownFileLiesBelowHome) {
  for (const char* folder : {"/home", "/home/.config", "/home/.config/gcloud"}) {
    files->make_directory(folder);
  }
  put_file("/home/.config/gcloud/application_default_credentials.json", kUserFile);
  environment->set("HOME", "/home");
  http->answer(200, kToken);
  EXPECT_EQ(credentials().authorization(), "Bearer abc.DEF");
}

TEST_F(GoogleCredentialsTest, AMachineOfGoogleAsksItsMetadataServer) {
  environment->set("GCE_METADATA_HOST", "127.0.0.1:8080");
  http->answer(200, kToken, {{"metadata-flavor", "Google"}});
  EXPECT_EQ(credentials().authorization(), "Bearer abc.DEF");
  const auto request = http->request(0);
  EXPECT_EQ(request.method, "GET");
  EXPECT_TRUE(request.url.starts_with(
      "http://127.0.0.1:8080/computeMetadata/v1/instance/service-accounts/default/token?scopes="))
      << request.url;
  EXPECT_EQ(request.header("metadata-flavor"), "Google");
  EXPECT_LE(request.connect_timeout_ms, 3000u) << "it is next door, or there is none";
}

TEST_F(GoogleCredentialsTest, WithoutAnyTheMessageSaysWhatToDo) {
  http->fail(false);
  auto none = credentials();
  const std::string message = message_of<NotAuthorizedError>(none);
  EXPECT_NE(message.find("GOOGLE_APPLICATION_CREDENTIALS"), std::string::npos) << message;
  EXPECT_EQ(http->request(0).url.find("http://metadata.google.internal/"), 0u);
}

TEST_F(GoogleCredentialsTest, WhoeverElseAnswersThereIsNotBelieved) {
  http->answer(200, kToken);
  auto captive = credentials();
  message_of<NotAuthorizedError>(captive);
}

// A minute without it must not end a process that had tokens from it for days.
TEST_F(GoogleCredentialsTest, AMetadataServerThatDoesNotAnswerNowMayBeAskedAgain) {
  auto machine = credentials();
  http->fail(true, "timed out");
  EXPECT_NE(message_of<CloudStorageError>(machine).find("metadata.google.internal"),
            std::string::npos);
  http->answer(200, kToken, {{"metadata-flavor", "Google"}});
  EXPECT_EQ(machine.authorization(), "Bearer abc.DEF");
  clock->advance_us(3601 * kSecond);
  http->fail(false, "connection refused");
  message_of<CloudStorageError>(machine);
  http->answer(200, kToken, {{"metadata-flavor", "Google"}});
  EXPECT_EQ(machine.authorization(), "Bearer abc.DEF");
}

TEST_F(GoogleCredentialsTest, ATokenIsKeptUntilShortlyBeforeItsEnd) {
  put_file("/user.json", kUserFile);
  http->answer(200, kToken);
  http->answer(200, R"({"access_token":"second","expires_in":3600})");
  auto user = credentials("/user.json");
  user.authorization();
  clock->advance_us(3359 * kSecond);
  EXPECT_EQ(user.authorization(), "Bearer abc.DEF");
  EXPECT_EQ(http->requests().size(), 1u);
  clock->advance_us(kSecond);
  EXPECT_EQ(user.authorization(), "Bearer second");
}

TEST_F(GoogleCredentialsTest, AJumpOfTheWallClockChangesNothing) {
  put_file("/user.json", kUserFile);
  http->answer(200, kToken);
  auto user = credentials("/user.json");
  user.authorization();
  clock->set_unix_us(0);
  EXPECT_EQ(user.authorization(), "Bearer abc.DEF");
}

TEST_F(GoogleCredentialsTest, WithoutANewTokenTheOldOneIsGoodToItsEnd) {
  put_file("/user.json", kUserFile);
  http->answer(200, kToken);
  auto user = credentials("/user.json");
  user.authorization();
  clock->advance_us(3400 * kSecond);
  http->answer(503);
  EXPECT_EQ(user.authorization(), "Bearer abc.DEF");
  EXPECT_EQ(user.authorization(), "Bearer abc.DEF") << "and the server is left alone for a while";
  EXPECT_NE(logged.find("503"), std::string::npos) << logged;
  EXPECT_EQ(http->requests().size(), 2u);
  clock->advance_us(200 * kSecond);
  http->answer(503);
  const std::string message = message_of<CloudStorageError>(user);
  EXPECT_NE(message.find("503"), std::string::npos) << message;
}

TEST_F(GoogleCredentialsTest, ARefusedTokenIsNeverUsedAgain) {
  put_file("/user.json", kUserFile);
  http->answer(200, kToken);
  http->answer(200, R"({"access_token":"second","expires_in":3600})");
  auto user = credentials("/user.json");
  const std::string first = user.authorization();
  EXPECT_TRUE(user.renew(first));
  EXPECT_EQ(user.authorization(), "Bearer second");
  EXPECT_TRUE(user.renew(first)) << "refused late: another one is there already";
  EXPECT_EQ(user.authorization(), "Bearer second");
}

TEST_F(GoogleCredentialsTest, ManyThreadsShareOneFetch) {
  constexpr int kThreads = 8;
  put_file("/user.json", kUserFile);
  std::latch asked(kThreads);
  http->answer([&](const auto&) {
    asked.wait();  // everybody is on the way
    return testing::ScriptedHTTPClient::response(200, kToken);
  });
  auto user = credentials("/user.json");
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        asked.count_down();
        EXPECT_EQ(user.authorization(), "Bearer abc.DEF");
      });
    }
  }
  EXPECT_EQ(http->requests().size(), 1u);
}

TEST_F(GoogleCredentialsTest, TokensGoNowhereInTheClear) {
  put_file("/user.json", kUserFile);
  auto clear = credentials("/user.json", "http://storage.example.com");
  message_of<NotAuthorizedError>(clear);
  EXPECT_TRUE(http->requests().empty());
  put_file("/bad.json", R"({"type":"authorized_user","client_id":"a","client_secret":"b",)"
                        R"("refresh_token":"c","token_uri":"http://tokens.example.com/"})");
  auto bad = credentials("/bad.json");
  message_of<ValidationError>(bad);
  EXPECT_TRUE(http->requests().empty());
  http->answer(200, kToken);
  EXPECT_EQ(credentials("/user.json", "http://127.0.0.1:4443").authorization(), "Bearer abc.DEF");
}

TEST_F(GoogleCredentialsTest, AnEmulatorOnThisMachineGetsWhatThereIsOrNothing) {
  for (const char* endpoint :
       {"http://127.0.0.1:4443", "http://localhost:4443", "http://[::1]:1"}) {
    auto nobody = credentials("", endpoint);
    EXPECT_EQ(nobody.authorization(), "") << endpoint;
    EXPECT_FALSE(nobody.renew(""));
  }
  EXPECT_TRUE(http->requests().empty()) << "no metadata server was looked for";
  auto elsewhere = credentials("", "http://storage.example.com");
  EXPECT_NE(message_of<NotAuthorizedError>(elsewhere).find("STORAGE_EMULATOR_HOST"),
            std::string::npos);
  environment->set("GCE_METADATA_HOST", "127.0.0.1:8080");
  http->answer(200, kToken, {{"metadata-flavor", "Google"}});
  EXPECT_EQ(credentials("", "http://localhost:4443").authorization(), "Bearer abc.DEF");
  put_file("/user.json", kUserFile);
  environment->set("GOOGLE_APPLICATION_CREDENTIALS", "/user.json");
  http->answer(200, kToken);
  EXPECT_EQ(credentials("", "http://localhost:4443").authorization(), "Bearer abc.DEF");
}

TEST_F(GoogleCredentialsTest, BadFilesAreNamedAndNotShown) {
  put_file("/no.json", "secret words");
  put_file("/other.json", R"({"type":"external_account"})");
  put_file("/half.json", R"({"type":"service_account","private_key":"secret words"})");
  put_file("/key.json", R"({"type":"service_account","client_email":"a@b",)"
                        R"("private_key":"secret words"})");
  for (const char* path : {"/no.json", "/half.json"}) {
    auto bad = credentials(path);
    const std::string message = message_of<ValidationError>(bad);
    EXPECT_NE(message.find(path), std::string::npos) << message;
    EXPECT_EQ(message.find("secret words"), std::string::npos) << message;
  }
  auto bad_key = credentials("/key.json");
  const std::string of_key = message_of<ValidationError>(bad_key);
  EXPECT_EQ(of_key.find("secret words"), std::string::npos);
  EXPECT_NE(of_key.find("(/key.json): private_key: "), std::string::npos) << of_key;
  auto other = credentials("/other.json");
  EXPECT_NE(message_of<NotSupportedError>(other).find("external_account"), std::string::npos);
  put_file("/elsewhere.json", R"({"type":"service_account","universe_domain":"cloud.example"})");
  auto elsewhere = credentials("/elsewhere.json");
  EXPECT_NE(message_of<NotSupportedError>(elsewhere).find("cloud.example"), std::string::npos);
  auto missing = credentials("/missing.json");
  EXPECT_NE(message_of<NotAuthorizedError>(missing).find("/missing.json"), std::string::npos);
}

TEST_F(GoogleCredentialsTest, TheSettingThatNamesABadFileIsNamed) {
  files->make_directory("/folder");
  put_file("/no.json", "no JSON");
  const auto told = [&](auto message) {
    EXPECT_NE(message.find("GOOGLE_APPLICATION_CREDENTIALS"), std::string::npos) << message;
  };
  environment->set("GOOGLE_APPLICATION_CREDENTIALS", "/folder");
  auto folder = credentials("");
  told(message_of<ValidationError>(folder));
  environment->set("GOOGLE_APPLICATION_CREDENTIALS", "/nope");
  auto missing = credentials("");
  told(message_of<NotAuthorizedError>(missing));
  environment->set("GOOGLE_APPLICATION_CREDENTIALS", "/no.json");
  auto other = credentials("");
  told(message_of<ValidationError>(other));
}

TEST_F(GoogleCredentialsTest, ATokenServerThatSaysNothingIsGivenUpEarly) {
  put_file("/user.json", kUserFile);
  http->answer(200, kToken);
  credentials("/user.json").authorization();
  EXPECT_EQ(http->request(0).stall_timeout_ms, 10'000u);
}

TEST_F(GoogleCredentialsTest, ARefusalSaysWhatToDo) {
  put_file("/user.json", kUserFile);
  http->answer(400, R"({"error":"invalid_grant","error_description":"Token has expired"})");
  auto user = credentials("/user.json");
  const std::string message = message_of<NotAuthorizedError>(user);
  EXPECT_NE(message.find("invalid_grant: Token has expired; run `gcloud auth"), std::string::npos)
      << message;
  http->answer(404, "<html>Not here</html>");
  auto page = credentials("/user.json");
  EXPECT_NE(message_of<NotAuthorizedError>(page).find("HTTP 404; run `gcloud"), std::string::npos);
}

// A page that shows the request it did not understand shows the form of it.
TEST_F(GoogleCredentialsTest, NoSecretGetsOutAsAFormHasIt) {
  put_file("/user.json", kUserFile);
  const auto echo = [](const testing::RecordedHTTPRequest& request) {
    return testing::ScriptedHTTPClient::response(400, "what is " + request.body);
  };
  const auto echo_in_json = [](const testing::RecordedHTTPRequest& request) {
    return testing::ScriptedHTTPClient::response(
        400, R"({"error":"bad","error_description":")" + request.body + R"("})");
  };
  http->answer(echo);
  http->answer(echo_in_json);
  for (int i = 0; i < 2; ++i) {
    auto user = credentials("/user.json");
    const std::string message = message_of<NotAuthorizedError>(user);
    EXPECT_NE(message.find(i == 0 ? "400; run" : "400, (not shown)"), std::string::npos) << message;
    EXPECT_EQ(message.find("refresh%2B3"), std::string::npos) << message;
    EXPECT_EQ(message.find("secret%262"), std::string::npos) << message;
  }
}

TEST_F(GoogleCredentialsTest, NoSecretGetsOut) {
  put_file("/user.json", kUserFile);
  // A server that says back what it was sent.
  http->answer([](const testing::RecordedHTTPRequest&) {
    return testing::ScriptedHTTPClient::response(400, "you sent me secret&2 and refresh+3");
  });
  http->answer(200, R"({"access_token":"with space secret-token","expires_in":3600})");
  http->answer(200, R"(["secret-token"])");
  http->answer(200, R"({"access_token":"secret-token","expires_in":-1})");
  for (int i = 0; i < 4; ++i) {
    auto user = credentials("/user.json");
    const std::string message = message_of<NotAuthorizedError>(user);
    EXPECT_EQ(message.find("secret"), std::string::npos) << message;
    EXPECT_EQ(message.find("refresh+3"), std::string::npos) << message;
  }
  auto user = credentials("/user.json");
  http->answer(200, kToken);
  EXPECT_EQ(user.authorization(), "Bearer abc.DEF");
  clock->advance_us(3400 * kSecond);
  http->answer(400, "you sent me secret&2, refresh+3 and abc.DEF");
  EXPECT_EQ(user.authorization(), "Bearer abc.DEF") << "the old one, and why is logged";
  EXPECT_NE(logged.find("/user.json"), std::string::npos);
  EXPECT_NE(logged.find("400"), std::string::npos) << logged;
  for (const char* secret : {"secret", "refresh+3", "abc.DEF"}) {
    EXPECT_EQ(logged.find(secret), std::string::npos) << logged;
  }
}

}  // namespace
}  // namespace protobase::cloud
