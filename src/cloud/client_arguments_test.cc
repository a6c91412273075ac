// The keys that every client refuses before it makes a request; what they take is in
// test/conformance.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "protobase/google_cloud_client.h"
#include "protobase/mock_google_cloud_client.h"
#include "protobase/mock_s3_client.h"
#include "protobase/s3_client.h"
#include "testing/expect_error.h"
#include "testing/scripted_http_client.h"

namespace protobase {
namespace {

using testing::expect_error;

/// Without a prefix. A request of theirs would end the test.
std::vector<std::unique_ptr<CloudStorageClient>> all_clients() {
  const auto http = std::make_shared<testing::ScriptedHTTPClient>();
  S3ClientOptions s3;
  s3.bucket = "bucket";
  s3.access_key = "KEY";
  s3.secret_key = "SECRET-KEY";
  s3.http = http;
  GoogleCloudClientOptions google;
  google.bucket = "bucket";
  google.credentials_path = "anonymous";
  google.http = http;
  std::vector<std::unique_ptr<CloudStorageClient>> clients;
  clients.push_back(std::make_unique<S3Client>(std::move(s3)));
  clients.push_back(std::make_unique<GoogleCloudClient>(std::move(google)));
  clients.push_back(std::make_unique<MockS3Client>());
  clients.push_back(std::make_unique<MockGoogleCloudClient>());
  return clients;
}

TEST(ClientArguments, AKeyThatAsAWholeMeansTheBucketIsRefused) {
  for (const auto& client : all_clients()) {
    for (const std::string key : {".", ".."}) {
      const std::vector<std::string> keys = {key};
      expect_error<ValidationError>([&] { client->put(key, {}, {}); }, {"\"" + key + "\""});
      expect_error<ValidationError>([&] { client->get(key); });
      expect_error<ValidationError>([&] { client->head(key); });
      expect_error<ValidationError>([&] { client->remove(keys); });
    }
  }
}

}  // namespace
}  // namespace protobase
