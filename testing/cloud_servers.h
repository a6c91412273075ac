// The object stores that the environment names, for tests that run where one was started
// (test/system/_cloud_servers.py): PROTOBASE_TEST_S3_ENDPOINT, _BUCKET, _ACCESS_KEY, _SECRET_KEY;
// PROTOBASE_TEST_GCS_ENDPOINT, _BUCKET, _CREDENTIALS.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "protobase/cloud_storage_client.h"

namespace protobase::testing {

bool has_s3_server();
bool has_google_server();

/// Clients of the bucket, "conformance" if none is named.
std::shared_ptr<CloudStorageClient> s3_of_environment(const std::string& prefix,
                                                      std::uint64_t part_size);
std::shared_ptr<CloudStorageClient> google_of_environment(const std::string& prefix,
                                                          std::uint64_t part_size);

}  // namespace protobase::testing
