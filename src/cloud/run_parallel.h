// A number of requests side by side, in threads of one call. Clients have no pool of their own: who
// calls them has one, whose threads may all be in such a call.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace protobase::cloud {

/// `work(i)` for all i below `count`, in up to `threads` threads, this one among them; in fewer
/// where no more can be started. The first failure ends it when what is under way has ended, and is
/// thrown.
template <typename Work>
void run_parallel(std::size_t count, unsigned threads, const Work& work) {
  std::mutex mutex;
  std::size_t next = 0;
  std::exception_ptr failure;
  const auto run = [&] {
    for (;;) {
      std::size_t index = 0;
      {
        const std::lock_guard lock(mutex);
        if (failure || next == count) return;
        index = next++;
      }
      try {
        work(index);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        return;
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    try {
      while (helpers.size() + 1 < std::min<std::size_t>(threads, count)) helpers.emplace_back(run);
    } catch (const std::system_error&) {
      // No more threads: those there are have to do.
    }
    run();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace protobase::cloud
