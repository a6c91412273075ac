// What GoogleCloudClient asks for, and what it makes of answers that a good server does not give.
// What it does with good ones is in test/conformance.
#include "protobase/google_cloud_client.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "protobase/errors.h"
#include "testing/fixed_environment.h"
#include "testing/manual_clock.h"
#include "testing/memory_file_system.h"
#include "testing/no_more_threads.h"
#include "testing/scripted_http_client.h"

namespace protobase {
namespace {

using testing::RecordedHTTPRequest;
using testing::ScriptedHTTPClient;

constexpr std::uint64_t kPiece = std::uint64_t{256} << 10;
constexpr const char* kStored = R"({"name":"p/a","size":"5","generation":"17"})";

struct GoogleCloudClientTest : ::testing::Test {
  std::shared_ptr<ScriptedHTTPClient> http = std::make_shared<ScriptedHTTPClient>();
  std::shared_ptr<testing::FixedEnvironment> environment =
      std::make_shared<testing::FixedEnvironment>();
  std::shared_ptr<testing::MemoryFileSystem> files = std::make_shared<testing::MemoryFileSystem>();

  GoogleCloudClientOptions options() const {
    GoogleCloudClientOptions result;
    result.bucket = "bucket";
    result.prefix = "p";
    result.credentials_path = "anonymous";
    result.part_size = kPiece;
    result.http = http;
    result.clock = std::make_shared<testing::ManualClock>();
    result.environment = environment;
    result.file_system = files;
    return result;
  }
  GoogleCloudClient client{options()};

  CloudPutResult put(std::string_view text, const CloudPutCondition& condition = {}) {
    const auto bytes = as_bytes(text);
    return client.put("a", {&bytes, 1}, condition);
  }

