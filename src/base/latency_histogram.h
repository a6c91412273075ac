// Durations counted in logarithmic buckets: fixed size, no allocation, one relaxed increment a
// record. Invariant: a bucket is at most 1/16 as wide as the durations in it are long.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace protobase::base {

/// Thread-safe. A reader that runs beside writers sees each record or not, never half of one.
class LatencyHistogram final {
 public:
  LatencyHistogram() = default;
  LatencyHistogram(const LatencyHistogram&) = delete;
  LatencyHistogram& operator=(const LatencyHistogram&) = delete;

  void record(std::uint64_t duration_ns) noexcept {
    buckets_[bucket_of(duration_ns)].fetch_add(1, std::memory_order_relaxed);
  }

  std::uint64_t count() const noexcept {
    std::uint64_t total = 0;
    for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
    return total;
  }

  /// The longest duration of the bucket that holds the `quantile` (0 to 1) of all records: never
  /// below the true one, at most 1/16 above it. 0 when nothing was recorded.
  std::uint64_t quantile_ns(double quantile) const noexcept {
    const double wanted = std::ceil(quantile * static_cast<double>(count()));
    std::uint64_t seen = 0;
    std::uint64_t longest = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      const std::uint64_t here = buckets_[i].load(std::memory_order_relaxed);
      if (here == 0) continue;
      seen += here;
      longest = longest_in(i);
      if (static_cast<double>(seen) >= wanted) break;
    }
    return longest;
  }

 private:
  // Below 16 ns a bucket is one nanosecond; above, each power of two is cut into 16.
  static constexpr unsigned kStepBits = 4;
  static constexpr std::size_t kSteps = std::size_t{1} << kStepBits;
  static constexpr std::size_t kBuckets = (64 - kStepBits + 1) * kSteps;

  static constexpr std::size_t bucket_of(std::uint64_t duration_ns) noexcept {
    if (duration_ns < kSteps) return static_cast<std::size_t>(duration_ns);
    const unsigned shift = static_cast<unsigned>(std::bit_width(duration_ns)) - 1 - kStepBits;
    return (shift + 1) * kSteps + static_cast<std::size_t>((duration_ns >> shift) & (kSteps - 1));
  }

  static constexpr std::uint64_t longest_in(std::size_t bucket) noexcept {
    if (bucket < kSteps) return bucket;
    const std::size_t shift = bucket / kSteps - 1;
    const std::uint64_t first = std::uint64_t{kSteps + bucket % kSteps} << shift;
    return first + ((std::uint64_t{1} << shift) - 1);
  }

  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
};

}  // namespace protobase::base
