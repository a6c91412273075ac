// What both atom caches are made of: stripes with a lock each, single flight, counters and
// latencies. Invariants: a stripe's share of entries and bytes is its own, so the sums never exceed
// the limits; values are destroyed, and loaders run, with no lock held.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/latency_histogram.h"
#include "cache/cache_options.h"
#include "cache/reader_seats.h"
#include "cache/segmented_stripe.h"
#include "cache/single_flight.h"
#include "cache/stripe_mutex.h"
#include "os/clock.h"
#include "protobase/atom_cache.h"

namespace protobase::cache {

/// Thread-safe. `Value` is a cheap handle: default-constructible, copied on a hit, moved without
/// throwing. `charge_of(value)` gives the bytes of heap a value holds.
template <typename Key, typename Value, typename Hash, std::size_t (*charge_of)(const Value&),
          auto places_of>
class StripedCache final {
 public:
  /// Throws ValidationError when an option is out of range.
  StripedCache(const AtomCacheOptions& options, std::shared_ptr<os::Clock> clock)
      : clock_(clock ? std::move(clock) : os::system_clock()) {
    validate(options);
    if (options.max_entries == 0 || options.max_bytes == 0) return;
    const std::size_t count = stripe_count(options);
    stripe_shift_ = 64 - static_cast<unsigned>(std::countr_zero(count));
    stripes_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      stripes_.push_back(std::make_unique<Stripe>(limits_of_stripe(options, count, i)));
    }
  }
  StripedCache(const StripedCache&) = delete;
  StripedCache& operator=(const StripedCache&) = delete;

  bool enabled() const noexcept { return !stripes_.empty(); }

  std::optional<Value> get(const Key& key) {
    if (!enabled()) return std::nullopt;
    ThreadNotes& notes = thread_notes();
    if (!notes.is_sampled()) return look_up(key, notes);
    const std::uint64_t start_ns = clock_->monotonic_ns();
    std::optional<Value> found = look_up(key, notes);
    if (found) hit_latency_.record(clock_->monotonic_ns() - start_ns);
    return found;
  }

  /// True when the value was taken in.
  bool put(const Key& key, Value value) {
    if (!enabled()) return false;
    const std::size_t charge = charge_of(value);
    const std::uint64_t hash = Hash{}(key);
    Stripe& stripe = stripe_of(hash);
    for (;;) {
      EvictedValues<Value> evicted;
      const PutOutcome outcome = stripe.put(seats_, key, hash, value, charge, evicted);
      if (outcome != PutOutcome::kMoreRoom) return outcome == PutOutcome::kInserted;
    }
  }

  /// After a get that missed: joins the load of this key or runs `loader`, and keeps what it gives.
  template <typename Loader>
  Value load(const Key& key, const Loader& loader) {
    if (!enabled()) return loader();
    return flights_.run(key, [&] {
      // Another flight may have landed between the miss and here.
      if (std::optional<Value> found = peek(key)) return *std::move(found);
      Value value = run_timed(loader);
      put(key, value);
      return value;
    });
  }

  void clear() {
    for (const auto& stripe : stripes_) stripe->clear(seats_);
  }

  CacheStats stats() const {
    CacheStats stats;
    stats.enabled = enabled();
    for (const auto& stripe : stripes_) stripe->add_to(stats);
    stats.hits += seats_.hits();
    stats.misses += seats_.misses();
    stats.loads = load_latency_.count();
    stats.load_failures = load_failures_.load(std::memory_order_relaxed);
    stats.load_waits = flights_.waits();
    stats.hit_latency = summary(hit_latency_);
    stats.load_latency = summary(load_latency_);
    return stats;
  }

 private:
  using Entries = SegmentedStripe<Key, Value, Hash, places_of>;

  // A stripe that was only read for a while lets readers in by their seats; a write ends that. So
  // readers of hot entries share no line that any of them writes, and writers pay for it rarely.
  class alignas(128) Stripe final {
   public:
    explicit Stripe(const StripeLimits& limits) : entries_(limits), limits_(limits) {}

    std::optional<Value> get(ReaderSeats& seats, ThreadNotes& notes, const Key& key,
                             std::uint64_t hash) {
      fetch_slot(hash);
      std::optional<Value> found;
      if (ReaderSeats::Seat* seat = enter(seats, notes)) {
        copy(entries_.find(key, hash), found);
        seat->count(found.has_value());
        seat->leave();
        return found;
      }
      const std::lock_guard lock(mutex_);
      copy(entries_.find(key, hash), found);
      ++(found ? hits_ : misses_);
      if (++reads_since_write_ >= kReadsToOpen) open_.store(true);
      return found;
    }

    std::optional<Value> peek(const Key& key, std::uint64_t hash) {
      std::optional<Value> found;
      const std::lock_guard lock(mutex_);
      copy(entries_.find(key, hash), found);
      return found;
    }