  CloudStorageError failure_of(const std::function<void()>& call) {
    try {
      call();
    } catch (const CloudStorageError& error) {
      return error;
    }
    ADD_FAILURE() << "no CloudStorageError";
    return {CloudFailure::kRefused, 0, ""};
  }
};

TEST_F(GoogleCloudClientTest, APutIsOneRequestWithItsCondition) {
  http->set_fallback([](const auto&) { return ScriptedHTTPClient::response(200, kStored); });
  EXPECT_EQ(put("12345").version, "17");
  put("12345", CloudPutCondition::if_absent());
  put("12345", CloudPutCondition::if_version("16"));
  const std::string base = "https://storage.googleapis.com/upload/storage/v1/b/bucket/o?";
  EXPECT_EQ(http->request(0).method, "POST");
  EXPECT_EQ(http->request(0).url, base + "name=p%2Fa&uploadType=media");
  EXPECT_EQ(http->request(0).body, "12345");
  EXPECT_EQ(http->request(1).url, base + "ifGenerationMatch=0&name=p%2Fa&uploadType=media");
  EXPECT_EQ(http->request(2).url, base + "ifGenerationMatch=16&name=p%2Fa&uploadType=media");
  EXPECT_EQ(http->requests().size(), 3u);
}

TEST_F(GoogleCloudClientTest, RemovesAllAlsoWhereNoThreadCanBeStarted) {
  http->set_fallback([](const auto&) { return ScriptedHTTPClient::response(204, ""); });
  const std::vector<std::string> keys = {"a", "b", "c"};
  const testing::NoMoreThreads none;
  EXPECT_THROW(std::thread([] {}), std::system_error);
  client.remove(keys);
  EXPECT_EQ(http->requests().size(), 3u);
}

TEST_F(GoogleCloudClientTest, AVersionThatMeansAbsentIsRefused) {
  EXPECT_THROW(put("x", CloudPutCondition::if_version("0")), ValidationError);
  EXPECT_THROW(put("x", CloudPutCondition::if_version("\"etag\"")), ValidationError);
  EXPECT_THROW(client.get("a", {}, "0"), ValidationError);
  EXPECT_TRUE(http->requests().empty());
}

TEST_F(GoogleCloudClientTest, WhatEachAnswerToAPutMeans) {
  const std::pair<int, CloudFailure> meanings[] = {
      {400, CloudFailure::kRefused}, {408, CloudFailure::kUnknown}, {409, CloudFailure::kNotNow},
      {413, CloudFailure::kRefused}, {429, CloudFailure::kNotNow},  {500, CloudFailure::kUnknown},
      {502, CloudFailure::kUnknown}, {503, CloudFailure::kUnknown}, {504, CloudFailure::kUnknown},
      {301, CloudFailure::kRefused}};
  for (const auto& [status, failure] : meanings) {
    http->answer(status, R"({"error":{"message":"so it is"}})");
    const auto error = failure_of([&] { put("12345"); });
    EXPECT_EQ(error.failure(), failure) << status;
    EXPECT_EQ(error.http_status(), status);
    EXPECT_NE(std::string_view(error.what()).find("so it is"), std::string_view::npos);
  }
  http->answer(412);
  EXPECT_FALSE(put("12345", CloudPutCondition::if_absent()).stored);
  http->answer(412);  // of no condition of ours: nothing was stored, and nobody may believe it was
  EXPECT_EQ(failure_of([&] { put("12345"); }).failure(), CloudFailure::kRefused);
  http->answer(404, R"({"error":{"message":"The specified bucket does not exist."}})");
  EXPECT_THROW(put("12345"), NotFoundError);
  http->answer(403, R"({"error":{"message":"no right"}})");
  EXPECT_THROW(put("12345"), NotAuthorizedError);
  http->answer(403, R"({"error":{"message":"slow","errors":[{"reason":"rateLimitExceeded"}]}})");
  EXPECT_EQ(failure_of([&] { put("12345"); }).failure(), CloudFailure::kNotNow);
  http->fail(true);
  EXPECT_EQ(failure_of([&] { put("12345"); }).failure(), CloudFailure::kUnknown);
  http->fail(false);
  EXPECT_EQ(failure_of([&] { put("12345"); }).failure(), CloudFailure::kNotSent);
}

TEST_F(GoogleCloudClientTest, WhoGetsNoAnswerIsToldWhereToLook) {
  const auto words = [&](const std::string& endpoint, bool was_sent) {
    auto changed = options();
    changed.endpoint_url = endpoint;
    GoogleCloudClient other(changed);
    http->fail(was_sent, "GET http://x: Could not resolve host: x");
    return std::string(failure_of([&] { other.get("a"); }).what());
  };
  for (const bool was_sent : {true, false}) {
    EXPECT_TRUE(words("http://x", was_sent)
                    .ends_with("Could not resolve host: x; look at the endpoint (http:// or "
                               "https://, host, port), and whether its server runs"))
        << words("http://x", was_sent);
    EXPECT_TRUE(words("", was_sent).ends_with("host: x; look at the network"))
        << words("", was_sent);
  }
}

TEST_F(GoogleCloudClientTest, AnAnswerTooLongToReadLeavesOpenWhatWasDone) {
  http->set_fallback([](const auto&) -> os::HTTPResponse {
    throw os::HTTPTooLargeError("the answer has more than 1048576 bytes");
  });
  const std::vector<std::string> keys = {"a"};
  EXPECT_EQ(failure_of([&] { put("12345"); }).failure(), CloudFailure::kUnknown);
  EXPECT_EQ(failure_of([&] { client.remove(keys); }).failure(), CloudFailure::kUnknown);
  EXPECT_EQ(failure_of([&] { client.get("a"); }).failure(), CloudFailure::kRefused);
  CloudGetOptions part;
  part.range = CloudRange{0, 100};
  EXPECT_EQ(failure_of([&] { client.get("a", part); }).failure(), CloudFailure::kUnknown);
  EXPECT_EQ(failure_of([&] { client.list({}, {}, 1); }).failure(), CloudFailure::kRefused);
}

TEST_F(GoogleCloudClientTest, AnAnswerThatIsNotOfThisPutProvesNothing) {
  for (const char* body : {"", "{}", "[]", R"({"name":"p/a","size":"4","generation":"17"})",
                           R"({"name":"p/ab","size":"5","generation":"17"})",
                           R"({"name":"p/a","size":"5","generation":"0"})"}) {
    http->answer(200, body);
    EXPECT_EQ(failure_of([&] { put("12345"); }).failure(), CloudFailure::kUnknown) << body;
  }
}

TEST_F(GoogleCloudClientTest, ALargePutGoesOnWhereTheStoreGotTo) {
  const std::string content = std::string(kPiece, 'a') + std::string(kPiece, 'b') + "c";
  http->answer(200, "", {{"location", "https://elsewhere.example.com/upload/x?upload_id=7"}});
  http->answer(308, "", {{"range", "bytes=0-99"}});  // kept less than it was sent
  http->answer(308, "", {{"range", "bytes=0-" + std::to_string(kPiece + 99)}});
  http->answer(308, "", {{"range", "bytes=0-" + std::to_string(2 * kPiece - 1)}});
  http->answer(200, R"({"name":"p/a","size":")" + std::to_string(content.size()) +
                        R"(","generation":"18"})");
  EXPECT_EQ(put(content, CloudPutCondition::if_absent()).version, "18");

