#include "cloud/block_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "testing/fault_file_system.h"
#include "testing/memory_file_system.h"
#include "testing/temporary_directory.h"

namespace protobase::cloud {
namespace {

const UUID kWAL = *UUID::parse("11111111-0000-4000-8000-000000000000");
constexpr std::uint64_t kBlock = 4096;

std::string content(std::uint64_t begin, std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (begin + i) % 23);
  return text;
}

/// In memory and in a directory.
class BlockCacheTest : public ::testing::TestWithParam<bool> {
 protected:
  BlockCacheOptions options(std::uint64_t max_bytes = 1 << 20) {
    BlockCacheOptions options;
    if (GetParam()) options.directory = place_.at("cache");
    options.max_bytes = max_bytes;
    options.block_size = kBlock;
    return options;
  }
  static std::uint64_t cost() { return GetParam() ? kFileCost : kEntryCost; }
  static void put(BlockCache& cache, std::uint64_t begin, std::size_t size) {
    cache.put(kWAL, begin, as_bytes(content(begin, size)));
  }
  /// How many bytes it has from `offset` on, all of them right.
  static std::size_t has(BlockCache& cache, std::uint64_t offset, std::size_t size) {
    std::string out(size, '?');
    const std::size_t filled =
        cache.read(kWAL, offset, std::as_writable_bytes(std::span(out.data(), out.size())));
    EXPECT_EQ(out.substr(0, filled), content(offset, filled));
    return filled;
  }

