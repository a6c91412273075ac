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

TEST(SpareMemory, IsUsedAgainForWhatIsAboutAsLarge) {
  SpareMemory spare(std::size_t{1} << 20);
  std::byte* first = nullptr;
  {
    const auto memory = spare.take(300'000);
    std::memset(memory.get(), 7, 300'000);
    first = memory.get();
  }
  const auto small = spare.take(100'000);
  EXPECT_NE(small.get(), first);
  const auto again = spare.take(290'000);
  EXPECT_EQ(again.get(), first);
  const auto beside = spare.take(290'000);
  EXPECT_NE(beside.get(), first) << "two never share";
  std::memset(beside.get(), 1, 290'000);
}

TEST(SpareMemory, TheOldestGoesWhenThereIsTooMuch) {
  SpareMemory spare(std::size_t{1} << 20);
  std::vector<std::byte*> given;
  {
    std::vector<Page> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(spare.take(std::size_t{400} << 10));
      given.push_back(all.back().get());
    }
    for (Page& page : all) page = nullptr;  // in this order
  }
  const auto one = spare.take(std::size_t{400} << 10);
  const auto two = spare.take(std::size_t{400} << 10);
  EXPECT_EQ(std::set({one.get(), two.get()}), std::set({given[1], given[2]}));
}

TEST(SpareMemory, MayOutliveWhoGaveItAndMayBeLargerThanWhatIsKept) {
  Page kept;
  {
    SpareMemory spare(1000);
    kept = spare.take(std::size_t{3} << 20);
  }
  std::memset(kept.get(), 1, std::size_t{3} << 20);
}

}  // namespace
}  // namespace protobase::os
