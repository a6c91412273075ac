// One function for many items, spread over a pool's threads and the calling one.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <latch>
#include <mutex>
#include <span>

#include "engine/worker_pool.h"

namespace protobase::engine {

/// `get(item)` for all items, spread over the pool's threads and this one. Throws the first failure
/// in order.
template <typename Item, typename Get>
void for_all(WorkerPool& pool, std::span<Item> items, Get get) {
  // Large enough to be worth a thread's while, small enough to keep all of them busy.
  const std::size_t slice = std::clamp<std::size_t>(items.size() / (pool.workers() + 1), 1, 16);
  std::atomic<std::size_t> next{0};
  std::mutex failure_mutex;
  std::exception_ptr failure;
  std::size_t failed_at = items.size();
  const auto work = [&] {
    for (std::size_t begin; (begin = next.fetch_add(slice)) < items.size();) {
      const std::size_t end = std::min(begin + slice, items.size());
      for (std::size_t i = begin; i < end; ++i) {
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
  const std::size_t helpers = std::min<std::size_t>(slices, pool.workers() + 1) - (slices > 0);
  std::latch done(static_cast<std::ptrdiff_t>(helpers));
  for (std::size_t i = 0; i < helpers; ++i) {
    try {
      pool.submit([&] {
        work();
        done.count_down();
      });
    } catch (const std::exception&) {
      // Closed meanwhile, or out of threads or memory. Those who run already use this frame, so it
      // waits for them; this thread does what is left, or fails in work() with the same error.
      done.count_down(static_cast<std::ptrdiff_t>(helpers - i));
      break;
    }
  }
  work();
  done.wait();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace protobase::engine
