// The ranges of StorageOptions.
#include "protobase/options.h"

#include <string>

#include "base/check_range.h"
#include "protobase/errors.h"

namespace protobase {
void StorageOptions::validate() const {
  using base::check_range;
  constexpr std::uint64_t kKiB = 1024;
  constexpr std::uint64_t kGiB = kKiB * kKiB * kKiB;
  check_range<std::uint64_t>("buffer_size", buffer_size, 4 * kKiB, 64 * kKiB * kKiB);
  check_range<std::uint64_t>("blob_max_size", blob_max_size, 1, 2 * kGiB);
  check_range<unsigned>("max_workers", max_workers, 1, 256);
  check_range<std::uint64_t>("cache_stripes", cache_stripes, 1, 1024);
  if (!(cache_probation_ratio > 0.0 && cache_probation_ratio < 1.0)) {
    throw ValidationError("cache_probation_ratio = " + std::to_string(cache_probation_ratio) +
                          " is out of range: above 0 and below 1");
  }
  check_range<std::uint64_t>("wal_max_size", wal_max_size, 64 * kKiB, kKiB * kGiB);
  check_range<std::uint64_t>("max_unflushed_bytes", max_unflushed_bytes, 8 * kKiB, kKiB * kGiB);
  check_range<std::uint64_t>("root_lock_timeout_ms", root_lock_timeout_ms, 0, 86'400'000);
}

}  // namespace protobase
