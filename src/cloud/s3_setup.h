// From the options of an S3Client, the environment and the profile to the transport that does it.
#pragma once

#include <memory>
#include <string>

#include "cloud/s3_transport.h"
#include "protobase/s3_client.h"

namespace protobase::cloud {

/// `options` have been validated. `prefix`: of every key. Makes no request; may read the profile.
std::unique_ptr<S3Transport> make_s3_transport(const S3ClientOptions& options,
                                               const std::string& prefix);

}  // namespace protobase::cloud
