#include "cloud/sigv4.h"

#include <gtest/gtest.h>

#include "os/net/crypto.h"
#include "protobase/shared_bytes.h"

namespace protobase::cloud {
namespace {

// The keys and times of Amazon's published examples; they open nothing.
const AWSKeys kS3Keys = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
constexpr std::int64_t kS3Time = 1369353600;  // 20130524T000000Z
const SigningScope kS3Scope = {"us-east-1", "s3"};

std::string sha256_hex(std::string_view text) { return os::to_hex(os::sha256(as_bytes(text))); }

std::string header(const os::HTTPHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

std::string signature_of(const os::HTTPHeaders& headers) {
  const std::string text = header(headers, "Authorization");
  return text.substr(text.rfind('=') + 1);
}

RequestToSign s3_request(std::string method, std::string path, std::string_view body = "") {
  return {std::move(method), "examplebucket.s3.amazonaws.com", std::move(path), {}, {},
          sha256_hex(body)};
}

TEST(SigV4, AmazonsExampleOfAGet) {
  auto request = s3_request("GET", "/test.txt");
  request.headers = {{"Range", "bytes=0-9"}};
  const auto headers = sign_v4(request, kS3Keys, kS3Scope, kS3Time);
  EXPECT_EQ(header(headers, "Authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(header(headers, "x-amz-date"), "20130524T000000Z");
  EXPECT_EQ(header(headers, "x-amz-content-sha256"), sha256_hex(""));
}

TEST(SigV4, AmazonsExampleOfAPut) {
  auto request = s3_request("PUT", percent_encode_path("/test$file.text"), "Welcome to Amazon S3.");
  request.headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  EXPECT_EQ(signature_of(sign_v4(request, kS3Keys, kS3Scope, kS3Time)),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4, AmazonsExampleOfALifecycleQuery) {
  auto request = s3_request("GET", "/");
  request.query = {{"lifecycle", ""}};
  EXPECT_EQ(signature_of(sign_v4(request, kS3Keys, kS3Scope, kS3Time)),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(SigV4, AmazonsExampleOfAListing) {
  auto request = s3_request("GET", "/");
  request.query = {{"prefix", "J"}, {"max-keys", "2"}};
  EXPECT_EQ(signature_of(sign_v4(request, kS3Keys, kS3Scope, kS3Time)),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

// The general test suite: no hash of the payload among the headers.
const AWSKeys kSuiteKeys = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
constexpr std::int64_t kSuiteTime = 1440938160;  // 20150830T123600Z
const SigningScope kSuiteScope = {"us-east-1", "service"};

std::string suite_signature(const RequestToSign& request) {
  return signature_of(sign_v4(request, kSuiteKeys, kSuiteScope, kSuiteTime));
}

RequestToSign suite_request(std::string method = "GET") {
  return {std::move(method), "example.amazonaws.com", "/", {}, {}, sha256_hex("")};
}

TEST(SigV4, TheSuitesPlainGetAndPost) {
  EXPECT_EQ(suite_signature(suite_request()),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(suite_signature(suite_request("POST")),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
}

TEST(SigV4, TheSuitesQueries) {
  auto request = suite_request();
  request.query = {{"Param2", "value2"}, {"Param1", "value1"}};
  EXPECT_EQ(suite_signature(request),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

TEST(SigV4, TheSuitesHeaders) {
  auto request = suite_request();
  request.headers = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}};
  EXPECT_EQ(suite_signature(request),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
  request.headers = {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}};
  EXPECT_EQ(suite_signature(request),
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea");
}

TEST(SigV4, ASessionTokenIsSentAndSigned) {
  AWSKeys keys = kS3Keys;
  keys.session_token = "token+/=";
  const auto headers = sign_v4(s3_request("GET", "/x"), keys, kS3Scope, kS3Time);
  EXPECT_EQ(header(headers, "x-amz-security-token"), "token+/=");
  EXPECT_NE(header(headers, "Authorization").find(";x-amz-security-token,"), std::string::npos);
}

TEST(SigV4, EverythingThatIsSentChangesTheSignature) {
  const auto base = s3_request("GET", "/a//b", "x");
  const std::string before = signature_of(sign_v4(base, kS3Keys, kS3Scope, kS3Time));
  const auto expect_other = [&](auto change) {
    auto request = base;
    change(request);
    EXPECT_NE(signature_of(sign_v4(request, kS3Keys, kS3Scope, kS3Time)), before);
  };
  expect_other([](auto& request) { request.method = "PUT"; });
  expect_other([](auto& request) { request.host += ":8443"; });
  expect_other([](auto& request) { request.path = "/a/b"; });
  expect_other([](auto& request) { request.query = {{"", ""}}; });
  expect_other([](auto& request) { request.headers = {{"x", ""}}; });
  expect_other([](auto& request) { request.payload_sha256 = sha256_hex("y"); });
  EXPECT_NE(signature_of(sign_v4(base, kS3Keys, {"eu-west-1", "s3"}, kS3Time)), before);
  EXPECT_NE(signature_of(sign_v4(base, kS3Keys, kS3Scope, kS3Time + 1)), before);
}

TEST(SigV4, AKeyKeptFromBeforeIsNeverThatOfAnotherSecretDayRegionOrService) {
  constexpr std::int64_t kDay = 86'400;
  const auto request = s3_request("GET", "/x");
  SigningKeyCache cache;
  const auto expect_same = [&](const std::string& secret_key, const SigningScope& scope,
                               std::int64_t time) {
    const AWSKeys keys = {kS3Keys.access_key, secret_key, ""};
    EXPECT_EQ(sign_v4(request, keys, scope, time, cache), sign_v4(request, keys, scope, time))
        << secret_key << ' ' << scope.region << ' ' << scope.service << ' ' << time;
  };
  for (int i = 0; i < 64; ++i) {  // each pair of successors, by what they differ in
    const int asked = i ^ (i >> 1) ^ (i << 1);
    expect_same((asked & 1) != 0 ? "secret" : "other",
                {(asked & 2) != 0 ? "a" : "ab", (asked & 4) != 0 ? "s3" : "bs3"},
                kS3Time + ((asked & 8) != 0 ? kDay : 0));
    expect_same("secret", {"a", "s3"}, kS3Time);
    expect_same("secret", {"a", "s3"}, kS3Time + 1);
  }
}

}  // namespace
}  // namespace protobase::cloud
