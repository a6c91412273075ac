// Memory for what is about to be filled at once: the kernel is asked for large pages, which it
// clears and maps in one step where small ones would cost a page fault for every 4 KiB.
#pragma once

#include <cstddef>
#include <memory>

namespace protobase::os {

inline constexpr std::size_t kLargePage = std::size_t{2} << 20;

/// `size` bytes, not initialised. Precondition: a multiple of kLargePage. Throws std::bad_alloc.
std::shared_ptr<std::byte[]> allocate_large(std::size_t size);

}  // namespace protobase::os
