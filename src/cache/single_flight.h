// One load for all who ask for the same thing at the same time: the first runs it, the others wait.
// Invariants: no lock is held while a load runs; a flight is listed exactly while its load runs, so
// there are never more flights than threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "protobase/errors.h"

namespace protobase::cache {

/// Thread-safe. `Value` is copied once for each thread that waits.
template <typename Key, typename Value, typename Hash>
class SingleFlight final {
 public:
  SingleFlight() = default;
  SingleFlight(const SingleFlight&) = delete;
  SingleFlight& operator=(const SingleFlight&) = delete;

  /// What `load` (`Value()`) gives in this thread, or in the thread that is loading `key` already.
  /// What it throws is thrown in every thread of the flight. Throws UnexpectedError when `load`, in
  /// its own thread, asks for `key` again: it would wait for itself.
  template <typename Load>
  Value run(const Key& key, Load&& load) {
    std::shared_ptr<Flight> flight;
    {
      std::unique_lock lock(mutex_);
      const auto [at, first] = flights_.try_emplace(key);
      if (!first) return wait(lock, at->second);
      try {
        flight = at->second = std::make_shared<Flight>();
      } catch (...) {
        flights_.erase(at);
        throw;
      }
    }
    return lead(key, *flight, load);
  }

  /// How many calls waited for another thread's load, since the start.
  std::uint64_t waits() const {
    const std::lock_guard lock(mutex_);
    return waits_;
  }
  /// Loads that run now.
  std::size_t in_flight() const {
    const std::lock_guard lock(mutex_);
    return flights_.size();
  }

 private:
  struct Flight {
    const std::thread::id leader = std::this_thread::get_id();
    std::condition_variable landed;
    std::optional<Value> value;
    std::exception_ptr error;
  };

  // The flight is kept by value: it outlives its entry in the map.
  Value wait(std::unique_lock<std::mutex>& lock, std::shared_ptr<Flight> flight) {
    if (flight->leader == std::this_thread::get_id()) {
      throw UnexpectedError("a cache loader asks for the key it is loading");
    }
    ++waits_;
    flight->landed.wait(lock, [&] { return flight->value || flight->error; });
    if (flight->error) std::rethrow_exception(flight->error);
    return *flight->value;
  }

  template <typename Load>
  Value lead(const Key& key, Flight& flight, Load& load) {
    try {
      Value value = load();
      land(key, flight, value, nullptr);
      return value;
    } catch (...) {
      land(key, flight, std::nullopt, std::current_exception());
      throw;
    }
  }

  void land(const Key& key, Flight& flight, std::optional<Value> value,
            std::exception_ptr error) noexcept {
    const std::lock_guard lock(mutex_);
    flight.value = std::move(value);
    flight.error = std::move(error);
    flights_.erase(key);
    flight.landed.notify_all();
  }

  mutable std::mutex mutex_;
  std::unordered_map<Key, std::shared_ptr<Flight>, Hash> flights_;
  std::uint64_t waits_ = 0;
};

}  // namespace protobase::cache
