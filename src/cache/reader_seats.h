// How many threads read one stripe without writing to a line they share: each announces, in a seat
// of its own, which stripe it reads; a writer forbids reading this way and waits until no seat
// names it. (Dice and Kogan, "BRAVO: Biased Locking for Reader-Writer Locks", 2019, after the
// idea.)
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace protobase::cache {

/// What a thread keeps for itself over all caches: hints, never state that an answer depends on.
struct ThreadNotes {
  std::uint64_t random = 0;
  std::size_t seat = 0;  ///< 0: none chosen yet

  /// True for one call in 64, without a pattern: a thread that asks two caches in turn must not
  /// time only one of them. The sequence of a thread is always the same.
  bool is_sampled() noexcept {
    random = random * 6364136223846793005u + 1442695040888963407u;  // Knuth, MMIX
    return (random >> 58) == 0;
  }
};

inline ThreadNotes& thread_notes() noexcept {
  thread_local ThreadNotes notes;
  return notes;
}

/// The seats of one cache. Thread-safe.
class ReaderSeats final {
 public:
  class alignas(128) Seat final {
   public:
    /// False when another thread sits here. Ordered before every later load of this thread.
    bool take(const void* stripe) noexcept {
      const void* empty = nullptr;
      return stripe_.compare_exchange_strong(empty, stripe);
    }
    /// What this thread read happened before a writer that sees the seat empty.
    void leave() noexcept { stripe_.store(nullptr, std::memory_order_release); }

    /// Only while seated: one thread at a time, so that no locked instruction is needed.
    void count(bool hit) noexcept {
      std::atomic<std::uint64_t>& counter = hit ? hits_ : misses_;
      counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

   private:
    friend class ReaderSeats;
    std::atomic<const void*> stripe_{nullptr};
    std::atomic<std::uint64_t> hits_{0};
    std::atomic<std::uint64_t> misses_{0};
  };

  /// This thread's seat, taken for `stripe`; or null when another thread sits on it: then this
  /// thread tries another one the next time.
  Seat* take(ThreadNotes& notes, const void* stripe) noexcept {
    if (notes.seat == 0) notes.seat = first_choice(notes);
    Seat& seat = seats_[notes.seat % kSeats];
    if (seat.take(stripe)) return &seat;
    notes.seat = notes.seat * 5 + 1;
    return nullptr;
  }

  /// Returns when no reader is at `stripe`. Precondition: `stripe` lets nobody in this way any
  /// more, by a sequentially consistent store.
  void wait_until_left(const void* stripe) const noexcept {
    for (const Seat& seat : seats_) {
      while (seat.stripe_.load() == stripe) std::this_thread::yield();
    }
  }

  std::uint64_t hits() const noexcept {
    std::uint64_t sum = 0;
    for (const Seat& seat : seats_) sum += seat.hits_.load(std::memory_order_relaxed);
    return sum;
  }
  std::uint64_t misses() const noexcept {
    std::uint64_t sum = 0;
    for (const Seat& seat : seats_) sum += seat.misses_.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static constexpr std::size_t kSeats = 32;

  // Threads' own storage lies at different addresses; the product spreads them.
  static std::size_t first_choice(const ThreadNotes& notes) noexcept {
    return static_cast<std::size_t>(
               (reinterpret_cast<std::uintptr_t>(&notes) * 0x9E3779B97F4A7C15ull) >> 40) |
           1;
  }

  std::array<Seat, kSeats> seats_;
};

}  // namespace protobase::cache
