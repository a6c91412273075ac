#include "format/wal_header.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/endian.h"
#include "base/hash.h"

namespace protobase::format {
namespace {

const UUID kWAL = *UUID::parse("0123abcd-4567-49ef-8123-456789abcdef");
const UUID kOther = *UUID::parse("99999999-4567-49ef-8123-456789abcdef");
using Header = std::array<std::byte, kWALHeaderSize>;

Checkpoint checkpoint(std::uint64_t generation) {
  return {generation, 5000 + 8 * generation, 7, 4200, 99, false, false};
}

void put_slot(Header& header, std::size_t index, const Checkpoint& value, const UUID& id = kWAL) {
  const auto slot = make_slot(value, id, index);
  std::memcpy(header.data() + kSlotPlaces[index], slot.data(), slot.size());
}

void set_version(Header& header, std::uint32_t version) {
  base::store_le<std::uint32_t>(header.data() + 8, version);
  base::store_le<std::uint64_t>(header.data() + 32, base::xxh3(std::span(header).first(32)));
}

TEST(WALHeader, AFreshOneIsValidAndEmpty) {
  const Header header = make_wal_header(kWAL);
  EXPECT_EQ(check_wal_header(header, kWAL), WALHeaderState::kValid);
  EXPECT_EQ(wal_header_version(header), 1u);
  EXPECT_FALSE(newest_checkpoint(header, kWAL));
  EXPECT_FALSE(find_header_damage(header, kWAL));
}

TEST(WALHeader, FieldsLieWhereTheFormatSays) {
  const Header header = make_wal_header(kWAL);
  EXPECT_EQ(std::memcmp(header.data(), "PBWAL\r\n\x1a", 8), 0);
  EXPECT_EQ(base::load_le<std::uint32_t>(header.data() + 12), 4096u);
  EXPECT_EQ(std::memcmp(header.data() + 16, kWAL.bytes.data(), 16), 0);
  EXPECT_TRUE(base::all_zero(std::span(header).subspan(40)));
}

TEST(WALHeader, NamesItsPredecessor) {
  std::optional<AtomPointer> found;
  EXPECT_EQ(read_predecessor(make_wal_header(kWAL), kWAL, found), PredecessorState::kNone);
  EXPECT_FALSE(found);
  const AtomPointer predecessor{kOther, 123456};
  const Header header = make_wal_header(kWAL, predecessor);
  EXPECT_EQ(check_wal_header(header, kWAL), WALHeaderState::kValid);
  EXPECT_FALSE(find_header_damage(header, kWAL));
  EXPECT_EQ(read_predecessor(header, kWAL, found), PredecessorState::kValid);
  EXPECT_EQ(found, predecessor);
  EXPECT_EQ(std::memcmp(header.data() + 40, kOther.bytes.data(), 16), 0);
  EXPECT_EQ(base::load_le<std::uint64_t>(header.data() + 56), 123456u);
}

TEST(WALHeader, APredecessorOfAnotherWALOrWithAnyBitFlippedIsDamage) {
  const Header good = make_wal_header(kWAL, AtomPointer{kOther, 123456});
  std::optional<AtomPointer> found;
  EXPECT_EQ(read_predecessor(good, kOther, found), PredecessorState::kBad);
  for (std::size_t bit = 8 * kPredecessorPlace; bit < 8 * kPredecessorEnd; ++bit) {
    Header bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EXPECT_EQ(read_predecessor(bad, kWAL, found), PredecessorState::kBad);
    EXPECT_EQ(find_header_damage(bad, kWAL), kPredecessorPlace);
  }
}

TEST(WALHeader, SaysWhatIsWrong) {
  const Header good = make_wal_header(kWAL);
  EXPECT_EQ(check_wal_header(good, kOther), WALHeaderState::kMisplaced);
  EXPECT_EQ(check_wal_header({}, kWAL), WALHeaderState::kNoMagic);
  EXPECT_EQ(check_wal_header(std::span(good).first(39), kWAL), WALHeaderState::kNoMagic);
  EXPECT_EQ(check_wal_header(std::span(good).first(4095), kWAL), WALHeaderState::kBad);
  Header bad = good;
  bad[3] ^= std::byte{1};
  EXPECT_EQ(check_wal_header(bad, kWAL), WALHeaderState::kNoMagic);
  bad = good;
  bad[20] ^= std::byte{1};
  EXPECT_EQ(check_wal_header(bad, kWAL), WALHeaderState::kBad);
}

TEST(WALHeader, ANewerVersionIsTold) {
  Header newer = make_wal_header(kWAL);
  set_version(newer, 2);
  EXPECT_EQ(check_wal_header(newer, kWAL), WALHeaderState::kNewer);
  EXPECT_EQ(wal_header_version(newer), 2u);
  newer[32] ^= std::byte{1};  // it may compute its checksum in another way
  EXPECT_EQ(check_wal_header(newer, kWAL), WALHeaderState::kNewer);
}

TEST(WALHeader, EveryFlippedBitOfThePreambleIsFound) {
  const Header good = make_wal_header(kWAL);
  for (std::size_t bit = 0; bit < 8 * 40; ++bit) {
    Header bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_NE(check_wal_header(bad, kWAL), WALHeaderState::kValid) << "bit " << bit;
    EXPECT_TRUE(find_header_damage(bad, kWAL)) << "bit " << bit;
  }
}

TEST(WALHeader, BytesThatShouldBeZeroAreDamage) {
  for (const std::size_t at : {40, 511, 576, 1023, 1088, 4095}) {
    Header bad = make_wal_header(kWAL);
    bad[at] = std::byte{1};
    EXPECT_EQ(find_header_damage(bad, kWAL), at);
  }
}

TEST(Checkpoint, IsReadAsWritten) {
  for (const std::size_t index : {0, 1}) {
    for (const bool closed : {false, true}) {
      for (const bool sealed : {false, true}) {
        Header header = make_wal_header(kWAL);
        Checkpoint written = checkpoint(3);
        written.closed = closed;
        written.sealed = sealed;
        put_slot(header, index, written);
        const auto found = newest_checkpoint(header, kWAL);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->checkpoint, written);
        EXPECT_EQ(found->index, index);
        EXPECT_FALSE(find_header_damage(header, kWAL));
      }
    }
  }
}

TEST(Checkpoint, TheLargerGenerationCounts) {
  for (const std::size_t newer : {0, 1}) {
    Header header = make_wal_header(kWAL);
    put_slot(header, newer, checkpoint(6));
    put_slot(header, 1 - newer, checkpoint(5));
    EXPECT_EQ(newest_checkpoint(header, kWAL)->index, newer);
  }
}

TEST(Checkpoint, OneDamagedLeavesTheOther) {
  for (std::size_t byte = 0; byte < kSlotSize; ++byte) {
    Header header = make_wal_header(kWAL);
    put_slot(header, 0, checkpoint(5));
    put_slot(header, 1, checkpoint(6));
    header[kSlotPlaces[1] + byte] ^= std::byte{4};
    const auto found = newest_checkpoint(header, kWAL);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->checkpoint, checkpoint(5)) << "byte " << byte;
    EXPECT_EQ(find_header_damage(header, kWAL), kSlotPlaces[1]);
  }
}