  EXPECT_EQ(http->request(0).url,
            "https://storage.googleapis.com/upload/storage/v1/b/bucket/o?"
            "ifGenerationMatch=0&name=p%2Fa&uploadType=resumable");
  EXPECT_EQ(http->request(0).header("x-upload-content-length"), std::to_string(content.size()));
  const std::string session = "https://storage.googleapis.com/upload/x?upload_id=7";
  std::string received;
  for (std::size_t i = 1; i < 5; ++i) {
    const auto request = http->request(i);
    EXPECT_EQ(request.url, session) << "never to another host";
    std::uint64_t begin = 0;
    EXPECT_EQ(std::sscanf(request.header("content-range").c_str(), "bytes %lu-", &begin), 1);
    EXPECT_TRUE(request.header("content-range").ends_with("/" + std::to_string(content.size())));
    EXPECT_EQ(content.substr(begin, request.body.size()), request.body);
    received.resize(begin);
    received += request.body;
  }
  EXPECT_EQ(received.size(), content.size());
  EXPECT_EQ(client.counts().puts, 5u);
}

TEST_F(GoogleCloudClientTest, AnUploadThatDoesNotGetOnEnds) {
  for (const char* range : {"", "bytes=0-", "bytes=5-9", "bytes=0-99999999", "nonsense"}) {
    http->answer(200, "", {{"location", "/upload/x"}});
    http->answer(308, "", {{"range", range}});
    EXPECT_TRUE(failure_of([&] { put(std::string(kPiece + 1, 'x')); }).may_retry()) << range;
  }
  EXPECT_EQ(http->unused_answers(), 0u);
}

TEST_F(GoogleCloudClientTest, BeforeItsLastPieceAnUploadHasNoEffect) {
  http->answer(200, "", {{"location", "/upload/x"}});
  http->fail(true);
  EXPECT_EQ(failure_of([&] { put(std::string(kPiece + 1, 'x')); }).failure(),
            CloudFailure::kNotNow);
  http->answer(200, "", {{"location", "/upload/x"}});
  http->answer(308, "", {{"range", "bytes=0-" + std::to_string(kPiece - 1)}});
  http->fail(true);
  EXPECT_EQ(failure_of([&] { put(std::string(kPiece + 1, 'x')); }).failure(),
            CloudFailure::kUnknown);
  http->answer(200, "", {{"location", "/upload/x"}});
  http->answer(410);
  EXPECT_EQ(failure_of([&] { put(std::string(kPiece + 1, 'x')); }).failure(),
            CloudFailure::kNotNow);
}

TEST_F(GoogleCloudClientTest, AGetAsksForItsRangeAndChange) {
  http->answer(206, "234", {{"content-range", "bytes 2-4/10"}, {"x-goog-generation", "9"}});
  const auto result = client.get("x y", {.range = CloudRange{2, 3}}, "8");
  EXPECT_EQ(result.object.bytes.as_text(), "234");
  EXPECT_EQ(result.object.metadata.size, 10u);
  EXPECT_EQ(result.object.metadata.version, "9");
  EXPECT_EQ(http->request(0).url,
            "https://storage.googleapis.com/storage/v1/b/bucket/o/p%2Fx%20y?"
            "alt=media&ifGenerationNotMatch=8");
  EXPECT_EQ(http->request(0).header("range"), "bytes=2-4");
}

TEST_F(GoogleCloudClientTest, AWrongRangeIsNoAnswer) {
  const auto get = [&] { client.get("a", {.range = CloudRange{2, 3}}); };
  for (const char* range : {"", "bytes 1-3/10", "bytes 2-5/10", "bytes 2-3/10", "bytes 2-4/4",
                            "bytes 2-4/*", "bytes 4-2/10", "2-4/10"}) {
    http->answer(206, "234", {{"content-range", range}, {"x-goog-generation", "9"}});
    EXPECT_EQ(failure_of(get).failure(), CloudFailure::kUnknown) << range;
  }
  http->answer(206, "23", {{"content-range", "bytes 2-3/10"}, {"x-goog-generation", "9"}});
  EXPECT_EQ(failure_of(get).failure(), CloudFailure::kUnknown) << "shorter than it could be";
  http->answer(206, "23", {{"content-range", "bytes 2-3/4"}, {"x-goog-generation", "9"}});
  EXPECT_NO_THROW(get()) << "the object ends there";
}

