#include "engine/for_all.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace protobase::engine {
namespace {

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 1);
  return all;
}

int sum_up(WorkerPool& pool, int count) {
  std::vector<int> items = numbers(count);
  std::atomic<int> sum{0};
  for_all(pool, std::span(items), [&](int item) { sum += item; });
  return sum;
}

TEST(ForAll, EveryItemOnceWithAnyNumberOfThreads) {
  for (const unsigned workers : {0u, 1u, 4u}) {
    WorkerPool pool(workers);
    EXPECT_EQ(sum_up(pool, 0), 0);
    EXPECT_EQ(sum_up(pool, 1), 1);
    EXPECT_EQ(sum_up(pool, 1000), 500'500);
  }
}

TEST(ForAll, RunsSideBySide) {
  WorkerPool pool(3);
  std::vector<int> items = numbers(4);
  std::latch all_here(4);
  for_all(pool, std::span(items), [&](int) { all_here.arrive_and_wait(); });
}

TEST(ForAll, TheFirstFailureInOrderIsThrownAndWhatLiesBeforeItIsDone) {
  WorkerPool pool(2);
  std::vector<int> items = numbers(100);
  std::atomic<int> done{0};
  try {
    for_all(pool, std::span(items), [&](int item) {
      if (item % 30 == 0) throw std::runtime_error(std::to_string(item));
      if (item < 30) ++done;
    });
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "30");
  }
  EXPECT_EQ(done, 29);
}

TEST(ForAll, NothingIsBegunBehindAFailure) {
  WorkerPool pool(0);
  std::vector<int> items = numbers(100);
  int begun = 0;
  EXPECT_THROW(for_all(pool, std::span(items),
                       [&](int item) {
                         ++begun;
                         if (item == 5) throw std::runtime_error("5");
                       }),
               std::runtime_error);
  EXPECT_EQ(begun, 5);
}

// Each of these would wait for ever if it waited for a task that is queued behind it.

TEST(ForAll, CalledByThePoolsOnlyThread) {
  WorkerPool pool(1);
  std::promise<int> sum;
  pool.submit([&] { sum.set_value(sum_up(pool, 100)); });
  EXPECT_EQ(sum.get_future().get(), 5050);
}

TEST(ForAll, CalledByAllThreadsOfThePoolInsideAnother) {
  WorkerPool pool(3);
  std::vector<int> items(4);
  std::latch all_here(4);
  for_all(pool, std::span(items), [&](int& item) {
    all_here.arrive_and_wait();
    item = sum_up(pool, 100);
  });
  for (const int item : items) EXPECT_EQ(item, 5050);
}

TEST(ForAll, DoesItAloneWhenTheQueueIsFull) {
  WorkerPool pool(1);
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  pool.submit([released] { released.wait(); });
  while (pool.try_submit([] {})) {
  }
  EXPECT_EQ(sum_up(pool, 100), 5050);
  release.set_value();
}

TEST(ForAll, ReturnsBeforeAHelperThatIsStillQueued) {
  WorkerPool pool(1);
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  pool.submit([released] { released.wait(); });
  EXPECT_EQ(sum_up(pool, 100), 5050);
  release.set_value();
  pool.stop();  // runs what was left in the queue
}

}  // namespace
}  // namespace protobase::engine
