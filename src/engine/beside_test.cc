#include "engine/beside.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "testing/no_more_threads.h"

namespace protobase::engine {
namespace {

TEST(Beside, RunsOnceWhetherAThreadTakesItOrNot) {
  for (const unsigned workers : {0u, 1u}) {
    WorkerPool pool(workers);
    int runs = 0;
    Beside<int> beside(pool, [&] { return ++runs; });
    EXPECT_EQ(beside.get(), 1);
    EXPECT_EQ(runs, 1);
  }
}

TEST(Beside, AFailureIsThrownByGet) {
  WorkerPool pool(1);
  Beside<int> beside(pool, []() -> int { throw std::runtime_error("beside"); });
  EXPECT_THROW(beside.get(), std::runtime_error);
}

TEST(Beside, WithoutAThreadToBeHadTheCallerDoesIt) {
  WorkerPool pool(1);
  const testing::NoMoreThreads no_more;
  Beside<int> beside(pool, [] { return 5; });
  EXPECT_EQ(beside.get(), 5);
}

TEST(Beside, AfterThePoolWasStoppedTheCallerDoesIt) {
  WorkerPool pool(1);
  pool.stop();
  Beside<int> beside(pool, [] { return 5; });
  EXPECT_EQ(beside.get(), 5);
}

}  // namespace
}  // namespace protobase::engine
