// The contract of SharedStorage, fourth part: many atoms in one call.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "test/conformance/shared_storage_conformance.h"

namespace protobase::conformance {

TEST_P(SharedStorageConformance, ABatchComesInTheOrderAskedFor) {
  for (const bool cached : {true, false}) {
    reopen(cached ? StorageOptions{} : without_caches());
    std::vector<AtomPointer> pointers;
    for (int i = 0; i < 500; ++i) pointers.push_back(storage_->push_atom(i));
    storage_->flush_wal();
    std::vector<AtomPointer> asked(pointers.rbegin(), pointers.rend());
    asked.push_back(pointers[0]);  // one twice
    const auto atoms = storage_->get_atoms(asked);
    const auto payloads = storage_->get_bytes_many(asked);
    ASSERT_EQ(atoms.size(), 501u);
    ASSERT_EQ(payloads.size(), 501u);
    for (std::size_t i = 0; i < 500; ++i) {
      EXPECT_EQ(atoms[i]->as_int64(), static_cast<std::int64_t>(499 - i));
      EXPECT_EQ(payloads[i].as_text(), std::to_string(499 - i));
    }
    EXPECT_EQ(atoms[500]->as_int64(), 0);
  }
}

TEST_P(SharedStorageConformance, AnEmptyBatchIsEmpty) {
  EXPECT_TRUE(storage_->get_atoms({}).empty());
  EXPECT_TRUE(storage_->get_bytes_many({}).empty());
}

TEST_P(SharedStorageConformance, ABatchThrowsItsFirstError) {
  reopen(without_caches());
  std::vector<AtomPointer> pointers;
  for (int i = 0; i < 200; ++i) pointers.push_back(storage_->push_atom(i));
  const auto raw = push("raw: no atom");
  storage_->flush_wal();
  const AtomPointer nowhere{raw.transaction_id, std::uint64_t{1} << 40};
  for (int round = 0; round < 20; ++round) {
    auto asked = pointers;
    asked[30] = raw;
    asked[150] = nowhere;
    EXPECT_THROW(storage_->get_atoms(asked), ValidationError) << "the raw one comes first";
    std::swap(asked[30], asked[150]);
    EXPECT_THROW(storage_->get_atoms(asked), NotFoundError) << "now the lost one does";
    EXPECT_THROW(storage_->get_bytes_many(asked), NotFoundError);
  }
}

/// Of many sizes, small and large in turns, so that batches begin and end everywhere.
inline std::vector<std::string> texts_of_many_sizes() {
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) texts.push_back(std::string(static_cast<std::size_t>(i + 1), 'a'));
  for (const std::size_t size : {16'383, 16'384, 5, 16'368, 16'367, 400'000, 1, 70'000, 70'000}) {
    texts.push_back(std::string(size, 'b'));
  }
  for (int i = 0; i < 100; ++i) texts.push_back("last " + std::to_string(i));
  return texts;
}

inline std::vector<std::span<const std::byte>> spans_of(const std::vector<std::string>& texts) {
  std::vector<std::span<const std::byte>> spans;
  for (const std::string& text : texts) spans.push_back(as_bytes(text));
  return spans;
}

TEST_P(SharedStorageConformance, ManyPushedAtOnceAreThereInTheirOrder) {
  const auto texts = texts_of_many_sizes();
  for (const bool cached : {true, false}) {
    reopen(cached ? StorageOptions{} : without_caches());
    const auto pointers = storage_->push_bytes_many(spans_of(texts), RecordFormat::kMsgPack);
    ASSERT_EQ(pointers.size(), texts.size());
    EXPECT_TRUE(std::ranges::is_sorted(pointers, {}, &AtomPointer::offset)) << "one WAL, in order";
    for (const bool flushed : {false, true}) {
      if (flushed) storage_->flush_wal();
      for (std::size_t i = 0; i < texts.size(); ++i) {
        ASSERT_EQ(storage_->get_bytes(pointers[i]).as_text(), texts[i]) << i;
        ASSERT_EQ(storage_->get_format(pointers[i]), RecordFormat::kMsgPack) << i;
      }
    }
  }
}

TEST_P(SharedStorageConformance, ManyPushedAtOnceAreTheRecordsOfSinglePushes) {
  const auto texts = texts_of_many_sizes();
  std::vector<AtomPointer> single;
  for (const std::string& text : texts) single.push_back(push(text));
  const auto many = storage_->push_bytes_many(spans_of(texts));
  for (std::size_t i = 1; i < texts.size(); ++i) {
    ASSERT_EQ(many[i].offset - many[i - 1].offset, single[i].offset - single[i - 1].offset) << i;
  }
  EXPECT_EQ(storage_->stats().pushed_records, 2 * texts.size());
  std::uint64_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  EXPECT_EQ(storage_->stats().pushed_bytes, 2 * bytes);
}

TEST_P(SharedStorageConformance, ManyAtOnceRollOverAndWaitLikeSinglePushes) {
  StorageOptions options = without_caches();
  options.wal_max_size = 65'536;
  options.buffer_size = 8192;
  options.max_unflushed_bytes = 16'384;
  reopen(options);
  const std::vector<std::string> texts(2000, std::string(200, 'x'));
  const auto pointers = storage_->push_bytes_many(spans_of(texts));
  storage_->set_current_root(pointers.back());
  EXPECT_GT(storage_->list_wals().size(), 6u);
  for (const AtomPointer& pointer : pointers) {
    ASSERT_EQ(storage_->get_bytes(pointer).size(), 200u);
  }
}

TEST_P(SharedStorageConformance, OneOfManyThatCannotBePushedKeepsAllOfThemOut) {
  const auto pushed = storage_->stats().pushed_records;
  std::vector<std::span<const std::byte>> many(100, as_bytes("good"));
  EXPECT_THROW(storage_->push_bytes_many(many, static_cast<RecordFormat>(7)), ValidationError);
  many[99] = {};
  EXPECT_THROW(storage_->push_bytes_many(many), ValidationError);
  EXPECT_EQ(storage_->stats().pushed_records, pushed);
  EXPECT_TRUE(storage_->push_bytes_many({}).empty());
}

}  // namespace protobase::conformance
