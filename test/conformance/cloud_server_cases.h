// The real clients at the servers that the environment names, for the suites of CloudStorageClient;
// without servers there are no cases. test/system/cloud_*_test.py starts them.
#pragma once

#include <cstdlib>
#include <random>

#include "protobase/google_cloud_client.h"
#include "test/conformance/cloud_client_conformance.h"

namespace protobase::conformance {

inline std::string variable(const char* name, const std::string& otherwise = "") {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

inline bool is_set(const char* name) { return !variable(name).empty(); }

/// Nobody else's, also when the server is not new.
inline std::string new_prefix() {
  std::random_device random;
  return "conformance-" + std::to_string(random()) + "/";
}

inline constexpr std::uint64_t kLongEnoughMs = 60'000;

inline CloudPlace new_google_place() {
  const std::string prefix = new_prefix();
  return {prefix, [prefix](const std::string& inner_prefix, std::uint64_t part_size) {
            return std::make_shared<GoogleCloudClient>(GoogleCloudClientOptions{
                .bucket = variable("PROTOBASE_TEST_GCS_BUCKET", "conformance"),
                .prefix = prefix + inner_prefix,
                .endpoint_url = variable("PROTOBASE_TEST_GCS_ENDPOINT"),
                .project_id = "",
                .credentials_path = variable("PROTOBASE_TEST_GCS_CREDENTIALS", "anonymous"),
                .part_size = part_size,
                .request_timeout_ms = kLongEnoughMs,
                .ca_file = "",
            });
          }};
}

inline std::vector<CloudClientCase> cases_of_environment() {
  std::vector<CloudClientCase> cases;
  if (is_set("PROTOBASE_TEST_GCS_ENDPOINT")) {
    cases.push_back({.name = "Google",
                     .new_place = new_google_place,
                     .smallest_part = std::uint64_t{256} << 10});
  }
  return cases;
}

}  // namespace protobase::conformance
