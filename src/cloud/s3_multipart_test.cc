// S3Client sending large objects in parts, against answers written down here.
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "testing/s3_client_fixture.h"

namespace protobase {
namespace {

class S3ClientParts : public S3ClientTest {
 protected:
  static constexpr std::uint64_t kPart = std::uint64_t{5} << 20;

  S3ClientParts() {
    options_.part_size = kPart;
    options_.max_whole_conditional_put = 0;
    options_.max_parallel_parts = 3;
    content_.resize(3 * kPart + 7);
    for (std::size_t i = 0; i < content_.size(); ++i) content_[i] = static_cast<char>(i * 31 / 7);
    http_->set_fallback([this](const RecordedHTTPRequest& request) { return serve(request); });
  }

  static bool has(const RecordedHTTPRequest& request, std::string_view text) {
    return request.url.find(text) != std::string::npos;
  }

  os::HTTPResponse serve(const RecordedHTTPRequest& request) {
    const auto response = ScriptedHTTPClient::response;
    if (request.method == "DELETE") return response(204, "", {});
    if (has(request, "?uploads=")) {
      return response(200,
                      "<InitiateMultipartUploadResult><UploadId>u+1</UploadId>"
                      "</InitiateMultipartUploadResult>",
                      {});
    }
    if (request.method == "POST") return complete_;
    const auto at = request.url.find("partNumber=") + 11;
    const std::size_t number = std::stoul(request.url.substr(at));
    if (number == failing_part_) return response(500, error_xml("InternalError"), {});
    const std::lock_guard lock(mutex_);
    parts_[number] = request.body;
    return response(200, "", {{"etag", "\"p" + std::to_string(number) + "\""}});
  }

  std::size_t aborts() const {
    std::size_t count = 0;
    for (const auto& request : http_->requests()) count += request.method == "DELETE" ? 1 : 0;
    return count;
  }

  /// Of a put without a condition.
  void expect_unknown() {
    try {
      put("key", content_);
      ADD_FAILURE();
    } catch (const CloudStorageError& error) {
      EXPECT_EQ(error.failure(), CloudFailure::kUnknown) << error.what();
    }
  }

  void expect_failure(CloudFailure failure, std::size_t aborts_expected) {
    try {
      put("key", content_, CloudPutCondition::if_absent());
      ADD_FAILURE();
    } catch (const CloudStorageError& error) {
      EXPECT_EQ(error.failure(), failure) << error.what();
    }
    EXPECT_EQ(aborts(), aborts_expected);
  }

  static os::HTTPResponse completed() {
    return ScriptedHTTPClient::response(200,
                                        "<CompleteMultipartUploadResult><ETag>\"x-4\"</ETag>"
                                        "</CompleteMultipartUploadResult>");
  }

