#include "engine/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <set>

#include "protobase/errors.h"

namespace protobase::engine {
namespace {

TEST(WorkerPool, RunsEveryTask) {
  std::atomic<int> sum{0};
  {
    WorkerPool pool(3);
    for (int i = 1; i <= 1000; ++i) pool.submit([&, i] { sum += i; });
  }
  EXPECT_EQ(sum, 500'500);
}

TEST(WorkerPool, RunsAsManyAtOnceAsItHasWorkers) {
  WorkerPool pool(4);
  std::latch all_here(4);
  for (int i = 0; i < 4; ++i) pool.submit([&] { all_here.arrive_and_wait(); });
  pool.stop();  // would wait for ever if one had to wait for another
}

TEST(WorkerPool, NeverMoreThanItHasWorkers) {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  WorkerPool pool(2);
  for (int i = 0; i < 50; ++i) {
    pool.submit([&] {
      const int now = ++running;
      int seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      --running;
    });
  }
  pool.stop();
  EXPECT_LE(most, 2);
}

TEST(WorkerPool, TheQueueIsBounded) {
  WorkerPool pool(1);
  std::latch release(1);
  std::atomic<int> submitted{0};
  pool.submit([&] { release.wait(); });
  std::jthread submitter([&] {
    for (int i = 0; i < 200; ++i) {
      pool.submit([] {});
      ++submitted;
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(submitted, 65) << "64 a worker, and one that may have just begun";
  release.count_down();
  submitter.join();
  EXPECT_EQ(submitted, 200);
}

TEST(WorkerPool, StoppedItFinishesWhatIsQueuedAndTakesNoMore) {
  std::atomic<int> done{0};
  WorkerPool pool(1);
  for (int i = 0; i < 20; ++i) pool.submit([&] { ++done; });
  pool.stop();
  pool.stop();
  EXPECT_EQ(done, 20);
  EXPECT_THROW(pool.submit([] {}), ValidationError);
}

}  // namespace
}  // namespace protobase::engine
