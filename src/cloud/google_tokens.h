// Where OAuth tokens for Google come from: a service account's key, a user's refresh token, the
// metadata server of a machine in Google's cloud. One fetch is one request; caching is the task of
// GoogleCredentials.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "os/clock.h"
#include "os/net/http.h"

namespace protobase::cloud {

struct GoogleToken {
  std::string text;              ///< visible ASCII
  std::uint64_t lifetime_s = 0;  ///< from now, as the server says
};

/// fetch() is called by one thread at a time. NotAuthorizedError: the server refuses, or there is
/// none; CloudStorageError (kNotSent, as far as the store is concerned): try again later. No
/// message holds a secret.
class GoogleTokenSource {
 public:
  virtual ~GoogleTokenSource() = default;
  virtual GoogleToken fetch() = 0;
};

/// Whether what is sent there is read by nobody on the way: https, or this very machine.
/// ValidationError when it is no URL.
bool keeps_secrets(const std::string& url);

struct GoogleTokenSurroundings {
  std::shared_ptr<os::HTTPClient> http;
  std::shared_ptr<os::Clock> clock;
  std::uint64_t connect_timeout_ms = 5'000;
  std::uint64_t timeout_ms = 60'000;
};

/// From the text of a credentials file: `service_account` or `authorized_user`. `path` and the
/// setting that names it are for messages. ValidationError: it is none; NotSupportedError: of
/// another type.
std::unique_ptr<GoogleTokenSource> google_tokens_of_file(const std::string& path,
                                                         const std::string& setting,
                                                         std::string_view text,
                                                         GoogleTokenSurroundings surroundings);

/// `host`: of the metadata server, with or without a port.
std::unique_ptr<GoogleTokenSource> google_tokens_of_metadata_server(
    const std::string& host, GoogleTokenSurroundings surroundings);

}  // namespace protobase::cloud
