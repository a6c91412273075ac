// Mappings of their own, not the allocator's memory: what was wished for would stay with the heap.
#include "os/large_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <mutex>
#include <new>
#include <vector>

#include "base/endian.h"

namespace protobase::os {
namespace {

std::byte* map_large_page() {
  // One page more, and what lies before and behind the aligned part given back.
  void* const mapped =
      mmap(nullptr, 2 * kLargePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  std::byte* const begin = static_cast<std::byte*>(mapped);
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t before = base::round_up(address, kLargePage) - address;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + kLargePage, kLargePage - before);
  std::byte* const memory = begin + before;
#ifdef MADV_HUGEPAGE
  // A wish only: a kernel without large pages refuses it, and the memory is as good.
  static_cast<void>(madvise(memory, kLargePage, MADV_HUGEPAGE));
#endif
  return memory;
}

}  // namespace

class LargePages::Spare {
 public:
  explicit Spare(std::size_t max) : max_(max) { pages_.reserve(max); }
  Spare(const Spare&) = delete;
  Spare& operator=(const Spare&) = delete;
  ~Spare() {
    for (std::byte* const page : pages_) munmap(page, kLargePage);
  }

  std::byte* take() {
    {
      const std::lock_guard lock(mutex_);
      if (!pages_.empty()) {
        std::byte* const page = pages_.back();
        pages_.pop_back();
        return page;
      }
    }
    return map_large_page();
  }
  void give_back(std::byte* page) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (pages_.size() < max_) return pages_.push_back(page);  // has room: reserved
    }
    munmap(page, kLargePage);
  }

 private:
  const std::size_t max_;
  std::mutex mutex_;
  std::vector<std::byte*> pages_;
};

LargePages::LargePages(std::size_t max_spare) : spare_(std::make_shared<Spare>(max_spare)) {}

std::shared_ptr<std::byte[]> LargePages::take() {
  return {spare_->take(), [spare = spare_](std::byte* page) { spare->give_back(page); }};
}

}  // namespace protobase::os
