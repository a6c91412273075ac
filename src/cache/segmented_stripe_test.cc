// The policy of one stripe: who is promoted, who is demoted, who has to go, and what it may hold.
#include "cache/segmented_stripe.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace protobase::cache {
namespace {

// The identity: crowded on purpose.
struct PlainHash {
  std::uint64_t operator()(std::uint64_t key) const noexcept { return key; }
};
using Value = std::shared_ptr<const int>;
using Stripe = SegmentedStripe<std::uint64_t, Value, PlainHash>;
constexpr std::size_t kAmple = 1 << 20;

PutOutcome put(Stripe& stripe, std::uint64_t key, std::size_t charge = 100) {
  for (;;) {
    Value value = std::make_shared<const int>(static_cast<int>(key));
    EvictedValues<Value> evicted;
    const PutOutcome outcome = stripe.put(key, key, value, charge, evicted);
    if (outcome != PutOutcome::kMoreRoom) return outcome;
  }
}

bool hit(Stripe& stripe, std::uint64_t key) {
  const Value* found = stripe.find(key, key);
  EXPECT_TRUE(found == nullptr || **found == static_cast<int>(key));
  return found != nullptr;
}

// Which of [0, count) are here. Asking marks them as hit: ask last.
std::vector<std::uint64_t> present(Stripe& stripe, std::uint64_t count) {
  std::vector<std::uint64_t> keys;
  for (std::uint64_t key = 0; key < count; ++key) {
    if (hit(stripe, key)) keys.push_back(key);
  }
  return keys;
}

using Keys = std::vector<std::uint64_t>;

TEST(SegmentedStripe, EvictsTheOldestOfThoseNeverHit) {
  Stripe stripe({.max_entries = 4, .max_bytes = kAmple, .probation_ratio = 0.5});
  for (std::uint64_t key = 0; key < 6; ++key) put(stripe, key);
  EXPECT_EQ(present(stripe, 6), (Keys{2, 3, 4, 5}));
}

TEST(SegmentedStripe, PromotesWhatWasHitInsteadOfEvictingIt) {
  Stripe stripe({.max_entries = 4, .max_bytes = kAmple, .probation_ratio = 0.5});
  for (std::uint64_t key = 0; key < 4; ++key) put(stripe, key);
  hit(stripe, 0);
  hit(stripe, 1);
  for (std::uint64_t key = 4; key < 100; ++key) put(stripe, key);
  EXPECT_EQ(present(stripe, 100), (Keys{0, 1, 98, 99}));
}

TEST(SegmentedStripe, DemotesTheOldestWhenProtectedOverflows) {
  Stripe stripe({.max_entries = 4, .max_bytes = kAmple, .probation_ratio = 0.5});
  for (std::uint64_t key = 0; key < 4; ++key) put(stripe, key);
  for (std::uint64_t key = 0; key < 3; ++key) hit(stripe, key);
  // 0, 1, 2 are promoted in turn, which demotes 0 behind 3; then 3 goes, then 0.
  put(stripe, 4);
  EXPECT_EQ(stripe.entries(), 4u);
  put(stripe, 5);
  EXPECT_EQ(present(stripe, 6), (Keys{1, 2, 4, 5}));
}

TEST(SegmentedStripe, GivesADemotedEntryThatWasHitAnotherTerm) {
  Stripe stripe({.max_entries = 4, .max_bytes = kAmple, .probation_ratio = 0.5});
  for (std::uint64_t key = 0; key < 4; ++key) put(stripe, key);
  for (std::uint64_t key = 0; key < 3; ++key) hit(stripe, key);
  put(stripe, 4);  // 0 was promoted and demoted: probation is 0, 4
  hit(stripe, 0);
  put(stripe, 5);  // 0 is promoted again, 1 demoted behind 4; 4 goes
  put(stripe, 6);  // 1 was not hit since: it goes
  EXPECT_EQ(present(stripe, 7), (Keys{0, 2, 5, 6}));
}

TEST(SegmentedStripe, SurvivesThatEveryEntryWasHit) {
  Stripe stripe({.max_entries = 200, .max_bytes = kAmple, .probation_ratio = 0.2});
  for (std::uint64_t key = 0; key < 200; ++key) put(stripe, key);
  for (std::uint64_t key = 200; key < 2000; ++key) {
    EXPECT_EQ(present(stripe, 2000).size(), 200u);
    ASSERT_EQ(put(stripe, key), PutOutcome::kInserted);
  }
}

TEST(SegmentedStripe, WorksWithRoomForOneEntry) {
  Stripe stripe({.max_entries = 1, .max_bytes = kAmple, .probation_ratio = 0.01});
  for (std::uint64_t key = 0; key < 10; ++key) {
    put(stripe, key);
    EXPECT_TRUE(hit(stripe, key));
    EXPECT_EQ(stripe.entries(), 1u);
  }
}

TEST(SegmentedStripe, CountsASecondPutOnce) {
  Stripe stripe({.max_entries = 10, .max_bytes = kAmple, .probation_ratio = 0.5});
  put(stripe, 7);
  const std::size_t bytes = stripe.bytes();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(put(stripe, 7), PutOutcome::kPresent);
  EXPECT_EQ(stripe.entries(), 1u);
  EXPECT_EQ(stripe.bytes(), bytes);
}

TEST(SegmentedStripe, RefusesWhatIsTooLargeAndEvictsNothingForIt) {
  Stripe stripe({.max_entries = 100, .max_bytes = 100'000, .probation_ratio = 0.5});
  for (std::uint64_t key = 0; key < 50; ++key) put(stripe, key);
  EXPECT_EQ(put(stripe, 50, 100'001), PutOutcome::kRejected);
  EXPECT_EQ(put(stripe, 51, 95'000), PutOutcome::kRejected);  // with the nodes it does not fit
  EXPECT_EQ(put(stripe, 52, SIZE_MAX), PutOutcome::kRejected);
  EXPECT_EQ(stripe.entries(), 50u);
}

TEST(SegmentedStripe, NeverGivesProtectedEntriesForALargeOne) {
  Stripe stripe({.max_entries = 1000, .max_bytes = 200'000, .probation_ratio = 0.5});
  for (std::uint64_t key = 0; key < 20; ++key) put(stripe, key, 4'000);
  for (std::uint64_t key = 0; key < 20; ++key) hit(stripe, key);
  for (std::uint64_t key = 20; key < 200; ++key) put(stripe, key, 4'000);
  put(stripe, 200, 60'000);
  EXPECT_EQ(put(stripe, 201, 150'000), PutOutcome::kRejected);
  for (std::uint64_t key = 0; key < 20; ++key) EXPECT_TRUE(hit(stripe, key)) << key;
}

TEST(SegmentedStripe, TakesSmallValuesHoweverSmallTheRatio) {
  Stripe stripe({.max_entries = 10'000, .max_bytes = 64 * 1024, .probation_ratio = 1e-9});
  for (std::uint64_t key = 0; key < 5'000; ++key) {
    ASSERT_EQ(put(stripe, key, 300), PutOutcome::kInserted) << key;
    hit(stripe, key);
  }
}

// Invariants of the class comment under a long random mixture of sizes, puts and hits.
TEST(SegmentedStripe, StaysWithinItsLimitsUnderAnyMixture) {
  for (const double ratio : {0.001, 0.2, 0.999}) {
    for (const std::size_t max_bytes : {1'000u, 10'000u, 300'000u}) {
      const StripeLimits limits{
          .max_entries = 700, .max_bytes = max_bytes, .probation_ratio = ratio};
      Stripe stripe(limits);
      std::mt19937 random(4711);
      for (int step = 0; step < 30'000; ++step) {
        const std::uint64_t key = random() % 2'000;
        if (random() % 2 == 0) {
          hit(stripe, key);
        } else {
          put(stripe, key, std::size_t{1} << random() % 18);
        }
        ASSERT_LE(stripe.entries(), limits.max_entries);
        ASSERT_LE(stripe.bytes(), limits.max_bytes);
      }
    }
  }
}

}  // namespace
}  // namespace protobase::cache
