// Many ask, one loads; all get what it got, good or bad, and the next to ask starts afresh.
#include "cache/single_flight.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace protobase::cache {
namespace {

using Flights = SingleFlight<int, std::string, std::hash<int>>;
constexpr int kThreads = 16;

// Runs `ask` in 16 threads.
template <typename Ask>
void in_threads(Ask ask) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([ask, i] { ask(i); });
}

// Holds a load until all other threads wait for it, so that a test can fail but not flicker.
void wait_for_all_others(const Flights& flights) {
  while (flights.waits() < kThreads - 1) std::this_thread::yield();
}

TEST(SingleFlight, RunsOneLoadForAllWhoAskMeanwhile) {
  Flights flights;
  std::atomic<int> loads{0};
  std::atomic<int> answers{0};
  in_threads([&](int) {
    const std::string value = flights.run(1, [&] {
      ++loads;
      wait_for_all_others(flights);
      return std::string("loaded");
    });
    if (value == "loaded") ++answers;
  });
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(answers, kThreads);
  EXPECT_EQ(flights.waits(), std::uint64_t{kThreads - 1});
  EXPECT_EQ(flights.in_flight(), 0u);
}

TEST(SingleFlight, ThrowsWhatTheLoadThrewInEveryThread) {
  Flights flights;
  std::atomic<int> loads{0};
  std::atomic<int> failures{0};
  in_threads([&](int) {
    try {
      flights.run(1, [&]() -> std::string {
        ++loads;
        wait_for_all_others(flights);
        throw std::runtime_error("disk gone");
      });
    } catch (const std::runtime_error& error) {
      if (std::string(error.what()) == "disk gone") ++failures;
    }
  });
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(failures, kThreads);
  EXPECT_EQ(flights.run(1, [] { return std::string("back again"); }), "back again");
}

TEST(SingleFlight, LoadsOfDifferentKeysRunSideBySide) {
  Flights flights;
  std::atomic<int> loading{0};
  in_threads([&](int key) {
    flights.run(key, [&] {
      ++loading;
      while (loading < kThreads) std::this_thread::yield();
      return std::string();
    });
  });
  EXPECT_EQ(loading, kThreads);
  EXPECT_EQ(flights.waits(), 0u);
}

TEST(SingleFlight, KeepsNothing) {
  Flights flights;
  int loads = 0;
  for (int i = 0; i < 3; ++i) flights.run(1, [&] { return std::to_string(++loads); });
  EXPECT_EQ(loads, 3);
}

TEST(SingleFlight, RefusesALoadThatWaitsForItself) {
  Flights flights;
  const auto load_itself = [&] { return flights.run(1, [] { return std::string("never"); }); };
  EXPECT_THROW(flights.run(1, load_itself), UnexpectedError);
  EXPECT_EQ(flights.in_flight(), 0u);
}

TEST(SingleFlight, LetsALoadAskForAnotherKey) {
  Flights flights;
  const auto load_other = [&] { return flights.run(2, [] { return std::string("two"); }); };
  EXPECT_EQ(flights.run(1, load_other), "two");
}

}  // namespace
}  // namespace protobase::cache
