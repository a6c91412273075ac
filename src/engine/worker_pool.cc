#include "engine/worker_pool.h"

#include <string>
#include <system_error>
#include <utility>

#include "protobase/errors.h"

namespace protobase::engine {

void WorkerPool::submit(std::function<void()> task) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return stopping_ || has_room(); });
  push(std::move(task));
}

bool WorkerPool::try_submit(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (!stopping_ && !has_room()) return false;
  push(std::move(task));
  return true;
}

void WorkerPool::push(std::function<void()> task) {
  if (stopping_) throw ValidationError("the storage is closed");
  if (threads_.size() < workers_) start_thread();
  tasks_.push_back(std::move(task));
  changed_.notify_one();
}

void WorkerPool::start_thread() {
  try {
    threads_.emplace_back([this] { run(); });
  } catch (const std::system_error& error) {
    if (!threads_.empty()) return;  // those that run will do
    throw UnexpectedError(std::string("no worker thread can be started: ") + error.what());
  }
}

void WorkerPool::stop() {
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  changed_.notify_all();
  room_.notify_all();
  threads.clear();  // joins
}

void WorkerPool::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    room_.notify_one();
    task();
    lock.lock();
  }
}

}  // namespace protobase::engine
