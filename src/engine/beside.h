// One function on a pool's thread while the caller goes on.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "engine/worker_pool.h"

namespace protobase::engine {

/// A thread of the pool that has begun is waited for in any case, so the function may use what the
/// caller's frame holds. None that has not: the caller may be one of the pool's itself, or hold a
/// lock that all of them wait for.
template <typename Result>
class Beside final {
 public:
  /// `function` empty: nothing is run. What no thread of the pool has begun yet runs in get().
  Beside(WorkerPool& pool, std::function<Result()> function) {
    if (!function) return;
    work_ = std::make_shared<Work>(std::move(function));
    if (pool.workers() == 0) return;
    try {
      pool.try_submit([work = work_] { work->run_once(); });
    } catch (const std::exception&) {
      // Closed meanwhile, or out of threads or memory: get() does it alone.
    }
  }
  ~Beside() {
    if (work_ && work_->is_begun.exchange(true) && work_->result.valid()) work_->result.wait();
  }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;

  /// What it returned or threw. Once. Precondition: there was a function.
  Result get() {
    work_->run_once();
    return work_->result.get();
  }

 private:
  struct Work {
    explicit Work(std::function<Result()> function) : task(std::move(function)) {}
    void run_once() {
      if (!is_begun.exchange(true)) task();
    }

    std::packaged_task<Result()> task;
    std::future<Result> result = task.get_future();
    std::atomic<bool> is_begun{false};
  };

  std::shared_ptr<Work> work_;
};

}  // namespace protobase::engine
