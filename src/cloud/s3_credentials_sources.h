// Where S3 credentials may be, in the order in which Amazon's own tools look: options, environment,
// web identity (STS), profile files, container, instance metadata (IMDSv2 only).
//
// Not done: `credential_process`, single sign-on, and roles assumed with the keys of another
// profile; a profile that asks for one of them is refused and says so.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cloud/aws_profile.h"
#include "cloud/s3_credentials.h"
#include "os/clock.h"
#include "os/environment.h"
#include "os/file_system.h"
#include "os/net/http.h"

namespace protobase::cloud {

/// What the sources look at and ask.
struct S3CredentialsSurroundings {
  std::shared_ptr<os::HTTPClient> http;
  std::shared_ptr<os::Clock> clock;
  std::shared_ptr<os::Environment> environment;
  std::shared_ptr<os::FileSystem> file_system;
  std::string region;  ///< whose token service is asked
};

/// Every place, in order. `given`: of the options; with an access key it is the only one.
/// `profile`: of the options; one that is named there is the only one then.
std::vector<std::unique_ptr<S3CredentialsSource>> s3_credentials_sources(
    const AWSKeys& given, const std::string& profile,
    const S3CredentialsSurroundings& surroundings);

}  // namespace protobase::cloud
