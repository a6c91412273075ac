// Mappings of their own, not the allocator's memory: what was wished for would stay with the heap.
#include "os/large_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <new>
#include <vector>

#include "base/endian.h"

namespace protobase::os {
namespace {

constexpr std::size_t kPage = 4096;

std::byte* map_memory(std::size_t size) {
  void* const mapped =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(mapped);
}

std::byte* map_large_page() {
  // One page more, and what lies before and behind the aligned part given back.
  std::byte* const begin = map_memory(2 * kLargePage);
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

class SpareMemory::Kept {
 public:
  explicit Kept(std::size_t max_bytes) : max_bytes_(max_bytes) { blocks_.reserve(kMaxBlocks); }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept() {
    for (const Block& block : blocks_) munmap(block.begin, block.size);
  }

  struct Block {
    std::byte* begin = nullptr;
    std::size_t size = 0;
  };

  Block take(std::size_t size) {
    {
      const std::lock_guard lock(mutex_);
      const auto fits = [&](const Block& block) {
        return block.size >= size && block.size / 5 * 4 <= size;
      };
      // The newest: some of it may be in the processor's caches.
      const auto found = std::find_if(blocks_.rbegin(), blocks_.rend(), fits);
      if (found != blocks_.rend()) {
        const Block block = *found;
        blocks_.erase(std::next(found).base());
        bytes_ -= block.size;
        return block;
      }
    }
    const std::size_t whole = base::round_up(size, kPage);
    return {map_memory(whole), whole};
  }
  void give_back(const Block& block) noexcept {
    if (block.size > max_bytes_) {
      munmap(block.begin, block.size);
      return;
    }
#ifdef MADV_FREE
    if (block.size >= kMayGo) static_cast<void>(madvise(block.begin, block.size, MADV_FREE));
#endif
    const std::lock_guard lock(mutex_);
    while (blocks_.size() == kMaxBlocks || bytes_ + block.size > max_bytes_) drop_oldest();
    blocks_.push_back(block);  // has room: reserved
    bytes_ += block.size;
  }

 private:
  static constexpr std::size_t kMaxBlocks = 64;
  // So large a block the kernel may take while nobody uses it. To say so costs too much for less.
  static constexpr std::size_t kMayGo = std::size_t{8} << 20;

  void drop_oldest() noexcept {
    munmap(blocks_.front().begin, blocks_.front().size);
    bytes_ -= blocks_.front().size;
    blocks_.erase(blocks_.begin());
  }

  const std::size_t max_bytes_;
  std::mutex mutex_;
  std::vector<Block> blocks_;  ///< oldest first
  std::size_t bytes_ = 0;      ///< of them all
};

SpareMemory::SpareMemory(std::size_t max_bytes) : kept_(std::make_shared<Kept>(max_bytes)) {}

std::shared_ptr<std::byte[]> SpareMemory::take(std::size_t size) {
  const Kept::Block block = kept_->take(size);
  return {block.begin, [kept = kept_, block](std::byte*) { kept->give_back(block); }};
}

}  // namespace protobase::os
