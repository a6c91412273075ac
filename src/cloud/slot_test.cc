#include "cloud/slot.h"

#include <gtest/gtest.h>

#include "base/endian.h"
#include "base/hash.h"
#include "protobase/errors.h"
#include "testing/expect_error.h"

namespace protobase::cloud {
namespace {

const UUID kWAL = *UUID::parse("11111111-0000-4000-8000-000000000000");
const UUID kId = *UUID::parse("22222222-0000-4000-8000-0000000000aa");
const std::string kLocation = "s3://bucket/prefix";

SlotHeader example() {
  SlotHeader header;
  header.number = 7;
  header.epoch = 3;
  header.commit_id = kId;
  header.store = kWAL;
  header.wal = kWAL;
  header.begin = 4096;
  header.length = 240;
  header.inline_bytes = 240;
  header.records = 2;
  header.root = RootVersion{{kWAL, 4096}, 5, 4, -1, {kWAL, 4200}, {kId, 4300}};
  header.body_hash = 99;
  return header;
}

/// `change` made to the bytes, and the checksum made right again.
template <typename Change>
std::array<std::byte, kSlotHeaderSize> forged(Change change) {
  auto bytes = write_slot_header(example());
  change(bytes.data());
  base::store_le<std::uint64_t>(bytes.data() + 248, base::xxh3({bytes.data(), 248}));
  return bytes;
}

TEST(Slot, AHeaderComesBackAsItWas) {
  SlotHeader header = example();
  EXPECT_EQ(read_slot_header(write_slot_header(header), 7, kLocation), header);
  header.root.reset();
  header.segments = 3;
  header.inline_bytes = 0;
  EXPECT_EQ(read_slot_header(write_slot_header(header), 7, kLocation), header);
}

TEST(Slot, EveryFlippedBitOfAHeaderIsFound) {
  const auto whole = write_slot_header(example());
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    auto bytes = whole;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_THROW(read_slot_header(bytes, 7, kLocation), ProtoBaseError) << "bit " << bit;
  }
}

TEST(Slot, AnotherNumberAShortObjectAndANewerVersionAreRefused) {
  const auto bytes = write_slot_header(example());
  EXPECT_THROW(read_slot_header(bytes, 8, kLocation), CorruptionError);
  EXPECT_THROW(read_slot_header(std::span(bytes).first(255), 7, kLocation), CorruptionError);
  const auto newer = forged([](std::byte* at) { base::store_le<std::uint32_t>(at + 8, 2); });
  EXPECT_THROW(read_slot_header(newer, 7, kLocation), NotSupportedError);
}

TEST(Slot, LengthsThatCannotBeAreRefusedThoughTheChecksumHolds) {
  const auto with = [](std::size_t place, std::uint64_t value) {
    return forged([=](std::byte* at) { base::store_le<std::uint64_t>(at + place, value); });
  };
  constexpr std::uint64_t kHuge = ~std::uint64_t{0};
  for (const auto& bytes : {with(80, kHuge), with(88, kHuge), with(88, 0), with(96, 241),
                            with(96, kHuge), with(104, 1), with(104, kHuge), with(224, 1)}) {
    EXPECT_THROW(read_slot_header(bytes, 7, kLocation), CorruptionError);
  }
}

TEST(Slot, ItsSizeTellsItsKind) {
  SlotHeader header = example();
  EXPECT_EQ(slot_kind_of_size(slot_object_size(header, SlotKind::kPlain)), SlotKind::kPlain);
  EXPECT_EQ(slot_kind_of_size(slot_object_size(header, SlotKind::kOther)), SlotKind::kOther);
  EXPECT_EQ(slot_kind_of_size(kSlotHeaderSize), SlotKind::kClaim);
  EXPECT_EQ(slot_kind_of_size(kSlotHeaderSize - 1), std::nullopt);
}

TEST(Slot, SegmentsEndInOrderWhereTheBodyBegins) {
  SlotHeader header = example();
  header.inline_bytes = 40;
  header.segments = 2;
  const auto read = [&](std::uint64_t first, std::uint64_t second) {
    std::array<std::byte, 56> body{};
    base::store_le<std::uint64_t>(body.data() + 40, first);
    base::store_le<std::uint64_t>(body.data() + 48, second);
    header.body_hash = base::xxh3(body);
    return read_segment_ends(header, body, kLocation);
  };
  EXPECT_EQ(read(4200, 4296), (std::vector<std::uint64_t>{4200, 4296}));
  EXPECT_THROW(read(4200, 4295), CorruptionError);
  EXPECT_THROW(read(4296, 4200), CorruptionError);
  EXPECT_THROW(read(4096, 4296), CorruptionError);
}

TEST(Slot, EveryFlippedBitOfABodyThatNamesSegmentsIsFound) {
  SlotHeader header = example();
  header.inline_bytes = 8;
  header.segments = 2;
  std::array<std::byte, 24> body{};
  base::store_le<std::uint64_t>(body.data() + 8, 4200);
  base::store_le<std::uint64_t>(body.data() + 16, 4328);
  header.body_hash = base::xxh3(body);
  EXPECT_EQ(read_segment_ends(header, body, kLocation), (std::vector<std::uint64_t>{4200, 4328}));
  for (std::size_t bit = 0; bit < body.size() * 8; ++bit) {
    body[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_THROW(read_segment_ends(header, body, kLocation), CorruptionError) << bit;
    body[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST(Slot, KeysOfSlotsAreRecognisedAndNoOthers) {
  EXPECT_EQ(slot_key(7), "log/00000000000000000007");
  EXPECT_EQ(parse_slot_key(slot_key(~std::uint64_t{0})), ~std::uint64_t{0});
  for (const char* key : {"log/7", "log/00000000000000000000", "log/0000000000000000000x",
                          "log/99999999999999999999", "lag/00000000000000000007", ""}) {
    EXPECT_EQ(parse_slot_key(key), std::nullopt) << key;
  }
}

TEST(Slot, ASegmentsKeyIsItsAddress) {
  EXPECT_EQ(segment_key({kWAL, 4096, 5000}),
            "segments/11111111-0000-4000-8000-000000000000/"
            "00000000000000004096-00000000000000005000");
  EXPECT_TRUE(segment_key({kWAL, 4096, 5000, kId})
                  .ends_with("-22222222000040008000"
                             "0000000000aa"));
}

TEST(Slot, KeysOfSegmentsAreRecognisedAndNoOthers) {
  for (const UUID& id : {UUID{}, kId}) {
    const std::string key = segment_key({kWAL, 4096, 5000, id});
    const auto name = parse_segment_key(key);
    ASSERT_TRUE(name);
    EXPECT_EQ(segment_key(*name), key);
    for (std::size_t size = 0; size < key.size(); ++size) {
      const bool is_shorter_key = !id.is_nil() && size == key.size() - 33;
      EXPECT_EQ(parse_segment_key(key.substr(0, size)).has_value(), is_shorter_key) << size;
    }
    for (std::size_t at = 0; at < key.size(); ++at) {
      std::string other = key;
      other[at] = '+';
      EXPECT_EQ(parse_segment_key(other), std::nullopt) << other;
    }
    EXPECT_EQ(parse_segment_key(key + "0"), std::nullopt);
  }
  EXPECT_EQ(parse_segment_key(segment_key({kWAL, 5000, 5000})), std::nullopt);
  EXPECT_EQ(parse_segment_key(segment_key({kWAL, 5000, 4096})), std::nullopt);
}

}  // namespace
}  // namespace protobase::cloud
