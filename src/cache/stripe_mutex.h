// The lock of one stripe: four bytes beside the data it guards. Held for tens of nanoseconds, so it
// spins a little before it sleeps: waking a sleeper costs a hundred times what it would wait for.
#pragma once

#include <atomic>

namespace protobase::cache {

/// The standard's BasicLockable; not recursive.
class StripeMutex final {
 public:
  StripeMutex() = default;
  StripeMutex(const StripeMutex&) = delete;
  StripeMutex& operator=(const StripeMutex&) = delete;

  void lock() noexcept {
    if (!take_if_free()) wait_for_it();
  }
  void unlock() noexcept {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) state_.notify_one();
  }

 private:
  static constexpr int kFree = 0;
  static constexpr int kLocked = 1;
  static constexpr int kAwaited = 2;  // locked, and someone may sleep on it
  static constexpr int kSpins = 100;

  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }

  // Never overwrites kAwaited: a sleeper's mark that gets lost is a sleeper never woken.
  bool take_if_free() noexcept {
    int expected = kFree;
    return state_.compare_exchange_strong(expected, kLocked, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }

  [[gnu::noinline]] void wait_for_it() noexcept {
    for (int i = 0; i < kSpins; ++i) {
      if (state_.load(std::memory_order_relaxed) == kFree && take_if_free()) return;
      pause();
    }
    // Whoever slept takes the lock as awaited: others may still sleep.
    while (state_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
      state_.wait(kAwaited, std::memory_order_relaxed);
    }
  }

  std::atomic<int> state_{kFree};
};

}  // namespace protobase::cache
