#include "os/ring_pool.h"

#include <algorithm>
#include <utility>

#if PROTOBASE_HAVE_LIBURING
#include <liburing.h>

#include <cerrno>
#endif

namespace protobase::os {

#if PROTOBASE_HAVE_LIBURING

namespace {

// Memory of the kernel is bounded by these: 25 KB a ring. More threads at a time go another way.
constexpr std::size_t kMaxRings = 16;
constexpr unsigned kDepth = 256;
constexpr std::size_t kMaxReadSize = std::size_t{1} << 30;  // what the kernel has a type for

}  // namespace

/// Between two calls of read() a usable ring is empty.
class RingPool::Ring final {
 public:
  Ring() : works_(::io_uring_queue_init(kDepth, &ring_, 0) == 0) {}
  ~Ring() {
    if (works_) ::io_uring_queue_exit(&ring_);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  bool works() const noexcept { return works_; }

  /// Precondition: at most kDepth. False: the kernel took no more; the ring is of no further use.
  bool read(std::span<RingRead> reads) noexcept {
    for (RingRead& read : reads) prepare(read);
    std::size_t submitted = 0;
    std::size_t ended = 0;
    while (ended < reads.size()) {
      const int result =
          ::io_uring_submit_and_wait(&ring_, static_cast<unsigned>(reads.size() - ended));
      if (result > 0) submitted += static_cast<std::size_t>(result);
      ended += reap();
      if (result > 0 || result == -EINTR) continue;
      // Whatever else is wrong: the kernel writes into the callers' memory until the last has
      // ended.
      if (ended == submitted) return ended == reads.size();
      io_uring_cqe* any = nullptr;
      ::io_uring_wait_cqe(&ring_, &any);
    }
    return true;
  }

 private:
  void prepare(RingRead& read) noexcept {
    const auto out = read.read->out.first(std::min(read.read->out.size(), kMaxReadSize));
    io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);  // there is one: the ring was empty
    ::io_uring_prep_read(entry, read.descriptor, out.data(), static_cast<unsigned>(out.size()),
                         read.read->offset);
    ::io_uring_sqe_set_data(entry, &read);
  }

  /// Notes the results that are there; returns how many.
  unsigned reap() noexcept {
    unsigned count = 0;
    unsigned head = 0;
    io_uring_cqe* entry = nullptr;
    io_uring_for_each_cqe(&ring_, head, entry) {
      static_cast<RingRead*>(::io_uring_cqe_get_data(entry))->result = entry->res;
      ++count;
    }
    ::io_uring_cq_advance(&ring_, count);
    return count;
  }

  io_uring ring_{};
  const bool works_;
};

bool RingPool::read(std::span<RingRead> reads) {
  std::unique_ptr<Ring> ring = take();
  if (!ring) {
    const std::lock_guard lock(mutex_);
    return max_rings_ > 0;
  }
  bool usable = true;
  for (; usable && !reads.empty();
       reads = reads.subspan(std::min<std::size_t>(kDepth, reads.size()))) {
    usable = ring->read(reads.first(std::min<std::size_t>(kDepth, reads.size())));
  }
  give_back(std::move(ring), usable);
  return true;
}

std::unique_ptr<RingPool::Ring> RingPool::take() {
  const std::lock_guard lock(mutex_);
  if (!idle_.empty()) {
    auto ring = std::move(idle_.back());
    idle_.pop_back();
    return ring;
  }
  if (rings_ == max_rings_) return nullptr;
  auto ring = std::make_unique<Ring>();
  if (!ring->works()) {
    // No support, not allowed, or out of memory or descriptors: it is not asked again.
    max_rings_ = rings_;
    return nullptr;
  }
  ++rings_;
  return ring;
}

void RingPool::give_back(std::unique_ptr<Ring> ring, bool usable) {
  const std::lock_guard lock(mutex_);
  if (usable) {
    idle_.push_back(std::move(ring));
  } else {
    --rings_;
    --max_rings_;  // so that a kernel that makes rings and refuses reads is soon left alone
  }
}

RingPool::RingPool() : max_rings_(kMaxRings) { idle_.reserve(kMaxRings); }

#else

class RingPool::Ring final {};

bool RingPool::read(std::span<RingRead>) { return false; }

RingPool::RingPool() = default;

#endif

RingPool::~RingPool() = default;

}  // namespace protobase::os
