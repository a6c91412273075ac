// os::Clock that stands still until a test moves it.
#pragma once

#include <atomic>
#include <cstdint>

#include "os/clock.h"

namespace protobase::testing {

/// Thread-safe. Sleeping moves it and returns at once.
class ManualClock final : public os::Clock {
 public:
  explicit ManualClock(std::int64_t unix_us = 1'700'000'000'000'000) : unix_us_(unix_us) {}

  std::int64_t unix_us() override { return unix_us_; }
  std::uint64_t monotonic_ns() override { return monotonic_ns_; }
  void sleep_us(std::uint64_t duration_us) override { advance_us(duration_us); }

  void advance_us(std::uint64_t duration_us) {
    unix_us_ += static_cast<std::int64_t>(duration_us);
    monotonic_ns_ += duration_us * 1000;
  }
  /// A jump of the wall clock alone.
  void set_unix_us(std::int64_t unix_us) { unix_us_ = unix_us; }

 private:
  std::atomic<std::int64_t> unix_us_;
  std::atomic<std::uint64_t> monotonic_ns_{0};
};

}  // namespace protobase::testing
