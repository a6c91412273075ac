// One function on a pool's thread while the caller goes on.
#pragma once

#include <functional>
#include <future>
#include <utility>

#include "engine/worker_pool.h"

namespace protobase::engine {

/// Waits for the function in any case, so it may use what the caller's frame holds.
template <typename Result>
class Beside final {
 public:
  /// `function` empty: nothing is run. A pool without threads runs it in get(). It must not wait
  /// for other tasks of the pool.
  Beside(WorkerPool& pool, std::function<Result()> function) {
    if (!function) return;
    task_ = std::packaged_task<Result()>(std::move(function));
    result_ = task_.get_future();
    if (pool.workers() == 0) return;
    pool.submit([this] { task_(); });
    is_submitted_ = true;
  }
  ~Beside() {
    if (is_submitted_ && result_.valid()) result_.wait();
  }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;

  /// What it returned or threw. Once. Precondition: there was a function.
  Result get() {
    if (!is_submitted_) task_();
    return result_.get();
  }

 private:
  std::packaged_task<Result()> task_;
  std::future<Result> result_;
  bool is_submitted_ = false;
};

}  // namespace protobase::engine
