// Time comes in through here, so that a test can put its own clock in place. Correctness never
// needs it.
#pragma once

#include <cstdint>
#include <memory>

namespace protobase::os {

/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Microseconds since 1970-01-01 UTC; may jump.
  virtual std::int64_t unix_us() = 0;
  /// Never goes back; for intervals only.
  virtual std::uint64_t monotonic_ns() = 0;
  /// Blocks this thread for at least `duration_us`.
  virtual void sleep_us(std::uint64_t duration_us) = 0;
};

/// The machine's clocks.
std::shared_ptr<Clock> system_clock();

}  // namespace protobase::os