  testing::TemporaryDirectory place_;
};

TEST_P(BlockCacheTest, WhatWasPutIsReadAcrossBlocks) {
  BlockCache cache(options());
  put(cache, 5000, 10'000);
  EXPECT_EQ(has(cache, 5000, 10'000), 10'000u);
  EXPECT_EQ(has(cache, 9000, 500), 500u);
  EXPECT_EQ(has(cache, 14'000, 5000), 1000u) << "as far as it reaches";
  EXPECT_EQ(has(cache, 4999, 10), 0u);
  EXPECT_EQ(cache.counts().bytes, 10'000u + 3 * cost());
}

TEST_P(BlockCacheTest, RunsThatMeetAreReadAsOne) {
  BlockCache cache(options());
  put(cache, 4096, 100);
  put(cache, 4296, 100);
  EXPECT_EQ(has(cache, 4096, 500), 100u);
  put(cache, 4196, 100);
  EXPECT_EQ(has(cache, 4096, 500), 300u);
  put(cache, 4096, 1000);
  EXPECT_EQ(has(cache, 4096, 5000), 1000u) << "a longer one takes the place of a shorter";
  put(cache, 4096, 10);
  EXPECT_EQ(has(cache, 4096, 5000), 1000u);
}

TEST_P(BlockCacheTest, ItsBytesAreBoundedAndTheLeastRecentlyUsedGo) {
  const std::uint64_t room = 4 * (kBlock + cost());
  BlockCache cache(options(room));
  for (std::uint64_t block = 1; block <= 4; ++block) put(cache, block * kBlock, kBlock);
  EXPECT_EQ(has(cache, kBlock, 10), 10u);
  put(cache, 5 * kBlock, kBlock);
  EXPECT_EQ(has(cache, kBlock, 10), 10u);
  EXPECT_EQ(has(cache, 2 * kBlock, 10), 0u);
  EXPECT_EQ(cache.counts().bytes, room);
}

TEST_P(BlockCacheTest, ManySmallBlocksAreChargedWhatTheyCost) {
  const std::uint64_t room = 16 * (100 + cost());
  BlockCache cache(options(room));
  for (std::uint64_t block = 1; block <= 1000; ++block) put(cache, block * kBlock, 100);
  EXPECT_EQ(cache.counts().bytes, room);
  std::uint64_t kept = 0;
  for (std::uint64_t block = 1; block <= 1000; ++block) {
    kept += has(cache, block * kBlock, 100) == 100;
  }
  EXPECT_EQ(kept, 16u);
  if (GetParam()) {
    EXPECT_EQ(os::posix_file_system()->list(place_.at("cache")).size(), 16u);
  }
}

TEST_P(BlockCacheTest, WhatIsDroppedIsGone) {
  BlockCache cache(options());
  put(cache, 4096, 9000);
  EXPECT_TRUE(cache.drop(kWAL, 8000, 1000));
  EXPECT_EQ(has(cache, 4096, 10), 0u);
  EXPECT_EQ(has(cache, 12'288, 10), 10u);
  EXPECT_FALSE(cache.drop(kWAL, 8000, 100));
}

INSTANTIATE_TEST_SUITE_P(Places, BlockCacheTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Directory" : "Memory"; });

class BlockCacheDirectory : public BlockCacheTest {};

TEST_P(BlockCacheDirectory, SurvivesARestart) {
  {
    BlockCache first(options());
    put(first, 4096, 5000);
  }
  BlockCache second(options());
  EXPECT_EQ(second.counts().bytes, 5000u + 2 * cost());
  EXPECT_EQ(has(second, 4096, 5000), 5000u);
}

TEST_P(BlockCacheDirectory, ALargerOneLeftBehindIsCutToSize) {
  {
    BlockCache first(options());
    put(first, 4096, 8 * kBlock);
  }
  BlockCache second(options(2 * (kBlock + cost())));
  EXPECT_EQ(second.counts().bytes, 2 * (kBlock + cost()));
  EXPECT_EQ(os::posix_file_system()->list(place_.at("cache")).size(), 2u);
}

TEST_P(BlockCacheDirectory, EveryDamagedByteOfAFileMeansThatItIsReadAgain) {
  {
    BlockCache first(options());
    put(first, 4096, 64);
  }
  const auto files = os::posix_file_system();
  const std::string path = place_.at("cache/" + files->list(place_.at("cache")).front().name);
  Bytes whole(40 + 64);
  files->open(path, os::OpenMode::kRead)->read(0, whole);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Bytes damaged = whole;
    damaged[at] ^= std::byte{4};
    const std::span<const std::byte> part(damaged);
    files->open(path, os::OpenMode::kCreate)->write(0, {&part, 1});
    BlockCache cache(options());
    EXPECT_EQ(has(cache, 4096, 64), 0u) << "byte " << at;
  }
}

TEST_P(BlockCacheDirectory, MayBeDeletedAtAnyTime) {
  BlockCache cache(options());
  put(cache, 4096, 5000);
  const auto files = os::posix_file_system();
  for (const auto& entry : files->list(place_.at("cache"))) {
    files->remove(place_.at("cache/" + entry.name));
  }
  EXPECT_EQ(has(cache, 4096, 10), 0u);
  put(cache, 4096, 100);
  EXPECT_EQ(has(cache, 4096, 100), 100u);
}

TEST_P(BlockCacheDirectory, LeavesOtherFilesAlone) {
  const auto files = os::posix_file_system();
  files->make_directory(place_.at("cache"));
  files->open(place_.at("cache/notes.txt"), os::OpenMode::kCreateNew);
  files->open(place_.at("cache/" + kWAL.to_string() + "-x"), os::OpenMode::kCreateNew);
  {
    BlockCache cache(options(kBlock + cost()));
    put(cache, 4096, 3 * kBlock);
  }
  EXPECT_TRUE(files->kind_of(place_.at("cache/notes.txt")));
  EXPECT_TRUE(files->kind_of(place_.at("cache/" + kWAL.to_string() + "-x")));
}

TEST_P(BlockCacheDirectory, ADiskThatIsFullCostsTheCopyAndNothingElse) {
  auto faults = std::make_shared<testing::FaultFileSystem>(os::posix_file_system());
  BlockCacheOptions full = options();
  full.file_system = faults;
  int warnings = 0;
  full.logger = [&](LogLevel, std::string_view) { ++warnings; };
  BlockCache cache(full);
  faults->set_fault(
      testing::Fault{1, testing::Fault::Error::kNoSpace, true, false, testing::FileCall::kWrite});
  put(cache, 4096, 100);
  EXPECT_GT(faults->hits(), 0u);
  EXPECT_EQ(warnings, 1);
  faults->heal();
  EXPECT_EQ(has(cache, 4096, 100), 0u);
  put(cache, 4096, 100);
  EXPECT_EQ(has(cache, 4096, 100), 100u);
}

INSTANTIATE_TEST_SUITE_P(Places, BlockCacheDirectory, ::testing::Values(true),
                         [](const auto&) { return "Directory"; });

}  // namespace
}  // namespace protobase::cloud
