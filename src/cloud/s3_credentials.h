// As whom an S3Client speaks: keeps what the first source that has any gives, and renews it before
// it expires. Nothing here logs a key or puts one in an error.
//
// Invariants:
//  - One thread loads at a time. Those that cannot go on without wait for the same outcome; the
//    others go on with what there is.
//  - What has not expired is never given up for a load that failed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cloud/sigv4.h"
#include "os/clock.h"
#include "protobase/options.h"

namespace protobase::cloud {

struct S3Credentials {
  AWSKeys keys;
  std::optional<std::int64_t> expires_us{};  ///< since 1970 UTC; none: they last
};

/// One place where credentials may be. Used by one thread at a time.
class S3CredentialsSource {
 public:
  virtual ~S3CredentialsSource() = default;
  /// For messages: "environment" ...
  virtual std::string name() const = 0;
  /// nullopt: none here. NotAuthorizedError, or CloudStorageError (kNotSent, as the store has heard
  /// nothing): there should be, but they cannot be had.
  virtual std::optional<S3Credentials> load() = 0;
};

/// Thread-safe.
class S3CredentialsCache final {
 public:
  S3CredentialsCache(std::vector<std::unique_ptr<S3CredentialsSource>> sources,
                     std::shared_ptr<os::Clock> clock, Logger logger);

  /// Never null. NotAuthorizedError: no source has any.
  std::shared_ptr<const S3Credentials> get();

  /// The store says that `used` has expired. True: get() has others now.
  bool renew(const std::shared_ptr<const S3Credentials>& used);

 private:
  enum class Need { kNone, kSoon, kNow };

  /// A load under way.
  struct Flight {
    bool is_done = false;
    std::exception_ptr failure{};
  };

  Need need() const;
  std::shared_ptr<const S3Credentials> wait_for(std::unique_lock<std::mutex>& lock,
                                                const std::shared_ptr<Flight>& flight);
  std::shared_ptr<const S3Credentials> load(std::unique_lock<std::mutex>& lock);
  S3Credentials load_from_sources();
  void log(LogLevel level, const std::string& message) const;

  const std::vector<std::unique_ptr<S3CredentialsSource>> sources_;
  const std::shared_ptr<os::Clock> clock_;
  const Logger logger_;
  S3CredentialsSource* source_ = nullptr;  ///< that had some; used by the thread that loads

  std::mutex mutex_;
  std::condition_variable loaded_;
  std::shared_ptr<const S3Credentials> current_;
  std::shared_ptr<Flight> flight_;   ///< null: nobody loads
  std::uint64_t not_before_ns_ = 0;  ///< no load for the sake of time alone before this
};

}  // namespace protobase::cloud
