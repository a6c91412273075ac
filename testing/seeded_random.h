// os::Random whose numbers look random and are the same in every run.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "os/random.h"

namespace protobase::testing {

/// Thread-safe.
class SeededRandom final : public os::Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

  std::array<std::uint8_t, 16> bytes16() override {
    std::array<std::uint8_t, 16> bytes;
    for (std::uint8_t& byte : bytes) {
      std::uint64_t x = state_ += 0x9E3779B97F4A7C15ull;
      x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
      byte = static_cast<std::uint8_t>(x >> 56);
    }
    return bytes;
  }

 private:
  std::atomic<std::uint64_t> state_;
};

}  // namespace protobase::testing
