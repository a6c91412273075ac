// The real clients at the servers that the environment names, for the suites of CloudStorageClient;
// without servers there are no cases. test/system/cloud_*_test.py starts them.
#pragma once

#include <random>

#include "test/conformance/cloud_client_conformance.h"
#include "testing/cloud_servers.h"

namespace protobase::conformance {

/// Nobody else's, also when the server is not new.
inline std::string new_prefix() {
  std::random_device random;
  return "conformance-" + std::to_string(random()) + "/";
}

template <typename MakeClient>
std::function<CloudPlace()> new_place_of(MakeClient make_client) {
  return [make_client] {
    const std::string prefix = new_prefix();
    return CloudPlace{prefix, [=](const std::string& inner_prefix, std::uint64_t part_size) {
                        return make_client(prefix + inner_prefix, part_size);
                      }};
  };
}

inline std::vector<CloudClientCase> cases_of_environment() {
  std::vector<CloudClientCase> cases;
  if (testing::has_s3_server()) {
    cases.push_back({.name = "S3",
                     .new_place = new_place_of(testing::s3_of_environment),
                     .smallest_part = std::uint64_t{5} << 20,
                     .requests_to_end = 1,
                     .keys_per_delete = 1000});
  }
  if (testing::has_google_server()) {
    cases.push_back({.name = "Google",
                     .new_place = new_place_of(testing::google_of_environment),
                     .smallest_part = std::uint64_t{256} << 10});
  }
  return cases;
}

}  // namespace protobase::conformance
