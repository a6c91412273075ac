#include "cache/cache_options.h"

#include <bit>
#include <string>

#include "protobase/errors.h"

namespace protobase::cache {
namespace {

constexpr std::size_t kMaxStripes = 1024;
constexpr std::size_t kMinStripeEntries = 64;
constexpr std::size_t kMinStripeBytes = 64 * 1024;

std::size_t share(std::size_t whole, std::size_t count, std::size_t index) noexcept {
  return whole / count + (index < whole % count ? 1 : 0);
}

}  // namespace

void validate(const AtomCacheOptions& options) {
  if (options.stripes < 1 || options.stripes > kMaxStripes) {
    throw ValidationError("cache option stripes is " + std::to_string(options.stripes) +
                          "; allowed are 1 to " + std::to_string(kMaxStripes));
  }
  // Written so that a NaN fails.
  if (!(options.probation_ratio > 0.0 && options.probation_ratio < 1.0)) {
    throw ValidationError("cache option probation_ratio is " +
                          std::to_string(options.probation_ratio) +
                          "; allowed is more than 0 and less than 1");
  }
}

std::size_t stripe_count(const AtomCacheOptions& options) noexcept {
  std::size_t count = std::bit_ceil(options.stripes);
  while (count > 1 && (options.max_entries / count < kMinStripeEntries ||
                       options.max_bytes / count < kMinStripeBytes)) {
    count /= 2;
  }
  return count;
}

StripeLimits limits_of_stripe(const AtomCacheOptions& options, std::size_t count,
                              std::size_t index) noexcept {
  return {.max_entries = share(options.max_entries, count, index),
          .max_bytes = share(options.max_bytes, count, index),
          .probation_ratio = options.probation_ratio};
}

}  // namespace protobase::cache
