// The services that give S3 credentials out over HTTP, as one question and its answer. Whatever
// goes wrong is one line that names the service and what to look at, and never holds what was
// answered.
#pragma once

#include <string>
#include <string_view>

#include "cloud/s3_credentials.h"
#include "os/net/http.h"

namespace protobase::cloud {

inline constexpr int kServiceAnswered = 200;

struct S3CredentialsService {
  std::string name;    ///< "the container's service"
  std::string advice;  ///< "look at AWS_ENDPOINT_URL_STS"
};

/// To a service on the machine itself or next to it: it answers at once or is not there.
os::HTTPRequest near_request(std::string method, std::string url, os::HTTPHeaders headers);
os::HTTPRequest far_post(std::string url, std::string_view form);

/// Whatever it answers, but a failure of its own (429, 5xx, or words for that): CloudStorageError
/// (kNotSent), as when nothing comes. NotAuthorizedError: who is there is not to be trusted, or no
/// such service.
os::HTTPResponse perform(os::HTTPClient& http, const os::HTTPRequest& request,
                         const S3CredentialsService& service);

/// The same, and NotAuthorizedError for every other status than 200.
os::HTTPResponse ask(os::HTTPClient& http, const os::HTTPRequest& request,
                     const S3CredentialsService& service);

/// CloudStorageError (kNotSent).
[[noreturn]] void throw_unusable(const S3CredentialsService& service, const std::string& why);

/// Whether a header can hold it: printable ASCII, blanks among it.
bool is_header_text(std::string_view text);

/// CloudStorageError (kNotSent) when no request can hold these, whose service gave them out.
void check_given(const S3Credentials& credentials, const S3CredentialsService& service);

/// The JSON of the container and the instance metadata services.
S3Credentials parse_json_credentials(std::string_view text, const S3CredentialsService& service);

}  // namespace protobase::cloud
