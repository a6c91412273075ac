// Memory for what is about to be filled at once: the kernel is asked for large pages, which it
// clears and maps in one step where small ones would cost a page fault for every 4 KiB.
#pragma once

#include <cstddef>
#include <memory>

namespace protobase::os {

inline constexpr std::size_t kLargePage = std::size_t{2} << 20;

/// Gives out memory a large page at a time. What comes back is kept for the next who asks, up to a
/// limit: clearing pages costs the kernel more than filling them costs us. Thread-safe; memory may
/// outlive it.
class LargePages final {
 public:
  /// Keeps at most `max_spare` pages that nobody uses.
  explicit LargePages(std::size_t max_spare);

  /// kLargePage bytes, aligned to that, not initialised. Throws std::bad_alloc.
  std::shared_ptr<std::byte[]> take();

 private:
  class Spare;
  const std::shared_ptr<Spare> spare_;
};

/// Memory for large records, of any size. What comes back is kept for the next who asks for about
/// as much, because touching memory for the first time costs the kernel more than filling it costs
/// us. Of 8 MiB and more, the kernel may take it meanwhile. Thread-safe; memory may outlive it.
class SpareMemory final {
 public:
  /// Keeps at most `max_bytes` that nobody uses; the oldest go first.
  explicit SpareMemory(std::size_t max_bytes);

  /// `size` bytes or more, aligned to a page, not initialised. Throws std::bad_alloc.
  std::shared_ptr<std::byte[]> take(std::size_t size);

 private:
  class Kept;
  const std::shared_ptr<Kept> kept_;
};

}  // namespace protobase::os