  std::string content_;
  std::mutex mutex_;
  std::map<std::size_t, std::string> parts_;
  std::size_t failing_part_ = 0;
  os::HTTPResponse complete_ = completed();
};

TEST_F(S3ClientParts, ALargeObjectIsSentInParts) {
  const auto whole = as_bytes(content_);
  const std::span<const std::byte> pieces[] = {
      whole.first(10), {}, whole.subspan(10, kPart), whole.subspan(10 + kPart)};
  const auto result = client().put("key", pieces, CloudPutCondition::if_absent());
  EXPECT_TRUE(result.stored);
  EXPECT_EQ(result.version, "\"x-4\"");
  std::string sent;
  for (const auto& [number, part] : parts_) sent += part;
  EXPECT_TRUE(sent == content_);
  EXPECT_EQ(parts_.size(), 4u);
  EXPECT_TRUE(has(last(), "?uploadId=u%2B1"));
  EXPECT_EQ(last().header("if-none-match"), "*") << "the last request alone is conditional";
  EXPECT_EQ(http_->request(0).header("if-none-match"), "");
  EXPECT_NE(last().body.find("<PartNumber>4</PartNumber><ETag>\"p4\"</ETag>"), std::string::npos);
  EXPECT_EQ(client().counts().puts, 6u);
  EXPECT_EQ(aborts(), 0u);
}

TEST_F(S3ClientParts, AFailedPartEndsItAndTheOthersAreRemoved) {
  failing_part_ = 2;
  expect_failure(CloudFailure::kUnknown, 1);
  for (const auto& request : http_->requests()) {
    EXPECT_FALSE(request.method == "POST" && has(request, "uploadId")) << "never made an object";
  }
}

TEST_F(S3ClientParts, ACollisionRemovesTheParts) {
  complete_ = ScriptedHTTPClient::response(412, error_xml("PreconditionFailed"));
  EXPECT_FALSE(put("key", content_, CloudPutCondition::if_absent()).stored);
  EXPECT_EQ(aborts(), 1u);
}

TEST_F(S3ClientParts, AnEndThatSays200MayStillHaveFailed) {
  complete_ = ScriptedHTTPClient::response(200, error_xml("InternalError"));
  expect_failure(CloudFailure::kUnknown, 0);
  complete_ = ScriptedHTTPClient::response(200, error_xml("SlowDown"));
  expect_failure(CloudFailure::kNotNow, 1);
  complete_ = ScriptedHTTPClient::response(200, error_xml("PreconditionFailed"));
  EXPECT_FALSE(put("key", content_, CloudPutCondition::if_absent()).stored);
  complete_ = ScriptedHTTPClient::response(200, "  ");
  expect_failure(CloudFailure::kUnknown, 2);
}

TEST_F(S3ClientParts, PartsOfAnEndThatMayHaveTakenEffectAreLeftAlone) {
  complete_ = ScriptedHTTPClient::response(500);
  expect_failure(CloudFailure::kUnknown, 0);
  complete_ = ScriptedHTTPClient::response(404, error_xml("NoSuchUpload"));
  expect_failure(CloudFailure::kUnknown, 0);
}

TEST_F(S3ClientParts, AConditionalPutIsKeptWholeUpToABound) {
  options_.max_whole_conditional_put = content_.size();
  http_->answer(200, "", {{"etag", "\"e\""}});
  EXPECT_EQ(put("key", content_, CloudPutCondition::if_absent()).version, "\"e\"");
  EXPECT_EQ(client().counts().puts, 1u);
  EXPECT_TRUE(put("key", content_).stored);
  EXPECT_EQ(client().counts().puts, 7u) << "the others in parts";
}

TEST_F(S3ClientParts, AnETagThatIsNotToldIsThatOfTheParts) {
  const std::string first = "\"" + std::string(32, 'a') + "\"";
  const std::string untold =
      "<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>";
  complete_ = ScriptedHTTPClient::response(200, untold);
  expect_failure(CloudFailure::kUnknown, 0);  // "p1" and so on are no MD5s
  http_->set_fallback([&](const RecordedHTTPRequest& request) {
    const bool is_part = request.method == "PUT";
    return is_part ? ScriptedHTTPClient::response(200, "", {{"etag", first}}) : serve(request);
  });
  // md5 of 4 x 16 bytes of 0xaa
  EXPECT_EQ(put("key", content_).version, "\"18605d3935338c5bcb1b1c6a47ece81a-4\"");
}

TEST_F(S3ClientParts, AnEndThatIsAnsweredUnreadablyIsLookedUp) {
  const std::string first = "\"" + std::string(32, 'a') + "\"";
  const std::string etag = "\"18605d3935338c5bcb1b1c6a47ece81a-4\"";
  std::optional<os::HTTPResponse> there = ScriptedHTTPClient::response(
      200, "", {{"etag", etag}, {"content-length", std::to_string(content_.size())}});
  http_->set_fallback([&](const RecordedHTTPRequest& request) {
    if (request.method == "HEAD" && !there) throw os::HTTPError(false, "nobody listens");
    if (request.method == "HEAD") return *there;
    const bool is_part = request.method == "PUT";
    return is_part ? ScriptedHTTPClient::response(200, "", {{"etag", first}}) : serve(request);
  });
  complete_ = ScriptedHTTPClient::response(200, "<html>welcome</html>");
  EXPECT_EQ(put("key", content_).version, etag);
  expect_failure(CloudFailure::kUnknown, 0);  // a conditional one: it may be somebody else's
  there = ScriptedHTTPClient::response(200, "", {{"etag", etag}, {"content-length", "1"}});
  expect_unknown();
  there = ScriptedHTTPClient::response(404);
  expect_unknown();
  there.reset();
  expect_unknown();
  EXPECT_EQ(aborts(), 0u);
}

/// As of objects under a key of the store's key management (SSE-KMS).
TEST_F(S3ClientParts, WhereETagsAreNoMD5sTheHashThatWasSentAlongTells) {
  std::string hash;
  std::string sent_hash;
  std::size_t size = content_.size();
  bool is_there = true;
  std::atomic<int> sent_parts = 0;  // of several threads
  http_->set_fallback([&](const RecordedHTTPRequest& request) {
    if (has(request, "?uploads=")) hash = request.header("x-amz-meta-xxh3");
    sent_parts += request.method == "PUT" ? 1 : 0;
    if (request.method != "HEAD") return serve(request);
    if (!is_there) return ScriptedHTTPClient::response(404);
    return ScriptedHTTPClient::response(
        200, "",
        {{"etag", "\"kms-4\""},
         {"content-length", std::to_string(size)},
         {"x-amz-meta-xxh3", sent_hash.empty() ? hash : sent_hash}});
  });
  const auto garbage = ScriptedHTTPClient::response(200, "<html>welcome</html>");
  const auto untold = ScriptedHTTPClient::response(
      200, "<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>");
  for (const auto& end : {garbage, untold, ScriptedHTTPClient::response(500)}) {
    complete_ = end;
    EXPECT_EQ(put("key", content_).version, "\"kms-4\"");
  }
  EXPECT_EQ(sent_parts, 3 * 4) << "none was sent again";
  EXPECT_EQ(hash.size(), 16u);
  sent_hash = std::string(16, '0');  // another upload's
  expect_unknown();
  sent_hash.clear();
  size = 1;
  expect_unknown();
  size = content_.size();
  is_there = false;
  expect_unknown();
  EXPECT_EQ(aborts(), 0u);
}

TEST_F(S3ClientParts, AnEndWithoutAnAnswerIsLookedUp) {
  std::string hash;
  bool was_sent = true;
  http_->set_fallback([&](const RecordedHTTPRequest& request) {
    if (has(request, "?uploads=")) hash = request.header("x-amz-meta-xxh3");
    if (request.method == "POST" && has(request, "uploadId")) {
      throw os::HTTPError(was_sent, "the connection was reset");
    }
    if (request.method != "HEAD") return serve(request);
    return ScriptedHTTPClient::response(200, "",
                                        {{"etag", "\"e\""},
                                         {"content-length", std::to_string(content_.size())},
                                         {"x-amz-meta-xxh3", hash}});
  });
  EXPECT_EQ(put("key", content_).version, "\"e\"");
  EXPECT_EQ(aborts(), 0u);
  expect_failure(CloudFailure::kUnknown, 0);  // a conditional one: it may be somebody else's
  was_sent = false;
  EXPECT_THROW(put("key", content_), CloudStorageError);
  EXPECT_EQ(aborts(), 1u) << "nothing took effect";
}

TEST_F(S3ClientParts, BareETagsAreFoundOutAtTheEndToo) {
  int ends = 0;
  http_->set_fallback([&](const RecordedHTTPRequest& request) {
    if (request.method == "HEAD") {
      return ScriptedHTTPClient::response(200, "", {{"etag", "\"e\""}, {"content-length", "1"}});
    }
    const bool is_end = request.method == "POST" && has(request, "uploadId");
    if (is_end && ++ends == 1) return ScriptedHTTPClient::response(412);
    return serve(request);
  });
  EXPECT_TRUE(put("key", content_, CloudPutCondition::if_version("\"e\"")).stored);
  EXPECT_EQ(ends, 2);
  EXPECT_EQ(last().header("if-match"), "e");
  EXPECT_EQ(aborts(), 0u);
}

}  // namespace
}  // namespace protobase
