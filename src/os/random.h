// Randomness comes in through here, so that a test can repeat a run.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace protobase::os {

/// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  /// 16 bytes nobody can predict.
  virtual std::array<std::uint8_t, 16> bytes16() = 0;
};

/// The kernel's random numbers.
std::shared_ptr<Random> system_random();

}  // namespace protobase::os
