#include "engine/verified_places.h"

#include <gtest/gtest.h>

#include <thread>

namespace protobase::engine {
namespace {

TEST(VerifiedPlaces, AreThoseThatWereAdded) {
  constexpr std::uint64_t kSize = std::uint64_t{1} << 30;
  VerifiedPlaces places;
  places.cover(kSize);
  const std::uint64_t added[] = {0, 8, 4096, 4096 + 512, (1 << 18) - 8, 1 << 18, kSize - 8};
  for (const std::uint64_t offset : added) {
    EXPECT_FALSE(places.contains(offset)) << offset;
    places.add(offset);
    places.add(offset);
    EXPECT_TRUE(places.contains(offset)) << offset;
  }
  for (const std::uint64_t offset : {16, 4088, 4104, (1 << 18) - 16, (1 << 18) + 8}) {
    EXPECT_FALSE(places.contains(offset)) << offset;
  }
}

TEST(VerifiedPlaces, NoneIsLostBetweenThreads) {
  constexpr std::uint64_t kSize = std::uint64_t{1} << 22;
  VerifiedPlaces places;
  places.cover(kSize);
  const auto add_every_second = [&places](std::uint64_t first) {
    for (std::uint64_t offset = first; offset < kSize; offset += 16) places.add(offset);
  };
  {
    const std::jthread even([&] { add_every_second(0); });
    const std::jthread odd([&] { add_every_second(8); });
  }
  for (std::uint64_t offset = 0; offset < kSize; offset += 8) ASSERT_TRUE(places.contains(offset));
}

}  // namespace
}  // namespace protobase::engine
