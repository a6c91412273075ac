// Options out of range are refused by name; the stripes' shares are the whole, no more and no less.
#include "cache/cache_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "protobase/errors.h"

namespace protobase::cache {
namespace {

std::string refusal(const AtomCacheOptions& options) {
  try {
    validate(options);
  } catch (const ValidationError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CacheOptions, DefaultsAndEdgesAreAccepted) {
  EXPECT_EQ(refusal({}), "accepted");
  EXPECT_EQ(refusal({.stripes = 1}), "accepted");
  EXPECT_EQ(refusal({.stripes = 1024}), "accepted");
  EXPECT_EQ(refusal({.max_entries = 0, .max_bytes = 0}), "accepted");
}

TEST(CacheOptions, StripesOutOfRangeAreRefusedByName) {
  for (const std::size_t stripes : {std::size_t{0}, std::size_t{1025}, SIZE_MAX}) {
    EXPECT_THAT(refusal({.stripes = stripes}),
                testing::AllOf(testing::HasSubstr("stripes"), testing::HasSubstr("1 to 1024")));
  }
}

TEST(CacheOptions, RatiosOutOfRangeAreRefusedByName) {
  for (const double ratio : {0.0, 1.0, -0.1, 1.5, std::nan(""), HUGE_VAL}) {
    EXPECT_THAT(refusal({.probation_ratio = ratio}),
                testing::AllOf(testing::HasSubstr("probation_ratio"),
                               testing::HasSubstr("more than 0 and less than 1")));
  }
}

TEST(CacheOptions, StripesAreRoundedUpToAPowerOfTwo) {
  EXPECT_EQ(stripe_count({.stripes = 1}), 1u);
  EXPECT_EQ(stripe_count({.stripes = 5}), 8u);
  EXPECT_EQ(stripe_count({.stripes = 64}), 64u);
}

TEST(CacheOptions, SmallCachesUseFewerStripes) {
  EXPECT_EQ(stripe_count({.max_entries = 1}), 1u);
  EXPECT_EQ(stripe_count({.max_entries = 256}), 4u);
  EXPECT_EQ(stripe_count({.max_bytes = 1 << 20}), 16u);
}

TEST(CacheOptions, SharesAddUpToTheLimits) {
  const AtomCacheOptions options{.max_entries = 100'003, .max_bytes = 100'000'007};
  const std::size_t count = stripe_count(options);
  std::size_t entries = 0;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    entries += limits_of_stripe(options, count, i).max_entries;
    bytes += limits_of_stripe(options, count, i).max_bytes;
  }
  EXPECT_EQ(entries, options.max_entries);
  EXPECT_EQ(bytes, options.max_bytes);
}

}  // namespace
}  // namespace protobase::cache
