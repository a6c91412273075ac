// The stripe's hash table: whatever is inserted and not erased is found, also when hashes crowd.
#include "cache/slot_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace protobase::cache {
namespace {

using Table = SlotTable<>;

Table::Slot* find(Table& table, std::uint32_t hash, std::uint32_t index) {
  return table.find(hash, [index](std::uint32_t found) { return found == index; });
}

TEST(SlotTable, IsEmptyAndOwnsNothingAtFirst) {
  Table table;
  EXPECT_EQ(table.bytes(), 0u);
  EXPECT_EQ(find(table, 1, 1), nullptr);
}

TEST(SlotTable, TellsWhenItMustGrowAndToWhatSize) {
  Table table;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const bool must_grow = table.must_grow();
    const std::size_t expected = must_grow ? table.grown_bytes() : table.bytes();
    table.reserve_one();
    table.insert(i, i);
    EXPECT_EQ(table.bytes(), expected);
    EXPECT_LE(table.size() * 4 * sizeof(Table::Slot), table.bytes() * 3);
  }
}

TEST(SlotTable, KeepsTheReferenceBitWhenEntriesMove) {
  Table table;
  for (std::uint32_t i = 0; i < 8; ++i) {
    table.reserve_one();
    table.insert(5, i);  // one run: each erase moves those behind
  }
  find(table, 5, 6)->set_referenced();
  table.erase(find(table, 5, 0));
  table.erase(find(table, 5, 3));
  EXPECT_TRUE(find(table, 5, 6)->referenced());
  EXPECT_FALSE(find(table, 5, 7)->referenced());
}

TEST(SlotTable, AgreesWithAMapUnderCrowdedHashes) {
  Table table;
  std::map<std::uint32_t, std::uint32_t> model;  // index -> hash
  std::mt19937 random(20'240);
  for (int step = 0; step < 100'000; ++step) {
    const auto index = static_cast<std::uint32_t>(random() % 500);
    const auto known = model.find(index);
    if (known == model.end()) {
      // Long runs, and some that go round the end.
      const auto hash = static_cast<std::uint32_t>(random() % 64 * 8 + 0xFFFF'FF00);
      table.reserve_one();
      table.insert(hash, index);
      model.emplace(index, hash);
    } else {
      const std::uint32_t hash = known->second;
      Table::Slot* slot = find(table, hash, index);
      ASSERT_NE(slot, nullptr) << "step " << step;
      table.erase(slot);
      model.erase(known);
      ASSERT_EQ(find(table, hash, index), nullptr);
    }
    ASSERT_EQ(table.size(), model.size());
  }
  for (const auto& [index, hash] : model) EXPECT_NE(find(table, hash, index), nullptr);
}

}  // namespace
}  // namespace protobase::cache
