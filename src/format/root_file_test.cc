#include "format/root_file.h"

#include <gtest/gtest.h>

#include "base/endian.h"
#include "base/hash.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

const UUID kWAL = *UUID::parse("0123abcd-4567-49ef-8123-456789abcdef");

RootVersion example() { return {{kWAL, 5000}, 42, 41, -7, {kWAL, 6000}, {kWAL, 4500}}; }

TEST(PublishedRoot, IsReadAsWritten) {
  EXPECT_EQ(read_published_root(make_published_root(example())), example());
}

TEST(PublishedRoot, EveryFlippedBitIsFound) {
  const auto good = make_published_root(example());
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(read_published_root(bad)) << "bit " << bit;
  }
}

TEST(PublishedRoot, ZerosAreNone) {
  EXPECT_FALSE(read_published_root(std::array<std::byte, kPublishedRootSize>{}));
}

TEST(PublishedRoot, ANewerVersionIsRefused) {
  auto bytes = make_published_root(example());
  base::store_le<std::uint32_t>(bytes.data() + 8, 2);
  base::store_le<std::uint64_t>(bytes.data() + 128, base::xxh3(std::span(bytes).first(128)));
  EXPECT_THROW(read_published_root(bytes), NotSupportedError);
}

TEST(Intent, IsReadAsWritten) {
  for (const bool abandoned : {false, true}) {
    const auto read = read_intent(make_intent({5, 9, {kWAL, 8192}, abandoned}));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->first_sequence, 5u);
    EXPECT_EQ(read->last_sequence, 9u);
    EXPECT_EQ(read->scan_from, (AtomPointer{kWAL, 8192}));
    EXPECT_EQ(read->abandoned, abandoned);
  }
}

TEST(Intent, DamageAndZerosAreNone) {
  EXPECT_FALSE(read_intent(std::array<std::byte, kIntentSize>{}));
  const auto good = make_intent({5, 9, {kWAL, 8192}, false});
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(read_intent(bad)) << "bit " << bit;
  }
}

}  // namespace
}  // namespace protobase::format
