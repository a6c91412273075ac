// The caches as their users meet them: bounds, scans, loads, statistics, being off.
#include "protobase/atom_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "os/clock.h"
#include "protobase/atom.h"
#include "protobase/errors.h"

namespace protobase {
namespace {

AtomPointer at(std::uint64_t offset) {
  AtomPointer pointer;
  pointer.transaction_id.bytes[3] = 0x77;
  pointer.offset = offset * 8;
  return pointer;
}

CachedPayload payload(std::size_t size, char fill = 'x') {
  return {.bytes = SharedBytes::copy_of(as_bytes(std::string(size, fill)))};
}

std::shared_ptr<const Atom> atom(int number) { return std::make_shared<const Atom>(number); }

// Goes on by a fixed step at each look.
class SteppingClock final : public os::Clock {
 public:
  explicit SteppingClock(std::uint64_t step_ns) : step_ns_(step_ns) {}
  std::int64_t unix_us() override { return 0; }
  std::uint64_t monotonic_ns() override { return now_ns_ += step_ns_; }
  void sleep_us(std::uint64_t) override {}

 private:
  const std::uint64_t step_ns_;
  std::atomic<std::uint64_t> now_ns_{0};
};

TEST(AtomBytesCache, GivesBackWhatWasPut) {
  AtomBytesCache cache({});
  EXPECT_FALSE(cache.get(at(1)));
  CachedPayload put = payload(10);
  put.format = RecordFormat::kJSON;
  put.legacy_json_dialect = true;
  EXPECT_TRUE(cache.put(at(1), put));
  EXPECT_TRUE(cache.put(at(2), CachedPayload{}));
  EXPECT_EQ(cache.get(at(1)), put);
  EXPECT_EQ(cache.get(at(2)), CachedPayload{});
  EXPECT_FALSE(cache.get(at(3)));
}

TEST(AtomObjectCache, TellsSchemaEpochsApart) {
  AtomObjectCache cache({});
  cache.put(at(1), 1, atom(10));
  cache.put(at(1), 2, atom(20));
  EXPECT_EQ(*cache.get(at(1), 1), Atom(10));
  EXPECT_EQ(*cache.get(at(1), 2), Atom(20));
  EXPECT_EQ(cache.get(at(1), 3), nullptr);
}

TEST(AtomObjectCache, RefusesANullAtom) {
  AtomObjectCache cache({});
  EXPECT_THROW(cache.put(at(1), 0, nullptr), ValidationError);
  EXPECT_THROW(cache.get_or_load(at(1), 0, [] { return AtomObjectCache::Value(); }),
               ValidationError);
  EXPECT_EQ(cache.stats().entries, 0u);
}

TEST(AtomCaches, RefuseOptionsOutOfRange) {
  EXPECT_THROW(AtomBytesCache({.stripes = 0}), ValidationError);
  EXPECT_THROW(AtomBytesCache({.max_entries = 0, .stripes = 1025}), ValidationError);
  EXPECT_THROW(AtomObjectCache({.probation_ratio = 1.0}), ValidationError);
}

TEST(AtomBytesCache, IsOffWhenALimitIsZero) {
  for (const AtomCacheOptions& options :
       {AtomCacheOptions{.max_entries = 0}, AtomCacheOptions{.max_bytes = 0}}) {
    AtomBytesCache cache(options);
    EXPECT_FALSE(cache.put(at(1), payload(10)));
    EXPECT_FALSE(cache.get(at(1)));
    int loads = 0;
    for (int i = 0; i < 3; ++i) {
      cache.get_or_load(at(1), [&] {
        ++loads;
        return payload(10);
      });
    }
    EXPECT_EQ(loads, 3);
    cache.clear();
    const CacheStats stats = cache.stats();
    EXPECT_FALSE(stats.enabled);
    EXPECT_EQ(stats.hits + stats.misses + stats.loads + stats.entries + stats.bytes, 0u);
  }
}

// The old implementation counted the bytes of a second put again, until nothing fitted any more.
TEST(AtomBytesCache, CountsASecondPutOfTheSameKeyOnce) {
  AtomBytesCache cache({});
  cache.put(at(1), payload(1000));
  const CacheStats once = cache.stats();
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(cache.put(at(1), payload(1000)));
  EXPECT_EQ(cache.stats().bytes, once.bytes);
  EXPECT_EQ(cache.stats().entries, 1u);
  EXPECT_EQ(cache.stats().insertions, 1u);
}

TEST(AtomBytesCache, DoesNotKeepWhatExceedsAStripeAndLosesNothingForIt) {
  AtomBytesCache cache({.max_bytes = 1 << 20, .stripes = 4});
  for (std::uint64_t i = 0; i < 100; ++i) cache.put(at(i), payload(100));
  for (std::uint64_t i = 100; i < 120; ++i) EXPECT_FALSE(cache.put(at(i), payload(300'000)));
  EXPECT_EQ(cache.stats().entries, 100u);
  EXPECT_EQ(cache.stats().evictions, 0u);
  EXPECT_EQ(cache.stats().rejections, 20u);
}

TEST(AtomBytesCache, ClearLetsEverythingGo) {
  AtomBytesCache cache({});
  const CachedPayload kept = payload(100);
  for (std::uint64_t i = 0; i < 1000; ++i) cache.put(at(i), kept);
  cache.clear();
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().bytes, 0u);
  EXPECT_EQ(cache.stats().insertions, 1000u);
  EXPECT_FALSE(cache.get(at(1)));
  EXPECT_TRUE(cache.put(at(1), kept));
}

TEST(AtomBytesCache, CountsExactly) {
  AtomBytesCache cache({.max_entries = 100, .stripes = 1});
  for (std::uint64_t i = 0; i < 150; ++i) cache.put(at(i), payload(10));
  for (std::uint64_t i = 0; i < 150; ++i) cache.get(at(i));
  const CacheStats stats = cache.stats();
  EXPECT_TRUE(stats.enabled);
  EXPECT_EQ(stats.insertions, 150u);
  EXPECT_EQ(stats.evictions, 50u);
  EXPECT_EQ(stats.entries, 100u);
  EXPECT_EQ(stats.hits, 100u);
  EXPECT_EQ(stats.misses, 50u);
}

TEST(AtomBytesCache, CountsEveryGetOfManyThreads) {
  AtomBytesCache cache({});
  for (std::uint64_t i = 0; i < 1000; ++i) cache.put(at(i), payload(10));
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&cache] {
        for (std::uint64_t i = 0; i < 20'000; ++i) cache.get(at(i % 2000));
      });
    }
  }
  EXPECT_EQ(cache.stats().hits, 80'000u);
  EXPECT_EQ(cache.stats().misses, 80'000u);
}

TEST(AtomBytesCache, AScanLeavesTheHotSet) {
  constexpr std::uint64_t kHot = 2'000;
  AtomBytesCache cache({.max_entries = 10'000, .stripes = 16});
  for (std::uint64_t i = 0; i < kHot; ++i) cache.put(at(i), payload(100));
  for (int round = 0; round < 2; ++round) {
    for (std::uint64_t i = 0; i < kHot; ++i) cache.get(at(i));
  }
  const auto load = [] { return payload(100); };
  for (std::uint64_t i = 0; i < 200'000; ++i) cache.get_or_load(at(i), load);
  const std::uint64_t before = cache.stats().hits;
  for (std::uint64_t i = 0; i < kHot; ++i) cache.get(at(i));
  EXPECT_GE(cache.stats().hits - before, kHot * 9 / 10);
}

TEST(AtomBytesCache, AScanOfLargeValuesLeavesTheHotSetToo) {
  constexpr std::uint64_t kHot = 2'000;
  AtomBytesCache cache({.max_bytes = 4 << 20, .stripes = 4});
  for (std::uint64_t i = 0; i < kHot; ++i) cache.put(at(i), payload(1'000));
  for (std::uint64_t i = 0; i < kHot; ++i) cache.get(at(i));
  for (std::uint64_t i = kHot; i < kHot + 2'000; ++i) cache.put(at(i), payload(i % 500 * 1'000));
  const std::uint64_t before = cache.stats().hits;
  for (std::uint64_t i = 0; i < kHot; ++i) cache.get(at(i));
  EXPECT_GE(cache.stats().hits - before, kHot * 9 / 10);
}

TEST(AtomBytesCache, ANewHotSetReplacesTheOldOne) {
  AtomBytesCache cache({.max_entries = 1'000, .stripes = 1});
  const auto load = [] { return payload(10); };
  std::mt19937_64 random(11);
  for (std::uint64_t set = 0; set < 3; ++set) {
    for (int i = 0; i < 20'000; ++i) cache.get_or_load(at(set * 1'000 + random() % 700), load);
    const std::uint64_t before = cache.stats().hits;
    for (std::uint64_t i = 0; i < 700; ++i) cache.get(at(set * 1'000 + i));
    EXPECT_GE(cache.stats().hits - before, 630u) << "set " << set;
  }
}

TEST(AtomBytesCache, StaysWithinBothLimitsWhileManyThreadsWork) {
  const AtomCacheOptions options{.max_entries = 3'000, .max_bytes = 1 << 20, .stripes = 8};
  AtomBytesCache cache(options);
  std::atomic<int> working{4};
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(t);
        for (int i = 0; i < 20'000; ++i) {
          const std::uint64_t key = random() % 10'000;
          const auto expected = static_cast<char>('a' + key % 26);
          if (random() % 3 == 0)
            cache.put(at(key), payload(std::size_t{1} << random() % 15, expected));
          if (const auto found = cache.get(at(key));
              found && found->bytes.as_text()[0] != expected) {
            ADD_FAILURE() << "key " << key << " has the value of another";
          }
          if (i % 5'000 == 4'999) cache.clear();
        }
        --working;
      });
    }
    while (working > 0) {
      const CacheStats stats = cache.stats();
      EXPECT_LE(stats.entries, options.max_entries);
      EXPECT_LE(stats.bytes, options.max_bytes);
    }
  }
  const CacheStats stats = cache.stats();
  EXPECT_GT(stats.evictions, 0u);
  EXPECT_GT(stats.hits, 0u);
}

// Long enough between two writes that stripes let readers in without the lock, again and again.
TEST(AtomBytesCache, ReadersWithoutALockNeverSeeARareWritersHalf) {
  AtomBytesCache cache({.max_entries = 200, .stripes = 2});
  const auto fill_of = [](std::uint64_t key) { return static_cast<char>('a' + key % 26); };
  std::atomic<std::uint64_t> gets{0};
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937_64 random(t);
        for (int i = 0; i < 40'000; ++i) {
          const std::uint64_t key = random() % 300;
          const std::optional<CachedPayload> found = cache.get(at(key));
          if (found && found->bytes.as_text()[0] != fill_of(key)) {
            ADD_FAILURE() << "key " << key << " has the value of another";
          }
          ++gets;
          if (i % 1'000 < 2) cache.put(at(key), payload(50, fill_of(key)));
          if (t == 0 && i % 10'000 == 9'999) cache.clear();
        }
      });
    }
  }
  const CacheStats stats = cache.stats();
  EXPECT_EQ(stats.hits + stats.misses, gets);
  EXPECT_GT(stats.hits, 0u);
}

TEST(AtomObjectCache, LoadsOnceForSixteenThreads) {
  AtomObjectCache cache({});
  std::atomic<int> loads{0};
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 16; ++t) {
      threads.emplace_back([&] {
        const auto found = cache.get_or_load(at(1), 0, [&] {
          ++loads;
          while (cache.stats().load_waits < 15) std::this_thread::yield();
          return atom(5);
        });
        if (*found == Atom(5)) ++right;
      });
    }
  }
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(right, 16);
  const CacheStats stats = cache.stats();
  EXPECT_EQ(stats.misses, 16u);
  EXPECT_EQ(stats.loads, 1u);
  EXPECT_EQ(stats.load_waits, 15u);
  EXPECT_EQ(stats.insertions, 1u);
}

TEST(AtomObjectCache, KeepsNothingOfALoadThatThrew) {
  AtomObjectCache cache({});
  const auto fail = []() -> AtomObjectCache::Value { throw NotFoundError("no such WAL"); };
  EXPECT_THROW(cache.get_or_load(at(1), 0, fail), NotFoundError);
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(*cache.get_or_load(at(1), 0, [] { return atom(6); }), Atom(6));
  EXPECT_EQ(*cache.get_or_load(at(1), 0, fail), Atom(6));
  EXPECT_EQ(cache.stats().loads, 2u);
  EXPECT_EQ(cache.stats().load_failures, 1u);
}

TEST(AtomBytesCache, GivesALoadedValueThatIsTooLargeToKeep) {
  AtomBytesCache cache({.max_bytes = 100'000});
  int loads = 0;
  const auto load = [&] {
    ++loads;
    return payload(200'000);
  };
  EXPECT_EQ(cache.get_or_load(at(1), load).bytes.size(), 200'000u);
  EXPECT_EQ(cache.get_or_load(at(1), load).bytes.size(), 200'000u);
  EXPECT_EQ(loads, 2);
}

TEST(AtomBytesCache, TimesEveryLoadAndOneHitInSixtyFour) {
  AtomBytesCache cache({}, std::make_shared<SteppingClock>(1'000));
  // In a thread of its own: the choice of what is timed is a fixed sequence of each thread.
  std::jthread([&cache] {
    for (std::uint64_t i = 0; i < 64; ++i) cache.get_or_load(at(i), [] { return payload(10); });
    for (std::uint64_t i = 0; i < 64 * 1'000; ++i) cache.get(at(i % 64));
  }).join();
  const CacheStats stats = cache.stats();
  EXPECT_EQ(stats.load_latency.samples, 64u);
  EXPECT_NEAR(static_cast<double>(stats.hit_latency.samples), 1'000.0, 100.0);
  for (const LatencyStats& latency : {stats.hit_latency, stats.load_latency}) {
    EXPECT_GE(latency.p50_ns, 1'000u);
    EXPECT_LE(latency.p99_ns, 1'063u);
  }
}

}  // namespace
}  // namespace protobase
