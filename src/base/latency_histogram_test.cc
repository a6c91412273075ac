// What a histogram promises: quantiles that are never too low and at most 1/16 too high.
#include "base/latency_histogram.h"

#include <gtest/gtest.h>

#include <limits>
#include <thread>
#include <vector>

namespace protobase::base {
namespace {

TEST(LatencyHistogram, IsZeroWhenNothingWasRecorded) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.quantile_ns(0.99), 0u);
}

TEST(LatencyHistogram, KeepsShortDurationsExactly) {
  LatencyHistogram histogram;
  for (std::uint64_t ns = 1; ns <= 10; ++ns) histogram.record(ns);
  EXPECT_EQ(histogram.quantile_ns(0.0), 1u);
  EXPECT_EQ(histogram.quantile_ns(0.5), 5u);
  EXPECT_EQ(histogram.quantile_ns(0.9), 9u);
  EXPECT_EQ(histogram.quantile_ns(1.0), 10u);
}

TEST(LatencyHistogram, IsAtMostASixteenthAboveTheTruthOverTheWholeRange) {
  for (std::uint64_t ns = 1; ns < std::uint64_t{1} << 62; ns = ns * 5 / 3 + 1) {
    LatencyHistogram histogram;
    histogram.record(ns);
    EXPECT_GE(histogram.quantile_ns(0.5), ns);
    EXPECT_LE(histogram.quantile_ns(0.5), ns + ns / 16) << ns;
  }
}

TEST(LatencyHistogram, TakesTheLongestDurationThereIs) {
  LatencyHistogram histogram;
  const auto longest = std::numeric_limits<std::uint64_t>::max();
  histogram.record(longest);
  EXPECT_EQ(histogram.quantile_ns(0.5), longest);
}

TEST(LatencyHistogram, SeparatesTheTailFromTheMiddle) {
  LatencyHistogram histogram;
  for (int i = 0; i < 980; ++i) histogram.record(100);
  for (int i = 0; i < 20; ++i) histogram.record(1'000'000);
  EXPECT_LT(histogram.quantile_ns(0.95), 107u);
  EXPECT_GE(histogram.quantile_ns(0.99), 1'000'000u);
}

TEST(LatencyHistogram, LosesNoRecordOfManyThreads) {
  LatencyHistogram histogram;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&histogram] {
        for (std::uint64_t i = 0; i < 10'000; ++i) histogram.record(i % 50);
      });
    }
  }
  EXPECT_EQ(histogram.count(), 40'000u);
}

}  // namespace
}  // namespace protobase::base
