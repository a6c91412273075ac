// The requests of one client, counted where they are sent.
#pragma once

#include <atomic>
#include <cstdint>

#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// What a request is counted as.
enum class RequestKind { kPut, kGet, kList, kDelete };
/// Whether such a request changes nothing.
constexpr bool is_reading(RequestKind kind) noexcept {
  return kind == RequestKind::kGet || kind == RequestKind::kList;
}

/// Thread-safe. Each number is exact; several of them read together need not fit each other.
class RequestCounter final {
 public:
  /// `sent`: bytes of its body.
  void add(RequestKind kind, std::uint64_t sent = 0) noexcept {
    add(of(kind), 1);
    add(bytes_sent_, sent);
  }
  void add_received(std::uint64_t bytes) noexcept { add(bytes_received_, bytes); }

  CloudRequestCounts counts() const noexcept {
    return {.puts = puts_.load(std::memory_order_relaxed),
            .gets = gets_.load(std::memory_order_relaxed),
            .lists = lists_.load(std::memory_order_relaxed),
            .deletes = deletes_.load(std::memory_order_relaxed),
            .bytes_sent = bytes_sent_.load(std::memory_order_relaxed),
            .bytes_received = bytes_received_.load(std::memory_order_relaxed)};
  }

 private:
  using Counter = std::atomic<std::uint64_t>;
  Counter& of(RequestKind kind) noexcept {
    switch (kind) {
      case RequestKind::kPut: return puts_;
      case RequestKind::kList: return lists_;
      case RequestKind::kDelete: return deletes_;
      case RequestKind::kGet: break;
    }
    return gets_;
  }
  static void add(Counter& counter, std::uint64_t n) noexcept {
    counter.fetch_add(n, std::memory_order_relaxed);
  }

  Counter puts_{0};
  Counter gets_{0};
  Counter lists_{0};
  Counter deletes_{0};
  Counter bytes_sent_{0};
  Counter bytes_received_{0};
};

}  // namespace protobase::cloud
