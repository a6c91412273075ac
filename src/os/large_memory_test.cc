// Memory in large pages: aligned, all of it usable, many at a time.
#include "os/large_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace protobase::os {
namespace {

TEST(LargeMemory, IsAlignedAndKeepsWhatIsWritten) {
  std::vector<std::shared_ptr<std::byte[]>> all;
  for (int i = 1; i <= 8; ++i) {
    const std::size_t size = kLargePage * static_cast<std::size_t>(i % 3 + 1);
    all.push_back(allocate_large(size));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(all.back().get()) % kLargePage, 0u);
    std::memset(all.back().get(), i, size);
    if (i % 2 == 0) all[static_cast<std::size_t>(i) / 2] = nullptr;  // the others stay
  }
  for (int i = 1; i <= 8; ++i) {
    const auto& memory = all[static_cast<std::size_t>(i) - 1];
    if (memory == nullptr) continue;
    EXPECT_EQ(memory[0], static_cast<std::byte>(i));
    EXPECT_EQ(memory[kLargePage * static_cast<std::size_t>(i % 3 + 1) - 1],
              static_cast<std::byte>(i));
  }
}

TEST(LargeMemory, IsRefusedWhenThereIsNone) {
  EXPECT_THROW(allocate_large(std::size_t{1} << 62), std::bad_alloc);
}

}  // namespace
}  // namespace protobase::os
