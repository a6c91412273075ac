// A mapping of its own, not the allocator's memory: what was wished for would stay with the heap.
#include "os/large_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "base/endian.h"

namespace protobase::os {

std::shared_ptr<std::byte[]> allocate_large(std::size_t size) {
  // One page more, and what lies before and behind the aligned part given back.
  void* const mapped =
      mmap(nullptr, size + kLargePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  std::byte* const begin = static_cast<std::byte*>(mapped);
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t before = base::round_up(address, kLargePage) - address;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + size, kLargePage - before);
  std::byte* const memory = begin + before;
#ifdef MADV_HUGEPAGE
  // A wish only: a kernel without large pages refuses it, and the memory is as good.
  static_cast<void>(madvise(memory, size, MADV_HUGEPAGE));
#endif
  return {memory, [size](std::byte* block) { munmap(block, size); }};
}

}  // namespace protobase::os
