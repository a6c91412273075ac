#include "cli/cloud_cost.h"

#include <gtest/gtest.h>

namespace protobase::cli {
namespace {

TEST(CloudCostTest, AGiBOfS3IsTheTable) {
  const CloudCost cost = cost_of(std::uint64_t{1} << 30, prices_of(BucketKind::kS3));
  EXPECT_DOUBLE_EQ(cost.storage_month, 0.023);
  EXPECT_DOUBLE_EQ(cost.thousand_commits, 0.005);
  EXPECT_DOUBLE_EQ(cost.thousand_cold_gets, 0.0004);
  EXPECT_NEAR(cost.day, 0.023 / 30 + 86.4 * 0.005, 1e-12);
}

TEST(CloudCostTest, AnEmptyStoreCostsItsCommits) {
  const CloudCost cost = cost_of(0, prices_of(BucketKind::kGoogle));
  EXPECT_EQ(cost.storage_month, 0);
  EXPECT_NEAR(cost.day, 0.432, 1e-12);
}

TEST(CloudCostTest, SmallAmountsAreNotNothing) {
  EXPECT_EQ(dollars(0), "$0");
  EXPECT_EQ(dollars(12.5), "$12.50");
  EXPECT_EQ(dollars(0.432), "$0.43");
  EXPECT_EQ(dollars(0.005), "$0.0050");
  EXPECT_EQ(dollars(0.0000234), "$0.000023");
}

TEST(CloudCostTest, TheAtomTellsRequestsAndPrices) {
  CloudRequestCounts requests;
  requests.gets = 3;
  const Atom atom = cloud_atom(requests, 0, BucketKind::kS3);
  EXPECT_EQ(atom.at("requests").at("gets").to_json(), "3");
  EXPECT_EQ(atom.at("cost").at("currency").to_json(), "\"USD\"");
  EXPECT_NEAR(atom.at("cost").at("requests").as_double(), 3 * 0.0004 / 1000, 1e-12);
}

TEST(CloudCostTest, PutsAndListsHaveOnePriceAndDeletesNone) {
  CloudRequestCounts requests;
  requests.puts = 600;
  requests.lists = 400;
  requests.gets = 1000;
  requests.deletes = 1000;
  EXPECT_NEAR(cost_of(requests, prices_of(BucketKind::kS3)), 0.0054, 1e-12);
}

}  // namespace
}  // namespace protobase::cli
