// The clients of buckets against the contract of CloudStorageClient: mocks always, real ones where
// the environment names a server.
#include "cloud/memory_bucket.h"
#include "protobase/mock_google_cloud_client.h"
#include "protobase/mock_s3_client.h"
#include "test/conformance/cloud_client_races_conformance.h"
#include "test/conformance/cloud_server_cases.h"

namespace protobase::conformance {
namespace {

template <typename Client>
CloudPlace new_memory() {
  const std::string prefix = "place/";
  return {prefix, [prefix, bucket = std::make_shared<cloud::MemoryBucket>()](
                      const std::string& inner_prefix, std::uint64_t part_size) {
            return std::make_shared<Client>(bucket, prefix + inner_prefix, part_size);
          }};
}

constexpr std::uint64_t kSmallPart = 1000;

const auto kMocks =
    ::testing::Values(CloudClientCase{.name = "MockS3",
                                      .new_place = new_memory<MockS3Client>,
                                      .smallest_part = kSmallPart,
                                      .requests_to_end = 1,
                                      .keys_per_delete = 1000},
                      CloudClientCase{.name = "MockGoogle",
                                      .new_place = new_memory<MockGoogleCloudClient>,
                                      .smallest_part = kSmallPart});

INSTANTIATE_TEST_SUITE_P(Memory, CloudClientConformance, kMocks,
                         [](const auto& test) { return test.param.name; });
INSTANTIATE_TEST_SUITE_P(Memory, CloudClientRaces, kMocks,
                         [](const auto& test) { return test.param.name; });

const auto kServers = ::testing::ValuesIn(cases_of_environment());

INSTANTIATE_TEST_SUITE_P(Server, CloudClientConformance, kServers,
                         [](const auto& test) { return test.param.name; });
INSTANTIATE_TEST_SUITE_P(Server, CloudClientRaces, kServers,
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace protobase::conformance