TEST_F(GoogleCloudClientTest, MoreThanTheRangeIsNotTakenIn) {
  const auto get = [&](std::uint64_t length, std::uint64_t max_bytes) {
    client.get("a", {.range = CloudRange{2, length}, .max_bytes = max_bytes});
  };
  http->answer(206, "2345", {{"content-range", "bytes 2-4/10"}, {"x-goog-generation", "9"}});
  EXPECT_EQ(failure_of([&] { get(3, 100); }).failure(), CloudFailure::kUnknown);
  http->set_fallback([](const auto&) -> os::HTTPResponse {
    throw os::HTTPTooLargeError("the answer has more bytes");
  });
  // What the connection reads at most: the range, but an error has to be readable.
  for (const auto& [length, max_bytes, most] :
       {std::array<std::uint64_t, 3>{100'000, 200'000, 100'000},
        {200'000, 100'000, 100'000},
        {3, 200'000, 65'536}}) {
    EXPECT_EQ(failure_of([&] { get(length, max_bytes); }).failure(), CloudFailure::kUnknown);
    EXPECT_EQ(http->requests().back().max_response_bytes, most);
  }
}

TEST_F(GoogleCloudClientTest, AServerWithoutRangesAnswersWithTheWhole) {
  http->answer(200, "0123456789", {{"x-goog-generation", "9"}});
  const auto result = client.get("a", {.range = CloudRange{8, 5}});
  EXPECT_EQ(result.object.bytes.as_text(), "89");
  EXPECT_EQ(result.object.metadata.size, 10u);
}

TEST_F(GoogleCloudClientTest, ListsBeginBehindTheirStart) {
  http->answer(200, R"({"nextPageToken":"t","items":[
      {"name":"p/b","size":"1","generation":"1"},{"name":"p/c","size":"1","generation":"1"}]})");
  const auto page = client.list("", "b", 5);
  ASSERT_EQ(page.objects.size(), 1u);
  EXPECT_EQ(page.objects[0].key, "c");
  EXPECT_TRUE(page.is_truncated);
  EXPECT_EQ(http->request(0).url,
            "https://storage.googleapis.com/storage/v1/b/bucket/o?fields=nextPageToken%2Citems%28"
            "name%2Csize%2Cgeneration%2Cupdated%29&maxResults=6&prefix=p%2F&startOffset=p%2Fb");
}

TEST_F(GoogleCloudClientTest, EmptyPagesAreNotTheEnd) {
  http->answer(200, R"({"nextPageToken":"t 1"})");
  http->answer(200, R"({"items":[{"name":"p/c","size":"1","generation":"1"}]})");
  const auto page = client.list("", "", 5);
  EXPECT_EQ(page.objects.size(), 1u);
  EXPECT_FALSE(page.is_truncated);
  EXPECT_NE(http->request(1).url.find("&pageToken=t%201"), std::string::npos);
  http->set_fallback(
      [](const auto&) { return ScriptedHTTPClient::response(200, R"({"nextPageToken":"t"})"); });
  EXPECT_EQ(failure_of([&] { client.list("", "", 5); }).failure(), CloudFailure::kNotNow)
      << "but there must be one";
}

TEST_F(GoogleCloudClientTest, AListOutOfOrderIsNoAnswer) {
  http->answer(200, R"({"items":[{"name":"p/c","size":"1","generation":"1"},
                                 {"name":"p/b","size":"1","generation":"1"}]})");
  EXPECT_EQ(failure_of([&] { client.list("", "", 5); }).failure(), CloudFailure::kUnknown);
}

TEST_F(GoogleCloudClientTest, AMissingBucketIsNotAMissingObject) {
  const char* no_bucket = R"({"error":{"message":"The specified bucket does not exist."}})";
  const std::string key = "a";
  for (const auto& call :
       {std::function<void()>([&] { client.get(key); }),
        std::function<void()>([&] { client.head(key); }),
        std::function<void()>([&] { client.list("", "", 1); }), std::function<void()>([&] {
          client.remove({&key, 1});
        })}) {
    http->answer(404, no_bucket);
    EXPECT_THROW(call(), NotFoundError);
  }
  http->answer(404, "No such object: bucket/p/a");
  EXPECT_EQ(client.get("a").status, CloudGetStatus::kAbsent);
}

