// A medium that can be made to stand still: between hold() and let_go() no write ends. Tells how
// many operations were written, how large they were, and how many threads were reading at once.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "testing/forwarding_block_provider.h"

namespace protobase::testing {

/// Thread-safe.
class SlowBlockProvider final : public ForwardingBlockProvider {
 public:
  using ForwardingBlockProvider::ForwardingBlockProvider;

  /// From here on a write waits before it touches the medium.
  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void let_go() {
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
    }
    changed_.notify_all();
  }
  /// Waits until a write stands still; false when none came within ten seconds.
  bool wait_until_stuck() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return stuck_ > 0; });
  }
  /// Every read takes this long, so that reads can be seen to overlap.
  void set_read_delay(std::chrono::milliseconds delay) {
    const std::lock_guard lock(mutex_);
    read_delay_ = delay;
  }

  std::uint64_t operations() const { return locked(operations_); }
  std::uint64_t largest_operation() const { return locked(largest_operation_); }
  std::uint64_t most_readers() const { return locked(most_readers_); }

  void write(const WALWriteOperation& operation) override {
    {
      std::unique_lock lock(mutex_);
      ++stuck_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return !held_; });
      --stuck_;
      ++operations_;
      largest_operation_ = std::max(largest_operation_, operation.size());
    }
    ForwardingBlockProvider::write(operation);
  }

  std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                   std::size_t at_least) override {
    std::unique_lock lock(mutex_);
    most_readers_ = std::max(most_readers_, ++readers_);
    if (read_delay_.count() > 0) changed_.wait_for(lock, read_delay_, [] { return false; });
    --readers_;
    lock.unlock();
    return ForwardingBlockProvider::read(wal, offset, out, at_least);
  }

 private:
  std::uint64_t locked(const std::uint64_t& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  int stuck_ = 0;
  std::chrono::milliseconds read_delay_{0};
  std::uint64_t readers_ = 0;
  std::uint64_t most_readers_ = 0;
  std::uint64_t operations_ = 0;
  std::uint64_t largest_operation_ = 0;
};

}  // namespace protobase::testing
