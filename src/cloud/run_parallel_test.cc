#include "cloud/run_parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <string>

#include "testing/no_more_threads.h"

namespace protobase::cloud {
namespace {

TEST(RunParallel, EachOnceWithAnyNumberOfThreads) {
  for (const unsigned threads : {1u, 3u, 100u}) {
    std::atomic<std::size_t> sum{0};
    run_parallel(0, threads, [&](std::size_t) { FAIL() << "there is nothing to do"; });
    run_parallel(50, threads, [&](std::size_t index) { sum += index + 1; });
    EXPECT_EQ(sum, 1275u) << threads;
  }
}

TEST(RunParallel, SideBySide) {
  std::latch all_here(4);
  run_parallel(4, 4, [&](std::size_t) { all_here.arrive_and_wait(); });
}

TEST(RunParallel, TheFirstFailureEndsItAndIsThrown) {
  std::atomic<int> done{0};
  const auto work = [&](std::size_t index) {
    if (index % 10 == 5) throw std::runtime_error("of " + std::to_string(index));
    ++done;
  };
  EXPECT_THROW(run_parallel(1000, 3, work), std::runtime_error);
  EXPECT_LE(done, 5 + 2 * 9) << "each of the others may do what lies before its own failure";
}

TEST(RunParallel, AloneWhereNoThreadCanBeStarted) {
  const testing::NoMoreThreads none;
  int done = 0;
  run_parallel(10, 4, [&](std::size_t) { ++done; });
  EXPECT_EQ(done, 10);
}

}  // namespace
}  // namespace protobase::cloud
