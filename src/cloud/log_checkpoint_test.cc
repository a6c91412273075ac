#include "cloud/log_checkpoint.h"

#include <gtest/gtest.h>

#include "protobase/errors.h"
#include "testing/checkpoint_version.h"

namespace protobase::cloud {
namespace {

using testing::set_checkpoint_version;

const UUID kFirst = *UUID::parse("11111111-0000-4000-8000-000000000000");
const UUID kSecond = *UUID::parse("22222222-0000-4000-8000-000000000000");
const std::string kLocation = "s3://bucket/prefix";

LogCheckpoint example() {
  LogCheckpoint checkpoint;
  checkpoint.store = kSecond;
  checkpoint.slot = 12;
  checkpoint.boundary = 9;
  checkpoint.epoch = 2;
  checkpoint.root = RootVersion{{kFirst, 4096}, 5, 4, 1'700'000'000'000'000, {kFirst, 4200}, {}};
  checkpoint.index.add(kFirst, {5000, 0, {}});
  checkpoint.index.add(kFirst, {6000, 0, kSecond});
  checkpoint.index.add(kFirst, {6500, 11, {}});
  checkpoint.index.set_records(kFirst, 17);
  checkpoint.index.add(kSecond, {4200, 12, {}});
  return checkpoint;
}

TEST(LogCheckpoint, ComesBackAsItWas) {
  LogCheckpoint checkpoint = example();
  EXPECT_EQ(read_checkpoint(write_checkpoint(checkpoint), kLocation), checkpoint);
  checkpoint.root.reset();
  EXPECT_EQ(read_checkpoint(write_checkpoint(checkpoint), kLocation), checkpoint);
  EXPECT_EQ(read_checkpoint(write_checkpoint({}), kLocation), LogCheckpoint{});
}

LogCheckpoint legacy_example() {
  LogCheckpoint checkpoint = example();
  const UUID empty = *UUID::parse("33333333-0000-4000-8000-000000000000");
  const UUID legacy = *UUID::parse("44444444-0000-4000-8000-000000000000");
  checkpoint.index.add_legacy(empty);
  checkpoint.index.add_legacy(legacy);
  checkpoint.index.add(legacy, {100, 0, kFirst});
  checkpoint.index.add(legacy, {5000, 0, kSecond});
  checkpoint.inherited_root = AtomPointer{legacy, 17};
  return checkpoint;
}

TEST(LogCheckpoint, WALsOfThePythonStorageComeBackAndMakeItVersion2) {
  const LogCheckpoint checkpoint = legacy_example();
  Bytes object = write_checkpoint(checkpoint);
  EXPECT_EQ(read_checkpoint(object, kLocation), checkpoint);
  EXPECT_EQ(object[8], std::byte{2});
  EXPECT_EQ(write_checkpoint(example())[8], std::byte{1});
  set_checkpoint_version(object, 1);
  EXPECT_THROW(read_checkpoint(object, kLocation), CorruptionError) << "never as one of version 1";
  LogCheckpoint in_slot = checkpoint;
  in_slot.index.add(checkpoint.index.wals().back().id, {6000, 12, {}});
  EXPECT_THROW(read_checkpoint(write_checkpoint(in_slot), kLocation), CorruptionError);
}

TEST(LogCheckpoint, ANewerOneIsRefusedAndAVersionThatNobodyWroteIsDamage) {
  Bytes object = write_checkpoint(example());
  object[8] = std::byte{3};
  EXPECT_THROW(read_checkpoint(object, kLocation), CorruptionError);
  set_checkpoint_version(object, 3);
  EXPECT_THROW(read_checkpoint(object, kLocation), NotSupportedError);
  set_checkpoint_version(object, 0);
  EXPECT_THROW(read_checkpoint(object, kLocation), CorruptionError);
}

TEST(LogCheckpoint, EveryFlippedBitAndEveryTruncationIsFound) {
  const Bytes whole = write_checkpoint(legacy_example());
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes bytes = whole;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_THROW(read_checkpoint(bytes, kLocation), CorruptionError) << "bit " << bit;
  }
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(read_checkpoint(std::span(whole).first(size), kLocation), CorruptionError);
  }
}

TEST(LogCheckpoint, ContentThatCannotBeIsRefused) {
  LogCheckpoint late = example();
  late.boundary = 14;
  EXPECT_THROW(read_checkpoint(write_checkpoint(late), kLocation), CorruptionError);
  LogCheckpoint backward = example();
  backward.index.add(kFirst, {6400, 12, {}});
  EXPECT_THROW(read_checkpoint(write_checkpoint(backward), kLocation), CorruptionError);
}

TEST(WALIndex, FindsTheExtentAroundAByte) {
  const WALIndex index = example().index;
  EXPECT_EQ(index.find_place(kFirst, 4096)->begin, kWALFirstRecordOffset);
  EXPECT_EQ(index.find_place(kFirst, 4999)->extent.end, 5000u);
  EXPECT_EQ(index.find_place(kFirst, 5000)->begin, 5000u);
  EXPECT_EQ(index.find_place(kFirst, 6499)->extent.slot, 11u);
  EXPECT_FALSE(index.find_place(kFirst, 6500));
  EXPECT_FALSE(index.find_place(kFirst, 4095));
  EXPECT_FALSE(index.find_place({}, 4096));
}

TEST(WALIndex, AWALOfThePythonStorageBeginsAtZero) {
  const WALIndex index = legacy_example().index;
  const IndexedWAL& legacy = index.wals().back();
  EXPECT_EQ(index.find_place(legacy.id, 0)->begin, 0u);
  EXPECT_EQ(index.find_place(legacy.id, 100)->begin, 100u);
  EXPECT_FALSE(index.find_place(legacy.id, 5000));
  EXPECT_EQ(index.wals()[2].end(), 0u);
  EXPECT_FALSE(index.find_place(index.wals()[2].id, 0));
}

TEST(WALIndex, ReplacesWhatASegmentCoversExactly) {
  WALIndex index = example().index;
  EXPECT_FALSE(index.replace(kFirst, 4100, {6000, 0, {}}));
  EXPECT_FALSE(index.replace(kFirst, 5000, {6400, 0, {}}));
  EXPECT_FALSE(index.replace(kFirst, 5000, {7000, 0, {}}));
  EXPECT_TRUE(index.replace(kFirst, 5000, {6500, 0, {}}));
  EXPECT_EQ(index.find(kFirst)->extents, (std::vector<Extent>{{5000, 0, {}}, {6500, 0, {}}}));
}

}  // namespace
}  // namespace protobase::cloud