TEST_F(GoogleCloudClientTest, WhateverElseAnswersThereIsNoBucket) {
  const auto says = [](const std::exception& error, const char* words) {
    EXPECT_NE(std::string_view(error.what()).find(words), std::string_view::npos) << error.what();
  };
  const std::pair<int, const char*> answers[] = {{404, " <html>Not found</html>"},
                                                 {302, ""},
                                                 {400, "<Error/>"},
                                                 {200, "<html>Welcome</html>"}};
  for (const auto& [status, body] : answers) {
    http->answer(status, body);
    const auto error = failure_of([&] { client.get("a"); });
    says(error, "is this an endpoint of Google");
    EXPECT_EQ(error.http_status(), status);
  }
  http->answer(404, "<html>Not found</html>");
  says(failure_of([&] { client.list("", "", 1); }), "is this an endpoint of Google");
  for (const auto& [status, failure] : {std::pair(408, CloudFailure::kUnknown),
                                        {409, CloudFailure::kNotNow},
                                        {429, CloudFailure::kNotNow},
                                        {502, CloudFailure::kUnknown}}) {
    http->answer(status, "<html>of something on the way</html>");
    EXPECT_EQ(failure_of([&] { put("12345"); }).failure(), failure) << status;
  }
  for (const auto& [status, words] : {std::pair(401, "credentials"), {403, "roles"}}) {
    http->answer(status, R"({"error":{"message":"no"}})");
    try {
      client.get("a");
      ADD_FAILURE() << status;
    } catch (const NotAuthorizedError& error) {
      says(error, words);
    }
  }
}

TEST_F(GoogleCloudClientTest, AnExpiredTokenIsRenewedOnce) {
  const std::string file =
      R"({"type":"authorized_user","client_id":"a","client_secret":"b","refresh_token":"c"})";
  files->open("/user.json", os::OpenMode::kCreate);
  files->set_content("/user.json", {as_bytes(file).begin(), as_bytes(file).end()});
  auto with_user = options();
  with_user.credentials_path = "/user.json";
  GoogleCloudClient user(with_user);
  http->answer(200, R"({"access_token":"first","expires_in":3600})");
  http->answer(401);
  http->answer(200, R"({"access_token":"second","expires_in":3600})");
  http->answer(404);
  EXPECT_EQ(user.get("a").status, CloudGetStatus::kAbsent);
  EXPECT_EQ(http->request(1).header("authorization"), "Bearer first");
  EXPECT_EQ(http->request(3).header("authorization"), "Bearer second");
  EXPECT_EQ(user.counts().gets, 2u);

  http->answer(401);
  http->answer(200, R"({"access_token":"third","expires_in":3600})");
  http->answer(401, R"({"error":{"message":"still no"}})");
  EXPECT_THROW(user.get("a"), NotAuthorizedError);
  EXPECT_EQ(http->unused_answers(), 0u);
}

TEST_F(GoogleCloudClientTest, AnEmulatorNeedsNoCredentials) {
  environment->set("STORAGE_EMULATOR_HOST", "localhost:9023");
  auto emulated = options();
  emulated.credentials_path = "";
  http->answer(404);
  GoogleCloudClient(emulated).get("a");
  EXPECT_TRUE(http->request(0).url.starts_with("http://localhost:9023/storage/v1/b/bucket/o/"))
      << http->request(0).url;
  EXPECT_EQ(http->request(0).header("authorization"), "");
}

TEST_F(GoogleCloudClientTest, AProjectIsBilledWhereOneIsNamed) {
  auto billed = options();
  billed.project_id = "my project";
  http->answer(404);
  GoogleCloudClient(billed).head("a");
  EXPECT_TRUE(http->request(0).url.ends_with("&userProject=my%20project")) << http->request(0).url;
}

TEST_F(GoogleCloudClientTest, OneRemovalThatFailsEndsTheOthersAndIsTold) {
  http->set_fallback([](const auto&) { return ScriptedHTTPClient::response(503); });
  const std::vector<std::string> keys(1000, "a");
  EXPECT_EQ(failure_of([&] { client.remove(keys); }).http_status(), 503);
  EXPECT_LE(client.counts().deletes, 16u);
}

TEST_F(GoogleCloudClientTest, OptionsOutOfRangeAreNamed) {
  const auto is_refused = [&](const std::function<void(GoogleCloudClientOptions&)>& change) {
    auto changed = options();
    change(changed);
    EXPECT_THROW(GoogleCloudClient{changed}, ValidationError);
  };
  is_refused([](auto& o) { o.bucket = ""; });
  is_refused([](auto& o) { o.bucket = "UPPER"; });
  is_refused([](auto& o) { o.bucket = "a/b/c"; });
  is_refused([](auto& o) { o.prefix = "/p"; });
  is_refused([](auto& o) { o.endpoint_url = "ftp://x"; });
  is_refused([](auto& o) { o.part_size = 0; });
  is_refused([](auto& o) { o.part_size = kPiece + 1; });
  is_refused([](auto& o) { o.max_parallel_deletes = 0; });
  is_refused([](auto& o) { o.connect_timeout_ms = 0; });
  is_refused([](auto& o) { o.request_timeout_ms = 0; });
  is_refused([](auto& o) { o.read_stall_timeout_ms = 0; });
}

}  // namespace
}  // namespace protobase
