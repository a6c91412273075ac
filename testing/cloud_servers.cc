#include "testing/cloud_servers.h"

#include <cstdlib>

#include "protobase/google_cloud_client.h"
#include "protobase/s3_client.h"

namespace protobase::testing {

namespace {
std::string variable(const char* name, const std::string& otherwise = "") {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}
}  // namespace

bool has_s3_server() { return !variable("PROTOBASE_TEST_S3_ENDPOINT").empty(); }
bool has_google_server() { return !variable("PROTOBASE_TEST_GCS_ENDPOINT").empty(); }

std::shared_ptr<CloudStorageClient> s3_of_environment(const std::string& prefix,
                                                      std::uint64_t part_size) {
  S3ClientOptions options;
  options.bucket = variable("PROTOBASE_TEST_S3_BUCKET", "conformance");
  options.prefix = prefix;
  options.endpoint_url = variable("PROTOBASE_TEST_S3_ENDPOINT");
  options.region = "us-east-1";
  options.access_key = variable("PROTOBASE_TEST_S3_ACCESS_KEY");
  options.secret_key = variable("PROTOBASE_TEST_S3_SECRET_KEY");
  options.path_style = true;
  options.part_size = part_size;
  return std::make_shared<S3Client>(options);
}

std::shared_ptr<CloudStorageClient> google_of_environment(const std::string& prefix,
                                                          std::uint64_t part_size) {
  GoogleCloudClientOptions options;
  options.bucket = variable("PROTOBASE_TEST_GCS_BUCKET", "conformance");
  options.prefix = prefix;
  options.endpoint_url = variable("PROTOBASE_TEST_GCS_ENDPOINT");
  options.credentials_path = variable("PROTOBASE_TEST_GCS_CREDENTIALS", "anonymous");
  options.part_size = part_size;
  return std::make_shared<GoogleCloudClient>(options);
}

}  // namespace protobase::testing
