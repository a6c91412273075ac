// How long a request to a bucket is tried again: the waits grow, their sum is bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "os/clock.h"
#include "os/random.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

struct RetryParts {
  std::shared_ptr<os::Clock> clock;
  std::shared_ptr<os::Random> random;
  std::uint64_t timeout_ms = 60'000;  ///< from the first try on
};

/// One request's tries. The wait before the n-th try is drawn between half and the whole of
/// 20 ms x 2^n, at most 2 s, so that clients that were refused together do not come back together.
class Retry final {
 public:
  explicit Retry(const RetryParts& parts)
      : parts_(parts), end_ns_(parts.clock->monotonic_ns() + parts.timeout_ms * 1'000'000) {}

  /// Waits before the next try; false when there is no time for one.
  bool wait();

 private:
  const RetryParts& parts_;
  const std::uint64_t end_ns_;
  unsigned tries_ = 0;
};

/// `request()` until it is answered; only for what may be done twice. Throws the last error when
/// time is up, and what cannot get better at once.
template <typename Request>
auto with_retries(const RetryParts& parts, const Request& request) {
  Retry retry(parts);
  for (;;) {
    try {
      return request();
    } catch (const CloudStorageError& error) {
      if (!error.may_retry() || !retry.wait()) throw;
    }
  }
}

/// `read()`, once more when it finds damage: what was damaged on the way is whole the next time,
/// what is damaged in the bucket is not.
template <typename Read>
auto read_twice(const Read& read) {
  try {
    return read();
  } catch (const CorruptionError&) {
    return read();
  } catch (const NotSupportedError&) {
    return read();
  }
}

}  // namespace protobase::cloud
