// Many reads in flight at once from one thread, by io_uring: what read_many of the machine's own
// file system stands on. Built without liburing, or where the kernel gives no ring, it reads
// nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "os/file_system.h"

namespace protobase::os {

/// A FileRead, the descriptor to read from, and what became of it.
struct RingRead {
  FileRead* read = nullptr;
  int descriptor = -1;
  int result = 0;  ///< as pread's, or a negative errno; 0 too when it was not tried
};

/// Rings, each used by one thread at a time, made as threads need them and kept. Thread-safe.
class RingPool final {
 public:
  RingPool();
  ~RingPool();
  RingPool(const RingPool&) = delete;
  RingPool& operator=(const RingPool&) = delete;

  /// Reads all of them, together as far as a ring has room, and returns when none is in flight any
  /// more. Each counts for itself. When every ring is in use nothing is tried. False: there is no
  /// ring here, now or later.
  bool read(std::span<RingRead> reads);

 private:
  class Ring;

  std::unique_ptr<Ring> take();
  void give_back(std::unique_ptr<Ring> ring, bool usable);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Ring>> idle_;
  std::size_t rings_ = 0;      ///< idle or in use
  std::size_t max_rings_ = 0;  ///< less than at first when the kernel refused one
};

}  // namespace protobase::os
