// A few threads for reads that may run side by side. Started by the first task.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace protobase::engine {

/// Thread-safe. Tasks must not throw. The destructor runs what is queued, then joins.
class WorkerPool {
 public:
  explicit WorkerPool(unsigned workers) : workers_(workers) {}
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Waits while 64 tasks a worker are queued. Throws ValidationError after stop(), UnexpectedError
  /// when not one thread can be started.
  void submit(std::function<void()> task);
  /// The same, but does not wait: false when so many are queued.
  bool try_submit(std::function<void()> task);
  /// Finishes what is queued and joins. Idempotent; not from a worker.
  void stop();
  unsigned workers() const noexcept { return workers_; }

 private:
  bool has_room() const noexcept { return tasks_.size() < std::size_t{64} * workers_; }
  void push(std::function<void()> task);
  void start_thread();
  void run();

  const unsigned workers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable room_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace protobase::engine
