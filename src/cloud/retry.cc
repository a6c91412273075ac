#include "cloud/retry.h"

#include <algorithm>

namespace protobase::cloud {

bool Retry::wait() {
  constexpr std::uint64_t kFirstUs = 20'000, kLongestUs = 2'000'000;
  const std::uint64_t longest = std::min(kLongestUs, kFirstUs << std::min(tries_++, 10u));
  const auto drawn = parts_.random->bytes16();
  const std::uint64_t part = drawn[0] | std::uint64_t{drawn[1]} << 8;
  const std::uint64_t wait_us = longest / 2 + longest / 2 * part / 65'536;
  if (parts_.clock->monotonic_ns() + wait_us * 1000 >= end_ns_) return false;
  parts_.clock->sleep_us(wait_us);
  return true;
}

}  // namespace protobase::cloud
