// S3Client against answers written down here; against real servers it runs the conformance suite.
#include "protobase/s3_client.h"

#include <map>
#include <vector>

#include "cloud/log_checkpoint.h"
#include "cloud/slot.h"
#include "testing/expect_error.h"
#include "testing/s3_client_fixture.h"

namespace protobase {
namespace {

using testing::expect_error;

TEST_F(S3ClientTest, ALoggerThatThrowsCostsItsOwnWordsOnly) {
  options_.logger = [](LogLevel, std::string_view) { throw std::runtime_error("the log is full"); };
  http_->answer(404, "<Error><Code>NoSuchKey</Code></Error>");
  EXPECT_EQ(client().get("key").status, CloudGetStatus::kAbsent);
}

TEST_F(S3ClientTest, BuildingItMakesNoRequest) {
  client();
  EXPECT_TRUE(http_->requests().empty());
  EXPECT_EQ(client().location(), "s3://bucket");
}

TEST_F(S3ClientTest, OptionsOutOfRangeAreNamed) {
  const auto expect_refused = [&](auto change, const char* field) {
    S3ClientOptions options = options_;
    change(options);
    expect_error<ValidationError>([&] { S3Client{options}; }, {field});
  };
  expect_refused([](auto& options) { options.bucket = ""; }, "bucket");
  expect_refused([](auto& options) { options.bucket = "a/b/c"; }, "bucket");
  expect_refused([](auto& options) { options.bucket = "a..b"; }, "bucket");
  expect_refused([](auto& options) { options.prefix = "/a"; }, "prefix");
  expect_refused([](auto& options) { options.endpoint_url = "store.example"; }, "endpoint_url");
  expect_refused([](auto& options) { options.region = "eu/evil"; }, "region");
  expect_refused([](auto& options) { options.secret_key = ""; }, "secret_key");
  expect_refused([](auto& options) { options.part_size = 5 << 10; }, "part_size");
  expect_refused([](auto& options) { options.max_parallel_parts = 0; }, "max_parallel_parts");
  expect_refused([](auto& options) { options.connect_timeout_ms = 0; }, "connect_timeout_ms");
  expect_refused([](auto& options) { options.request_timeout_ms = 0; }, "request_timeout_ms");
  expect_refused([](auto& options) { options.read_stall_timeout_ms = 0; }, "read_stall_timeout_ms");
}

/// Not every store heeds the condition of an upload in parts.
TEST_F(S3ClientTest, NoSlotAndNoCheckpointIsPutInParts) {
  const std::uint64_t most = S3ClientOptions{}.max_whole_conditional_put;
  EXPECT_GT(most, cloud::kSlotHeaderSize + cloud::kMaxSlotBody + cloud::kMaxSegmentsOfSlot * 8 + 1);
  EXPECT_GT(most, cloud::kMaxCheckpointSize);
}

TEST_F(S3ClientTest, OnlyWhatReadsMayNotStall) {
  http_->set_fallback([](const auto&) { return ScriptedHTTPClient::response(500); });
  EXPECT_THROW(client().get("key"), CloudStorageError);
  EXPECT_EQ(last().stall_timeout_ms, options_.read_stall_timeout_ms);
  EXPECT_THROW(client().list("", "", 1), CloudStorageError);
  EXPECT_EQ(last().stall_timeout_ms, options_.read_stall_timeout_ms);
  EXPECT_THROW(put("key", "x"), CloudStorageError);
  EXPECT_EQ(last().stall_timeout_ms, 0u) << "a store may think long about it";
}

TEST_F(S3ClientTest, AKeyStandsInTheURLAsItIs) {
  options_.prefix = "a b/c";
  http_->set_fallback(
      [](const auto&) { return ScriptedHTTPClient::response(404, error_xml("NoSuchKey")); });
  client().get("x//../y+%.\xc3\xa4");
  EXPECT_EQ(last().url, "http://store.example:9000/bucket/a%20b/c/x//../y%2B%25.%C3%A4");
  EXPECT_EQ(last().header("x-amz-content-sha256").size(), 64u);
}

TEST_F(S3ClientTest, TheBucketStandsInFrontOfAHostThatHasAName) {
  const auto url_of = [&](const std::string& bucket, const std::string& endpoint, bool path_style) {
    options_.bucket = bucket;
    options_.endpoint_url = endpoint;
    options_.path_style = path_style;
    http_->answer(404, error_xml("NoSuchKey"));
    S3Client(options_).get("k");
    return last().url;
  };
  EXPECT_EQ(url_of("buc", "https://store.example", false), "https://buc.store.example/k");
  EXPECT_EQ(url_of("buc", "https://store.example:8443", true), "https://store.example:8443/buc/k");
  EXPECT_EQ(url_of("buc", "http://127.0.0.1:9000", false), "http://127.0.0.1:9000/buc/k");
  EXPECT_EQ(url_of("b.u.c", "https://store.example", false), "https://store.example/b.u.c/k");
  EXPECT_EQ(url_of("BUC_1", "https://store.example", false), "https://store.example/BUC_1/k");
  EXPECT_EQ(url_of("buc", "", false), "https://buc.s3.us-east-1.amazonaws.com/k");
  environment_->set("AWS_REGION", "cn-north-1");
  EXPECT_EQ(url_of("buc", "", false), "https://buc.s3.cn-north-1.amazonaws.com.cn/k");
  EXPECT_NE(last().header("authorization").find("/cn-north-1/s3/"), std::string::npos);
  environment_->set("AWS_ENDPOINT_URL", "http://any.example");
  EXPECT_EQ(url_of("buc", "", true), "http://any.example/buc/k");
  environment_->set("AWS_ENDPOINT_URL_S3", "http://s3.example");
  EXPECT_EQ(url_of("buc", "", true), "http://s3.example/buc/k");
}

TEST_F(S3ClientTest, AProfileHasItsOwnEndpoint) {
  options_.endpoint_url = "";
  options_.path_style = false;
  const auto url_with = [&](const std::string& config) {
    files_->open("/config", os::OpenMode::kCreate);
    const auto bytes = as_bytes(config);
    files_->set_content("/config", {bytes.begin(), bytes.end()});
    environment_->set("AWS_CONFIG_FILE", "/config");
    http_->answer(404, error_xml("NoSuchKey"));
    S3Client(options_).get("k");
    return last().url;
  };
  const std::string own = "[default]\nendpoint_url = http://own.example\n";
  const std::string service =
      "services = s\n[services s]\ns3 =\n  endpoint_url = http://s3.example\n";
  EXPECT_EQ(url_with(own), "http://bucket.own.example/k");
  EXPECT_EQ(url_with(own + service), "http://bucket.s3.example/k");
  EXPECT_EQ(url_with(own + "s3 =\n  addressing_style = path\n"), "http://own.example/bucket/k");
  EXPECT_EQ(url_with(own + "ignore_configured_endpoint_urls = true\n"),
            "https://bucket.s3.us-east-1.amazonaws.com/k");
  environment_->set("AWS_ENDPOINT_URL", "http://variable.example");
  EXPECT_EQ(url_with(own), "http://bucket.variable.example/k");
  environment_->set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
  EXPECT_EQ(url_with(own), "https://bucket.s3.us-east-1.amazonaws.com/k");
  options_.endpoint_url = "http://given.example";
  options_.region = "us-east-1";
  EXPECT_EQ(url_with("[broken"), "http://bucket.given.example/k") << "the profile was read";
}

TEST_F(S3ClientTest, AGetTellsWhatItFound) {
  http_->answer(200, "hello",
                {{"etag", "\"e\""}, {"last-modified", "Fri, 24 May 2013 00:00:00 GMT"}});
  const auto result = client().get("key");
  ASSERT_EQ(result.status, CloudGetStatus::kFound);
  EXPECT_EQ(result.object.bytes.as_text(), "hello");
  EXPECT_EQ(result.object.metadata.key, "key");
  EXPECT_EQ(result.object.metadata.size, 5u);
  EXPECT_EQ(result.object.metadata.version, "\"e\"");
  EXPECT_EQ(result.object.metadata.last_modified_us, 1369353600'000'000);
}

TEST_F(S3ClientTest, ARangeIsCheckedAgainstWhatWasAsked) {
  const CloudGetOptions options{.range = CloudRange{2, 3}};
  const auto with_range = [](const std::string& range) {
    return os::HTTPHeaders{{"etag", "\"e\""}, {"content-range", range}};
  };
  http_->answer(206, "cde", with_range("bytes 2-4/10"));
  EXPECT_EQ(client().get("key", options).object.bytes.as_text(), "cde");
  EXPECT_EQ(last().header("range"), "bytes=2-4");
  http_->answer(206, "cd", with_range("bytes 2-3/4"));
  const auto cut = client().get("key", options).object;
  EXPECT_EQ(cut.bytes.as_text(), "cd");
  EXPECT_EQ(cut.metadata.size, 4u);
  for (const char* range :
       {"bytes 3-5/10", "bytes 2-3/10", "bytes 2-5/10", "bytes 2-4/*", "bytes 4-2/10",
        "bytes 2-4/4", "2-4/10", "", "bytes 2-4", "bytes -2-4/10"}) {
    EXPECT_EQ(get_failure(206, "cde", with_range(range), options), CloudFailure::kUnknown) << range;
  }
  EXPECT_EQ(get_failure(206, "cdef", with_range("bytes 2-4/10"), options), CloudFailure::kUnknown);
  EXPECT_EQ(get_failure(206, "cd", with_range("bytes 2-4/10"), options), CloudFailure::kUnknown);
  EXPECT_EQ(get_failure(200, "abcdefghij", {{"etag", "\"e\""}}, options), CloudFailure::kUnknown)
      << "whole or wrong, it was not asked for";
  EXPECT_EQ(get_failure(206, "cde", with_range("bytes 0-2/3")), CloudFailure::kUnknown);
}

TEST_F(S3ClientTest, ARangeBehindTheEndHasNoBytes) {
  http_->answer(416, error_xml("InvalidRange"));
  const auto result = client().get("key", {.range = CloudRange{100, 1}});
  EXPECT_EQ(result.status, CloudGetStatus::kFound);
  EXPECT_TRUE(result.object.bytes.empty());
  EXPECT_EQ(get_failure(416, error_xml("InvalidRange")), CloudFailure::kRefused);
}

TEST_F(S3ClientTest, AKnownVersionIsUnchangedHoweverTheStoreSaysSo) {
  http_->answer(304);
  EXPECT_EQ(client().get("key", {}, "\"e\"").status, CloudGetStatus::kUnchanged);
  EXPECT_EQ(last().header("if-none-match"), "\"e\"");
  http_->answer(200, "x", {{"etag", "e"}});
  EXPECT_EQ(client().get("key", {}, "\"e\"").status, CloudGetStatus::kUnchanged);
  http_->answer(200, "x", {{"etag", "\"f\""}});
  EXPECT_EQ(client().get("key", {}, "\"e\"").status, CloudGetStatus::kFound);
  EXPECT_EQ(get_failure(304), CloudFailure::kRefused) << "without having asked";
}

TEST_F(S3ClientTest, OnlyTheStoresOwnWordMakesAnObjectAbsent) {
  http_->answer(404, error_xml("NoSuchKey"));
  EXPECT_EQ(client().get("key").status, CloudGetStatus::kAbsent);
  EXPECT_EQ(get_failure(404, "<html>no such page</html>"), CloudFailure::kRefused);
  const auto error = get_error<NotFoundError>(404, error_xml("NoSuchBucket"));
  for (const char* word : {"get", "s3://bucket", "store.example:9000", "key", "404", "NoSuchBucket",
                           "words of the store"}) {
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << word;
  }
}

TEST_F(S3ClientTest, EachFailureHasItsClass) {
  using enum CloudFailure;
  EXPECT_EQ(get_failure(503, error_xml("SlowDown")), kNotNow);
  EXPECT_EQ(get_failure(429), kNotNow);
  EXPECT_EQ(get_failure(409), kNotNow);
  EXPECT_EQ(get_failure(409, error_xml("OperationAborted")), kNotNow);
  EXPECT_EQ(get_failure(409, error_xml("ConditionalRequestConflict")), kNotNow);
  EXPECT_EQ(get_failure(400, error_xml("RequestTimeout")), kNotNow);
  EXPECT_EQ(get_failure(400, error_xml("XAmzContentSHA256Mismatch")), kNotNow);
  EXPECT_EQ(get_failure(500, error_xml("InternalError")), kUnknown);
  EXPECT_EQ(get_failure(502, "<html>"), kUnknown);
  EXPECT_EQ(get_failure(503, "<html>"), kUnknown) << "of something on the way";
  EXPECT_EQ(get_failure(504), kUnknown);
  EXPECT_EQ(get_failure(408), kUnknown);
  EXPECT_EQ(get_failure(200, "x"), CloudFailure::kRefused) << "no ETag: of no store";
  EXPECT_EQ(get_failure(400, error_xml("InvalidArgument")), kRefused);
  EXPECT_EQ(get_failure(409, error_xml("BucketNotEmpty")), kRefused);
  EXPECT_EQ(get_failure(501, error_xml("NotImplemented")), kRefused);
  EXPECT_EQ(get_failure(301), kRefused);
  get_error<NotAuthorizedError>(403, error_xml("AccessDenied"));
  get_error<NotAuthorizedError>(403, error_xml("SignatureDoesNotMatch"));
  get_error<NotAuthorizedError>(403, error_xml("InvalidAccessKeyId"));
  get_error<NotAuthorizedError>(404, error_xml("XAdminUserNotFound"));
  get_error<NotAuthorizedError>(400, error_xml("InvalidToken"));
  get_error<NotAuthorizedError>(401);
}

TEST_F(S3ClientTest, TheWordsOfOtherStoresComeWithAdviceToo) {
  const auto words = [&](int status, const std::string& body) {
    http_->answer(status, body);
    try {
      client().get("key");
    } catch (const ProtoBaseError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_TRUE(words(404, error_xml("XAdminUserNotFound")).ends_with("whether it is this store's"));
  EXPECT_TRUE(words(400, error_xml("InvalidToken")).ends_with("it belongs to these keys"));
  EXPECT_TRUE(words(400, error_xml("XMinioInvalidObjectName")).ends_with("//, /./ and /../"));
  EXPECT_TRUE(words(400, "Client sent an HTTP request to an HTTPS server.\n")
                  .ends_with("and http:// or https:// right?"));
}

TEST_F(S3ClientTest, AnAnswerThatDoesNotComeIsUnknownOnlyIfTheRequestWent) {
  http_->fail(true);
  http_->fail(false);
  for (const auto failure : {CloudFailure::kUnknown, CloudFailure::kNotSent}) {
    try {
      put("key", "x");
      ADD_FAILURE();
    } catch (const CloudStorageError& error) {
      EXPECT_EQ(error.failure(), failure);
      EXPECT_EQ(error.http_status(), 0);
    }
  }
  EXPECT_EQ(http_->requests().size(), 2u) << "nobody tries again";
}

TEST_F(S3ClientTest, WhoGetsNoAnswerIsToldWhereToLook) {
  const auto words = [&](bool was_sent) {
    client_.reset();
    http_->fail(was_sent, "GET http://x: Failed to connect to localhost port 1");
    try {
      client().get("key");
    } catch (const CloudStorageError& error) {
      return std::string(error.what());
    }
    throw std::logic_error("no error");
  };
  const std::string endpoint =
      "Failed to connect to localhost port 1; look at the endpoint (http:// or https://, host, "
      "port), and whether its server runs";
  for (const bool was_sent : {true, false}) {
    SCOPED_TRACE(was_sent);
    EXPECT_TRUE(words(was_sent).ends_with(endpoint)) << words(was_sent);
  }
  options_.path_style = false;
  EXPECT_TRUE(
      words(false).ends_with(endpoint + "; if buckets are no hosts there, set path_style to true"));
  options_.endpoint_url = "";
  options_.region = "us-eats-1";
  EXPECT_TRUE(words(false).ends_with("; look at the region (us-eats-1) and at the network"));
}

TEST_F(S3ClientTest, AnAnswerTooLongToReadLeavesOpenWhatWasDone) {
  http_->set_fallback([](const RecordedHTTPRequest&) -> os::HTTPResponse {
    throw os::HTTPTooLargeError("the answer has more than 65536 bytes");
  });
  const auto failure_of = [](const auto& call) {
    try {
      call();
    } catch (const CloudStorageError& error) {
      return error.failure();
    }
    throw std::logic_error("no error");
  };
  const std::vector<std::string> keys = {"key"};
  EXPECT_EQ(failure_of([&] { put("key", "x"); }), CloudFailure::kUnknown);
  CloudGetOptions part;
  part.range = CloudRange{0, 100'000};
  EXPECT_EQ(failure_of([&] { client().get("key", part); }), CloudFailure::kUnknown);
  EXPECT_EQ(last().max_response_bytes, 100'000u);
  EXPECT_EQ(failure_of([&] { client().remove(keys); }), CloudFailure::kUnknown);
  EXPECT_EQ(failure_of([&] { client().get("key"); }), CloudFailure::kRefused);
  EXPECT_EQ(failure_of([&] { client().list({}, {}, 1); }), CloudFailure::kRefused);
}

TEST_F(S3ClientTest, WhatIsArchivedOrElsewhereIsToldSo) {
  const std::string archived =
      get_error<NotAuthorizedError>(403, error_xml("InvalidObjectState")).what();
  EXPECT_TRUE(archived.ends_with("; the object is archived: restore it first")) << archived;
  const std::string elsewhere = get_error(301, error_xml("PermanentRedirect")).what();
  EXPECT_TRUE(elsewhere.ends_with("; the bucket is elsewhere: look at endpoint and region"))
      << elsewhere;
}

TEST_F(S3ClientTest, TheRightRegionIsNamed) {
  for (const int status : {301, 400}) {
    const auto error =
        get_error(status, error_xml("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"));
    EXPECT_EQ(error.failure(), CloudFailure::kRefused);
    EXPECT_NE(std::string(error.what()).find("set region"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("eu-west-1"), std::string::npos);
  }
  for (const char* code : {"SignatureDoesNotMatch", "InvalidAccessKeyId"}) {
    const auto refusal =
        get_error<NotAuthorizedError>(403, error_xml(code), {{"x-amz-bucket-region", "us-east-1"}});
    EXPECT_EQ(std::string(refusal.what()).find("set region"), std::string::npos)
        << "it is set to that: " << refusal.what();
  }
  const auto error = get_error(301, "", {{"x-amz-bucket-region", "eu-west-2"}});
  EXPECT_NE(std::string(error.what()).find("eu-west-2"), std::string::npos) << error.what();
}

TEST_F(S3ClientTest, WordsOfTheStoreAreCutAndOneLine) {
  const auto error = get_error(400, "<Error><Code>X</Code><Message>one\ntwo " +
                                        std::string(10'000, 'w') + "</Message></Error>");
  const std::string text = error.what();
  EXPECT_LT(text.size(), 600u);
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST_F(S3ClientTest, AWrongClockIsPutRightOnce) {
  const std::string skewed = error_xml("RequestTimeTooSkewed");
  clock_->set_unix_us(1369353600'000'000 + 7200'000'000);
  http_->answer(403, skewed, {{"date", "Fri, 24 May 2013 00:00:00 GMT"}});
  http_->answer(200, "x", {{"etag", "\"e\""}});
  EXPECT_EQ(client().get("key").status, CloudGetStatus::kFound);
  EXPECT_EQ(http_->request(0).header("x-amz-date"), "20130524T020000Z");
  EXPECT_EQ(http_->request(1).header("x-amz-date"), "20130524T000000Z");
  EXPECT_NE(logged_.find("clock"), std::string::npos);
  clock_->advance_us(10'000'000);
  http_->answer(200, "x", {{"etag", "\"e\""}});
  client().get("key");
  EXPECT_EQ(last().header("x-amz-date"), "20130524T000010Z") << "it was learnt";
  get_error<NotAuthorizedError>(403, skewed, {{"date", "Fri, 24 May 2013 00:00:10 GMT"}});
  EXPECT_EQ(http_->requests().size(), 4u) << "the clock is right now; something else is wrong";
}

TEST_F(S3ClientTest, AHeadIsRefusedForTheClockWithoutAWord) {
  clock_->set_unix_us(1369353600'000'000 + 7200'000'000);
  http_->answer(403, "", {{"date", "Fri, 24 May 2013 00:00:00 GMT"}});
  http_->answer(200, "", {{"etag", "\"e\""}, {"content-length", "7"}});
  EXPECT_EQ(client().head("key")->size, 7u);
}

TEST_F(S3ClientTest, ExpiredCredentialsAreReadAgainOnce) {
  options_.access_key.clear();
  options_.secret_key.clear();
  environment_->set("AWS_ACCESS_KEY_ID", "OLD");
  environment_->set("AWS_SECRET_ACCESS_KEY", "S");
  client();
  http_->answer([&](const auto&) {
    environment_->set("AWS_ACCESS_KEY_ID", "NEW");
    return ScriptedHTTPClient::response(400, error_xml("ExpiredToken"));
  });
  http_->answer(200, "x", {{"etag", "\"e\""}});
  EXPECT_EQ(client().get("key").status, CloudGetStatus::kFound);
  EXPECT_NE(http_->request(0).header("authorization").find("=OLD/"), std::string::npos);
  EXPECT_NE(http_->request(1).header("authorization").find("=NEW/"), std::string::npos);
  get_error<NotAuthorizedError>(400, error_xml("ExpiredToken"));
  EXPECT_EQ(http_->requests().size(), 3u) << "there are no others";
}

TEST_F(S3ClientTest, APutSaysWhatMustBeSo) {
  http_->answer(200, "", {{"etag", "\"e1\""}});
  EXPECT_EQ(put("key", "text").version, "\"e1\"");
  EXPECT_EQ(last().body, "text");
  EXPECT_EQ(last().header("if-none-match") + last().header("if-match"), "");
  http_->answer(200, "", {{"etag", "\"e2\""}});
  EXPECT_TRUE(put("key", "text", CloudPutCondition::if_absent()).stored);
  EXPECT_EQ(last().header("if-none-match"), "*");
  EXPECT_NE(last().header("authorization").find("if-none-match"), std::string::npos) << "signed";
  http_->answer(412, error_xml("PreconditionFailed"));
  EXPECT_FALSE(put("key", "text", CloudPutCondition::if_absent()).stored);
}

TEST_F(S3ClientTest, AConflictIsNoRefusal) {
  http_->answer(409, error_xml("ConditionalRequestConflict"));
  EXPECT_THROW(put("key", "x", CloudPutCondition::if_absent()), CloudStorageError);
  http_->answer(412, error_xml("PreconditionFailed"));
  EXPECT_THROW(put("key", "x"), CloudStorageError) << "there was no condition";
  http_->answer(404, error_xml("NoSuchKey"));
  http_->answer(404);  // to the question which version is there
  EXPECT_FALSE(put("key", "x", CloudPutCondition::if_version("\"e\"")).stored);
  http_->answer(404, error_xml("NoSuchBucket"));
  EXPECT_THROW(put("key", "x", CloudPutCondition::if_version("\"e\"")), NotFoundError);
  http_->answer(200);
  EXPECT_THROW(put("key", "x"), CloudStorageError) << "no ETag";
}

TEST_F(S3ClientTest, AStoreThatTakesQuotesIsNotAskedTwice) {
  http_->answer(200, "", {{"etag", "\"e2\""}});
  EXPECT_TRUE(put("key", "x", CloudPutCondition::if_version("\"e1\"")).stored);
  EXPECT_EQ(last().header("if-match"), "\"e1\"");
  http_->answer(412);
  EXPECT_FALSE(put("key", "x", CloudPutCondition::if_version("\"e1\"")).stored);
  EXPECT_EQ(http_->requests().size(), 2u);
}

TEST_F(S3ClientTest, AStoreThatWantsBareETagsIsFoundOutAndRemembered) {
  http_->answer(412);
  http_->answer(200, "", {{"etag", "\"e1\""}, {"content-length", "1"}});
  http_->answer(200, "", {{"etag", "\"e2\""}});
  EXPECT_TRUE(put("key", "x", CloudPutCondition::if_version("\"e1\"")).stored);
  EXPECT_EQ(http_->request(1).method, "HEAD");
  EXPECT_EQ(last().header("if-match"), "e1");
  http_->answer(412);
  EXPECT_FALSE(put("key", "x", CloudPutCondition::if_version("\"e1\"")).stored);
  EXPECT_EQ(last().header("if-match"), "e1");
  EXPECT_EQ(http_->requests().size(), 4u);
}

TEST_F(S3ClientTest, AWeakETagIsTheStrongOneThatTheStoreHas) {
  http_->answer(200, "", {{"etag", "\"new\""}});
  EXPECT_TRUE(put("k", "x", CloudPutCondition::if_version("W/\"old\"")).stored);
  EXPECT_EQ(last().header("if-match"), "\"old\"");
  http_->answer(200, "hello", {{"etag", "W/\"e\""}});
  EXPECT_EQ(client().get("k", {}, "\"e\"").status, CloudGetStatus::kUnchanged);
}

TEST_F(S3ClientTest, AnotherVersionProvesNothingAboutQuotes) {
  http_->answer(412);
  http_->answer(200, "", {{"etag", "\"other\""}, {"content-length", "1"}});
  EXPECT_FALSE(put("key", "x", CloudPutCondition::if_version("\"e1\"")).stored);
  EXPECT_EQ(http_->requests().size(), 2u);
}

/// A store that knows buckets in paths only takes the beginning of the key for one, or sees none.
TEST_F(S3ClientTest, WhereBucketsAreNoHostsTheErrorsSaySo) {
  const auto words = [&](int status, const std::string& body) {
    http_->answer(status, body);
    try {
      S3Client(options_).list("log/", "", 1);
    } catch (const ProtoBaseError& error) {
      const auto* const failed = dynamic_cast<const CloudStorageError*>(&error);
      EXPECT_TRUE(failed == nullptr || !failed->may_retry()) << "it will never be another answer";
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string buckets = "<ListAllMyBucketsResult></ListAllMyBucketsResult>";
  const std::string advice = "; if buckets are no hosts there, set path_style to true";
  options_.path_style = false;
  EXPECT_TRUE(words(404, error_xml("NoSuchBucket")).ends_with("correct its name" + advice));
  EXPECT_TRUE(words(200, buckets).ends_with(advice));
  options_.path_style = true;
  EXPECT_TRUE(words(404, error_xml("NoSuchBucket")).ends_with("correct its name"));
  EXPECT_TRUE(words(200, buckets).ends_with("not what is in this one"));
}

TEST_F(S3ClientTest, AHeadThatFindsNothingLooksForTheBucketOnce) {
  http_->answer(404);
  http_->answer(404, error_xml("NoSuchBucket"));
  expect_error<NotFoundError>([&] { client().head("key"); }, {"NoSuchBucket"});
  http_->answer(404);
  http_->answer(200, "<ListBucketResult/>");
  EXPECT_EQ(client().head("key"), std::nullopt);
  http_->answer(404);
  EXPECT_EQ(client().head("key"), std::nullopt);
  http_->answer(200, "", {{"etag", "\"e\""}});
  EXPECT_THROW(client().head("key"), CloudStorageError) << "no Content-Length";
}

/// As the answer to a HEAD: refused by its headers alone.
TEST_F(S3ClientTest, AHeadWithoutAnETagIsOfNoStore) {
  http_->answer(200, "", {{"content-length", "12"}});
  try {
    client().head("key");
    ADD_FAILURE() << "no error";
  } catch (const CloudStorageError& error) {
    EXPECT_EQ(error.failure(), CloudFailure::kRefused) << error.what();
  }
}

std::string list_xml(const std::vector<std::string>& keys, bool is_truncated = false) {
  std::string xml = "<ListBucketResult>";
  for (const auto& key : keys) {
    xml += "<Contents><Key>" + key +
           "</Key><Size>1</Size><ETag>e</ETag>"
           "<LastModified>2013-05-24T00:00:00Z</LastModified></Contents>";
  }
  return xml + "<IsTruncated>" + (is_truncated ? "true" : "false") +
         "</IsTruncated></ListBucketResult>";
}

TEST_F(S3ClientTest, AListIsAskedForByPrefixAndStart) {
  options_.prefix = "p";
  http_->answer(200, list_xml({"p/log/2", "p/log/3"}, true));
  const auto page = client().list("log/", "log/1", 2);
  EXPECT_EQ(last().url,
            "http://store.example:9000/bucket?encoding-type=url&list-type=2&max-keys=2&"
            "prefix=p%2Flog%2F&start-after=p%2Flog%2F1");
  ASSERT_EQ(page.objects.size(), 2u);
  EXPECT_EQ(page.objects[0].key, "log/2");
  EXPECT_TRUE(page.is_truncated);
}

TEST_F(S3ClientTest, AListThatWasNotAskedForIsNoAnswer) {
  const auto expect_unusable = [&](const std::string& xml,
                                   CloudFailure failure = CloudFailure::kUnknown) {
    http_->answer(200, xml);
    try {
      client().list("a", "a1", 2);
      ADD_FAILURE() << xml;
    } catch (const CloudStorageError& error) {
      EXPECT_EQ(error.failure(), failure) << error.what();
    }
  };
  expect_unusable(list_xml({"a2", "a3", "a4"}));
  expect_unusable(list_xml({"a3", "a2"}));
  expect_unusable(list_xml({"a2", "a2"}));
  expect_unusable(list_xml({"a1"}));
  expect_unusable(list_xml({"b"}));
  expect_unusable(list_xml({}, true));
  expect_unusable("");
  expect_unusable("<ListBucketResult><Contents>");
  expect_unusable(error_xml("InternalError"));
  expect_unusable(error_xml("SlowDown"), CloudFailure::kNotNow);
  expect_unusable("<?xml version=\"1.0\" enc");
  expect_unusable(" <html/>", CloudFailure::kRefused);
  expect_unusable("<?xml version=\"1.0\"?>\n<!DOCTYPE html>...", CloudFailure::kRefused);
  expect_unusable("hello", CloudFailure::kRefused);
}

TEST_F(S3ClientTest, WhoListsOtherKeysIsToldThatThePrefixMayBeWhy) {
  options_.prefix = "a//b";
  http_->answer(200, list_xml({"a/b/x"}));
  expect_error<CloudStorageError>([&] { client().list("", "", 1); }, {"choose a prefix without"});
}

TEST_F(S3ClientTest, KeysAreRemovedAThousandAtATimeWithAChecksum) {
  http_->set_fallback(
      [](const auto&) { return ScriptedHTTPClient::response(200, "<DeleteResult/>"); });
  std::vector<std::string> keys;
  for (int i = 0; i < 1001; ++i) keys.push_back("k" + std::to_string(i));
  client().remove(keys);
  ASSERT_EQ(http_->requests().size(), 2u);
  EXPECT_EQ(last().url, "http://store.example:9000/bucket?delete=");
  EXPECT_EQ(last().header("content-md5").size(), 24u);
  EXPECT_NE(last().body.find("<Key>k1000</Key>"), std::string::npos);
  EXPECT_EQ(last().body.find("<Key>k999</Key>"), std::string::npos);
  client().remove({});
  EXPECT_EQ(client().counts().deletes, 2u);
}

TEST_F(S3ClientTest, OneKeyThatStaysIsAnError) {
  const std::vector<std::string> keys = {"a", "b"};
  const auto answer = [&](const std::string& code) {
    http_->answer(
        200, "<DeleteResult><Error><Key>b</Key><Code>" + code + "</Code></Error></DeleteResult>");
  };
  answer("AccessDenied");
  expect_error<NotAuthorizedError>([&] { client().remove(keys); },
                                   {"1 of 2", "\"b\"", "AccessDenied"});
  answer("InternalError");
  expect_error<CloudStorageError>([&] { client().remove(keys); });
  answer("NoSuchKey");
  client().remove(keys);
}

}  // namespace
}  // namespace protobase