    PutOutcome put(ReaderSeats& seats, const Key& key, std::uint64_t hash, Value& value,
                   std::size_t charge, EvictedValues<Value>& evicted) {
      fetch_slot(hash);
      const std::lock_guard lock(mutex_);
      close(seats);
      const PutOutcome outcome = entries_.put(key, hash, value, charge, evicted);
      evictions_ += evicted.count();
      remember_table();
      if (outcome == PutOutcome::kInserted) ++insertions_;
      if (outcome == PutOutcome::kRejected) ++rejections_;
      return outcome;
    }

    void clear(ReaderSeats& seats) {
      Entries old(limits_);
      const std::lock_guard lock(mutex_);
      close(seats);
      std::swap(old, entries_);
      remember_table();
    }

    void add_to(CacheStats& stats) const {
      const std::lock_guard lock(mutex_);
      stats.hits += hits_;
      stats.misses += misses_;
      stats.insertions += insertions_;
      stats.evictions += evictions_;
      stats.rejections += rejections_;
      stats.entries += entries_.entries();
      stats.bytes += entries_.bytes();
    }

   private:
    using Slot = typename Entries::Table::Slot;

    // Closing looks at every seat; after so many reads that is nothing.
    static constexpr std::uint32_t kReadsToOpen = 256;

    static void copy(const Value* from, std::optional<Value>& to) noexcept {
      if (from != nullptr) to.emplace(*from);
    }

    // While the seat is taken the slot comes nearer: a locked instruction lets no later load begin.
    // A table that was replaced meanwhile is never read here, only its address. Always inlined: g++
    // 12 takes a function that only fetches for one without effect, and drops it.
    [[gnu::always_inline]] inline void fetch_slot(std::uint64_t hash) const noexcept {
      const std::uint64_t at = hash & mask_.load(std::memory_order_relaxed);
      const std::uintptr_t table = table_.load(std::memory_order_relaxed);
      __builtin_prefetch(reinterpret_cast<const void*>(table + at * sizeof(Slot)));
    }

    void remember_table() noexcept {
      table_.store(reinterpret_cast<std::uintptr_t>(entries_.table().slots()),
                   std::memory_order_relaxed);
      mask_.store(static_cast<std::uint32_t>(entries_.table().mask()), std::memory_order_relaxed);
    }

    // Seat first, then the look at open_: whoever closes stores open_ first and looks at the seats
    // then, so that one of the two sees the other.
    ReaderSeats::Seat* enter(ReaderSeats& seats, ThreadNotes& notes) noexcept {
      if (!open_.load(std::memory_order_relaxed)) return nullptr;
      ReaderSeats::Seat* seat = seats.take(notes, this);
      if (seat == nullptr || open_.load()) return seat;
      seat->leave();
      return nullptr;
    }

    // Precondition: the mutex is held. Afterwards this thread alone is at the entries.
    void close(const ReaderSeats& seats) noexcept {
      reads_since_write_ = 0;
      if (!open_.load(std::memory_order_relaxed)) return;
      open_.store(false);
      seats.wait_until_left(this);
    }

    mutable StripeMutex mutex_;
    std::atomic<bool> open_{false};  // changes under the mutex
    std::atomic<std::uint32_t> mask_{0};
    std::atomic<std::uintptr_t> table_{0};
    Entries entries_;
    std::uint32_t reads_since_write_ = 0;
    std::uint64_t hits_ = 0;  // of reads under the mutex; the seats count the others
    std::uint64_t misses_ = 0;
    std::uint64_t insertions_ = 0;
    std::uint64_t evictions_ = 0;
    std::uint64_t rejections_ = 0;
    const StripeLimits limits_;
  };

  Stripe& stripe_of(std::uint64_t hash) noexcept {
    return *stripes_[stripe_shift_ == 64 ? 0 : hash >> stripe_shift_];
  }

  std::optional<Value> look_up(const Key& key, ThreadNotes& notes) {
    const std::uint64_t hash = Hash{}(key);
    return stripe_of(hash).get(seats_, notes, key, hash);
  }

  std::optional<Value> peek(const Key& key) {
    const std::uint64_t hash = Hash{}(key);
    return stripe_of(hash).peek(key, hash);
  }

  template <typename Loader>
  Value run_timed(const Loader& loader) {
    const std::uint64_t start_ns = clock_->monotonic_ns();
    try {
      Value value = loader();
      load_latency_.record(clock_->monotonic_ns() - start_ns);
      return value;
    } catch (...) {
      load_latency_.record(clock_->monotonic_ns() - start_ns);
      load_failures_.fetch_add(1, std::memory_order_relaxed);
      throw;
    }
  }

  static LatencyStats summary(const base::LatencyHistogram& latency) {
    return {.samples = latency.count(),
            .p50_ns = latency.quantile_ns(0.50),
            .p95_ns = latency.quantile_ns(0.95),
            .p99_ns = latency.quantile_ns(0.99)};
  }

  const std::shared_ptr<os::Clock> clock_;
  unsigned stripe_shift_ = 64;
  std::vector<std::unique_ptr<Stripe>> stripes_;  // empty: the cache is off
  ReaderSeats seats_;
  SingleFlight<Key, Value, Hash> flights_;
  std::atomic<std::uint64_t> load_failures_{0};
  base::LatencyHistogram hit_latency_;
  base::LatencyHistogram load_latency_;
};

}  // namespace protobase::cache
