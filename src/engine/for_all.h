// One function for many items, spread over a pool's threads and the calling one.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <span>

#include "engine/worker_pool.h"

namespace protobase::engine {

/// Who works on what lies in a caller's frame: nobody who comes after dismiss(), so that the caller
/// never waits for a task that is still queued, maybe behind the caller itself.
class Helpers final {
 public:
  bool join() {
    const std::lock_guard lock(mutex_);
    if (!is_dismissed_) ++working_;
    return !is_dismissed_;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    if (--working_ == 0) idle_.notify_all();
  }
  void dismiss() {
    std::unique_lock lock(mutex_);
    is_dismissed_ = true;
    idle_.wait(lock, [&] { return working_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  unsigned working_ = 0;
  bool is_dismissed_ = false;
};

/// `get(item)` for all items, spread over the pool's threads and this one, which may be one of the
/// pool's. Throws the first failure in order; items behind one are left out unless they have begun,
/// as each may take as long as that one did.
template <typename Item, typename Get>
void for_all(WorkerPool& pool, std::span<Item> items, Get get) {
  // Large enough to be worth a thread's while, small enough to keep all of them busy.
  const std::size_t slice = std::clamp<std::size_t>(items.size() / (pool.workers() + 1), 1, 16);
  std::atomic<std::size_t> next{0};
  std::mutex failure_mutex;
  std::exception_ptr failure;
  std::atomic<std::size_t> failed_at{items.size()};
  const auto work = [&] {
    for (std::size_t begin; (begin = next.fetch_add(slice)) < items.size();) {
      const std::size_t end = std::min(begin + slice, items.size());
      for (std::size_t i = begin; i < end && i < failed_at; ++i) {
        try {
          get(items[i]);
        } catch (const std::exception&) {
          const std::lock_guard lock(failure_mutex);
          if (i < failed_at) {
            failed_at = i;
            failure = std::current_exception();
          }
        }
      }
    }
  };
  const std::size_t slices = (items.size() + slice - 1) / slice;
  const std::size_t wanted = std::min<std::size_t>(slices, pool.workers() + 1) - (slices > 0);
  const auto helpers = wanted > 0 ? std::make_shared<Helpers>() : nullptr;
  try {
    for (std::size_t i = 0; i < wanted; ++i) {
      const bool is_queued = pool.try_submit([helpers, &work] {
        if (!helpers->join()) return;
        work();
        helpers->leave();
      });
      if (!is_queued) break;
    }
  } catch (const std::exception&) {
    // Closed meanwhile, or out of threads or memory: this thread does what is left, or fails in
    // work() with the same error.
  }
  work();
  if (helpers) helpers->dismiss();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace protobase::engine
