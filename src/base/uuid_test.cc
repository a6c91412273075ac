// UUID and AtomPointer: text forms, order, hashing.
#include "protobase/uuid.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <unordered_set>

#include "protobase/atom_pointer.h"
#include "protobase/errors.h"

namespace protobase {
namespace {

constexpr const char* kText = "0123abcd-4567-89ef-8123-456789abcdef";

TEST(UUID, TextFormGoesThereAndBack) {
  const auto id = UUID::parse(kText);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->to_string(), kText);
  EXPECT_EQ(id->bytes[0], 0x01);
  EXPECT_EQ(id->bytes[15], 0xEF);
}

TEST(UUID, UpperCaseIsReadAndWrittenLower) {
  EXPECT_EQ(UUID::parse("0123ABCD-4567-89EF-8123-456789ABCDEF"), UUID::parse(kText));
}

TEST(UUID, AnythingElseIsNone) {
  for (const std::string text :
       {"", "0123abcd", "0123abcd456789ef8123456789abcdef",
        "{0123abcd-4567-89ef-8123-456789abcdef}", "0123abcd-4567-89ef-8123-456789abcde",
        "0123abcd-4567-89ef-8123-456789abcdef0", "0123abcd-4567-89ef-8123_456789abcdef",
        "0123abcg-4567-89ef-8123-456789abcdef", "0123abc-d4567-89ef-8123-456789abcdef",
        " 0123abcd-4567-89ef-8123-456789abcde"}) {
    EXPECT_FALSE(UUID::parse(text)) << text;
  }
}

TEST(UUID, RandomBytesBecomeVersionFour) {
  std::array<std::uint8_t, 16> ones;
  ones.fill(0xFF);
  EXPECT_EQ(UUID::from_random(ones).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  EXPECT_EQ(UUID::from_random({}).to_string(), "00000000-0000-4000-8000-000000000000");
}

TEST(UUID, OnlyTheNilOneIsNil) {
  EXPECT_TRUE(UUID{}.is_nil());
  EXPECT_FALSE(UUID::from_random({}).is_nil());
}

TEST(AtomPointer, TextFormGoesThereAndBack) {
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{4096}, ~std::uint64_t{0}}) {
    const AtomPointer pointer{*UUID::parse(kText), offset};
    EXPECT_EQ(pointer.to_string(), std::string(kText) + ":" + std::to_string(offset));
    EXPECT_EQ(AtomPointer::parse(pointer.to_string()), pointer);
  }
}

TEST(AtomPointer, IsPrintedAsItsText) {
  std::ostringstream out;
  out << AtomPointer{*UUID::parse(kText), 7};
  EXPECT_EQ(out.str(), std::string(kText) + ":7");
}

TEST(AtomPointer, BadTextIsRefusedAndShown) {
  const std::string id = kText;
  for (const std::string& text :
       {std::string(), id, id + ":", id + ":+1", id + ":-1", id + ":01", id + ":1 ", id + ": 1",
        id + ":0x10", id + ":18446744073709551616", id + ":1:2", std::string("nobody:1"),
        std::string(":1")}) {
    try {
      AtomPointer::parse(text);
      ADD_FAILURE() << text;
    } catch (const ValidationError& error) {
      EXPECT_NE(std::string(error.what()).find("\"" + text + "\""), std::string::npos);
    }
  }
}

TEST(AtomPointer, OrdersByWALThenOffset) {
  const UUID low = *UUID::parse("00000000-0000-4000-8000-000000000001");
  const UUID high = *UUID::parse("ff000000-0000-4000-8000-000000000000");
  EXPECT_LT((AtomPointer{low, 900}), (AtomPointer{high, 1}));
  EXPECT_LT((AtomPointer{low, 1}), (AtomPointer{low, 900}));
}

TEST(AtomPointer, NeighboursHashApart) {
  std::unordered_set<std::size_t> hashes;
  std::set<std::size_t> low_bits;
  for (std::uint64_t i = 0; i < 4096; ++i) {
    const auto hash = std::hash<AtomPointer>{}({*UUID::parse(kText), 4096 + 8 * i});
    hashes.insert(hash);
    low_bits.insert(hash % 1024);
  }
  EXPECT_EQ(hashes.size(), 4096u);
  EXPECT_GT(low_bits.size(), 900u);  // 1005 of 1024 are expected of a random hash
}

}  // namespace
}  // namespace protobase
