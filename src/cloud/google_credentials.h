// As whom a GoogleCloudClient speaks: finds the credentials as Google's own tools do, keeps the
// token and renews it before it expires. Nothing here logs a token or puts one in an error.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "cloud/google_tokens.h"
#include "os/environment.h"
#include "os/file_system.h"
#include "protobase/options.h"

namespace protobase::cloud {

struct GoogleCredentialsOptions {
  /// A file, "anonymous", or empty: GOOGLE_APPLICATION_CREDENTIALS, then gcloud's well-known file
  /// (in CLOUDSDK_CONFIG or HOME), then the metadata server (GCE_METADATA_HOST; where that is not
  /// set, an http endpoint on this machine is an emulator and gets none).
  std::string path;
  std::string endpoint;  ///< where tokens will be sent: https, or this machine
  GoogleTokenSurroundings surroundings;
  std::shared_ptr<os::Environment> environment;
  std::shared_ptr<os::FileSystem> file_system;
  Logger logger{};
};

/// Thread-safe. One thread fetches a token, those that need it wait for the same answer; while an
/// old one still lives, they go on with that.
class GoogleCredentials final {
 public:
  /// Neither reads a file nor makes a request: the first authorization() does.
  explicit GoogleCredentials(GoogleCredentialsOptions options);

  /// "Bearer ..."; "" for anonymous and emulators. NotAuthorizedError: none, or refused;
  /// ValidationError: a bad credentials file; CloudStorageError (kNotSent): the token server gives
  /// none now.
  std::string authorization();

  /// The store refused `authorization`, which is never used again. False: there is no other.
  bool renew(const std::string& authorization);

 private:
  struct Held {
    std::string header;
    std::uint64_t renew_ns = 0;
    std::uint64_t expires_ns = 0;
  };

  Held fetch();
  std::unique_ptr<GoogleTokenSource> find_source() const;
  std::unique_ptr<GoogleTokenSource> source_of_file(const std::string& path,
                                                    const std::string& setting) const;
  std::optional<std::string> well_known_file() const;
  void log(LogLevel level, const std::string& message) const;

  const GoogleCredentialsOptions options_;
  std::unique_ptr<GoogleTokenSource> source_;  ///< used by the thread that fetches

  std::mutex mutex_;
  std::optional<Held> held_;
  std::shared_future<Held> flight_;  ///< valid while a thread fetches
};

}  // namespace protobase::cloud
