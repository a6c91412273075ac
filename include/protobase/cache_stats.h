// What a cache tells about itself: plain numbers, counted since it was built.
#pragma once

#include <cstdint>

namespace protobase {

/// Upper estimates, at most 1/16 above the truth; all zero until something was measured.
struct LatencyStats {
  std::uint64_t samples = 0;  ///< how many measurements the three figures rest on
  std::uint64_t p50_ns = 0;
  std::uint64_t p95_ns = 0;
  std::uint64_t p99_ns = 0;
};

/// Each counter is exact; counters of one call are taken stripe by stripe, so calls that run
/// meanwhile may be seen by one and not by another. `entries` and `bytes` never exceed the cache's
/// limits.
struct CacheStats {
  bool enabled = false;  ///< false: the cache is off and every number below stays zero

  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t insertions = 0;  ///< entries taken in; a put of a key that is there is none
  std::uint64_t evictions = 0;   ///< entries pushed out by others; clear() is none
  std::uint64_t rejections = 0;  ///< puts refused because the value is too large for its stripe

  std::uint64_t entries = 0;  ///< now
  std::uint64_t bytes = 0;    ///< now: values, nodes and tables

  std::uint64_t loads = 0;          ///< loaders run to their end, well or not
  std::uint64_t load_failures = 0;  ///< of these, the ones that threw
  std::uint64_t load_waits = 0;     ///< calls that waited for the load of another thread

  LatencyStats hit_latency;   ///< of gets that hit: one get in 64 is timed
  LatencyStats load_latency;  ///< of every loader run
};

}  // namespace protobase
