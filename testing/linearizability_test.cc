#include "testing/linearizability.h"

#include <gtest/gtest.h>

#include <vector>

namespace protobase::testing {
namespace {

constexpr std::uint64_t kNever = RegisterCall::kNever;

RegisterCall read(RegisterValue seen, std::uint64_t begin, std::uint64_t end) {
  return {RegisterCall::Kind::kRead, seen, 0, true, begin, end};
}
RegisterCall write(RegisterValue value, std::uint64_t begin, std::uint64_t end) {
  return {RegisterCall::Kind::kWrite, value, 0, true, begin, end};
}
RegisterCall swap(RegisterValue expected, RegisterValue value, bool succeeded, std::uint64_t begin,
                  std::uint64_t end) {
  return {RegisterCall::Kind::kCompareAndSet, value, expected, succeeded, begin, end};
}

bool accepted(const std::vector<RegisterCall>& calls) { return is_linearizable(calls); }

TEST(Linearizability, NothingAndOneAfterTheOtherAreFine) {
  EXPECT_TRUE(accepted({}));
  EXPECT_TRUE(accepted({read(0, 1, 2), write(1, 3, 4), read(1, 5, 6), swap(1, 2, true, 7, 8),
                        swap(1, 3, false, 9, 10), read(2, 11, 12)}));
}

TEST(Linearizability, AStaleReadIsRejected) {
  EXPECT_FALSE(accepted({write(1, 1, 2), read(0, 3, 4)}));
  EXPECT_FALSE(accepted({write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)}));
  EXPECT_TRUE(accepted({write(1, 1, 2), write(2, 3, 6), read(1, 5, 7)})) << "they overlap";
}

TEST(Linearizability, AReadOfWhatNobodyWroteIsRejected) {
  EXPECT_FALSE(accepted({write(1, 1, 2), read(9, 3, 4)}));
  EXPECT_FALSE(accepted({read(1, 1, 2), write(1, 3, 4)})) << "from the future";
}

TEST(Linearizability, ARootThatGoesBackIsRejected) {
  // Both reads overlap the write, but the second one begins after the first has ended.
  EXPECT_FALSE(accepted({write(1, 1, 10), read(1, 2, 3), read(0, 4, 5)}));
  EXPECT_TRUE(accepted({write(1, 1, 10), read(0, 2, 3), read(1, 4, 5)}));
}

TEST(Linearizability, TwoReadersThatSeeTwoOrdersAreRejected) {
  EXPECT_FALSE(accepted({write(1, 1, 10), write(2, 1, 10), read(1, 11, 12), read(2, 13, 14)}));
  EXPECT_FALSE(
      accepted({write(1, 1, 20), write(2, 1, 20), read(1, 2, 3), read(2, 4, 5), read(1, 6, 7)}));
}

TEST(Linearizability, TwoWinnersOfOneRaceAreRejected) {
  EXPECT_FALSE(accepted({swap(0, 1, true, 1, 10), swap(0, 2, true, 1, 10)}));
  EXPECT_TRUE(accepted({swap(0, 1, true, 1, 10), swap(0, 2, false, 1, 10)}));
}

TEST(Linearizability, ALostRaceThatNobodyWonIsRejected) {
  EXPECT_FALSE(accepted({swap(0, 1, false, 1, 2)}));
  EXPECT_FALSE(accepted({write(1, 1, 2), swap(1, 2, false, 3, 4), write(3, 5, 6)}));
  EXPECT_TRUE(accepted({write(1, 1, 2), swap(1, 2, false, 3, 6), write(3, 5, 7)}));
}

TEST(Linearizability, ALostUpdateIsRejected) {
  EXPECT_FALSE(accepted({write(1, 1, 2), swap(1, 2, true, 3, 4), swap(1, 3, true, 5, 6)}));
}

TEST(Linearizability, AnUnansweredCallMayHappenLaterOrNever) {
  EXPECT_TRUE(accepted({write(1, 1, kNever), read(0, 2, 3), read(0, 4, 5)}));
  EXPECT_TRUE(accepted({write(1, 1, kNever), read(0, 2, 3), read(1, 4, 5)}));
  EXPECT_FALSE(accepted({write(1, 1, kNever), read(1, 2, 3), read(0, 4, 5)})) << "not both";
  EXPECT_FALSE(accepted({read(1, 1, 2), write(1, 3, kNever)})) << "not before it began";
  EXPECT_TRUE(accepted({swap(0, 1, false, 1, kNever), read(1, 2, 3)}));
}

TEST(Linearizability, ManyCallsOfSomeThreadsTakeNoTime) {
  std::vector<RegisterCall> calls;
  for (std::uint64_t i = 1; i <= 300; ++i) {  // five writes overlap at any time
    calls.push_back(write(i, 10 * i, 10 * i + 49));
    calls.push_back(read(i, 10 * i + 5, 10 * i + 9));
  }
  EXPECT_TRUE(accepted(calls));
  calls.push_back(read(7, 4000, 4001));
  EXPECT_FALSE(accepted(calls));
}

}  // namespace
}  // namespace protobase::testing
