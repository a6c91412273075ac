// Memory in large pages: aligned, all of it usable, many at a time, used again.
#include "os/large_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

namespace protobase::os {
namespace {

using Page = std::shared_ptr<std::byte[]>;

TEST(LargePages, AreAlignedAndKeepWhatIsWritten) {
  LargePages pages(2);
  std::vector<Page> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(pages.take());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(all.back().get()) % kLargePage, 0u);
    std::memset(all.back().get(), i, kLargePage);
    if (i % 2 == 1) all[static_cast<std::size_t>(i) / 2] = nullptr;  // the others stay
  }
  for (std::size_t i = 4; i < 8; ++i) {
    EXPECT_EQ(all[i][0], static_cast<std::byte>(i));
    EXPECT_EQ(all[i][kLargePage - 1], static_cast<std::byte>(i));
  }
}

TEST(LargePages, AreUsedAgainUpToALimit) {
  LargePages pages(2);
  std::vector<Page> all;
  for (int i = 0; i < 4; ++i) all.push_back(pages.take());
  std::set<std::byte*> before;
  for (const Page& page : all) {
    page[0] = std::byte{7};
    before.insert(page.get());
  }
  all.clear();
  std::size_t again = 0;
  for (int i = 0; i < 4; ++i) {
    all.push_back(pages.take());
    // One that was unmapped may come back at its address, but cleared.
    again += before.contains(all.back().get()) && all.back()[0] == std::byte{7} ? 1 : 0;
  }
  EXPECT_EQ(again, 2u);
}

TEST(LargePages, MayOutliveWhoGaveThem) {
  Page kept;
  {
    LargePages pages(1);
    kept = pages.take();
    pages.take();
  }
  std::memset(kept.get(), 1, kLargePage);
}

}  // namespace
}  // namespace protobase::os