TEST(Checkpoint, BothDamagedLeaveNone) {
  Header header = make_wal_header(kWAL);
  put_slot(header, 0, checkpoint(5));
  put_slot(header, 1, checkpoint(6));
  header[kSlotPlaces[0]] ^= std::byte{1};
  header[kSlotPlaces[1]] ^= std::byte{1};
  EXPECT_FALSE(newest_checkpoint(header, kWAL));
  EXPECT_TRUE(find_header_damage(header, kWAL));
}

TEST(Checkpoint, OfAnotherWALOrPlaceDoesNotCount) {
  Header header = make_wal_header(kWAL);
  put_slot(header, 0, checkpoint(5), kOther);
  const auto misplaced = make_slot(checkpoint(6), kWAL, 0);
  std::memcpy(header.data() + kSlotPlaces[1], misplaced.data(), misplaced.size());
  EXPECT_FALSE(newest_checkpoint(header, kWAL));
}

TEST(WALHeader, NoSlotPointsBeyondWhatAFileCanHold) {
  Header header = make_wal_header(kWAL);
  Checkpoint forged = checkpoint(1);
  forged.commit_offset = std::uint64_t{1} << 63;
  put_slot(header, 0, forged);
  forged = checkpoint(2);
  forged.durable_offset = ~std::uint64_t{7};
  put_slot(header, 1, forged);
  EXPECT_FALSE(newest_checkpoint(header, kWAL));
  EXPECT_EQ(find_header_damage(header, kWAL), kSlotPlaces[0]);
}

}  // namespace
}  // namespace protobase::format
