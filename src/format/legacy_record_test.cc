#include "format/legacy_record.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "base/endian.h"
#include "protobase/errors.h"
#include "protobase/shared_bytes.h"

namespace protobase::format {
namespace {

const UUID kWAL = *UUID::parse("11111111-2222-4333-8444-555555555555");

/// Builds a WAL as the Python storage wrote it.
class LegacyWAL {
 public:
  std::uint64_t add(std::string_view payload, int format_byte) {
    const std::uint64_t offset = bytes_.size();
    add_length(payload.size());
    if (format_byte >= 0) bytes_ += static_cast<char>(format_byte);
    bytes_ += payload;
    return offset;
  }
  void add_length(std::uint64_t length) {
    char field[8];
    std::memcpy(field, &length, sizeof field);
    bytes_.append(field, sizeof field);
  }
  void cut(std::size_t size) { bytes_.resize(size); }

  LegacyRecord parse(std::uint64_t offset) const {
    const auto read = [&](std::uint64_t at, std::span<std::byte> out) {
      ASSERT_LE(at + out.size(), bytes_.size()) << "reads outside the WAL";
      std::memcpy(out.data(), bytes_.data() + at, out.size());
    };
    return parse_legacy_record(read, bytes_.size(), {kWAL, offset});
  }

 private:
  std::string bytes_;
};

TEST(LegacyRecord, TheFormatByteIsRead) {
  LegacyWAL wal;
  const auto raw = wal.add("\x01\x02\x03", 0);
  const auto json = wal.add("{}", 1);
  const auto msgpack = wal.add("\x80", 2);
  EXPECT_EQ(wal.parse(raw).format, RecordFormat::kRaw);
  EXPECT_EQ(wal.parse(json).format, RecordFormat::kJSON);
  EXPECT_EQ(wal.parse(msgpack).format, RecordFormat::kMsgPack);
  EXPECT_EQ(wal.parse(json).header_size, 9u);
  EXPECT_EQ(wal.parse(json).payload_size, 2u);
  EXPECT_EQ(wal.parse(json).stored_size(), 11u);
}

TEST(LegacyRecord, TheOldestOnesHaveNone) {
  LegacyWAL wal;
  const auto json = wal.add("{\"a\": 1}", -1);
  const auto raw = wal.add("\xFFxyz", -1);
  EXPECT_EQ(wal.parse(json).format, RecordFormat::kJSON);
  EXPECT_EQ(wal.parse(json).header_size, 8u);
  EXPECT_EQ(wal.parse(raw).format, RecordFormat::kRaw);
}

TEST(LegacyRecord, AnOldPayloadThatLooksLikeAFormatByteIsToldByTheChainBehindIt) {
  LegacyWAL wal;
  const auto misleading = wal.add(std::string("\x01\x02\x03\x04", 4), -1);
  for (int i = 0; i < 5; ++i) wal.add("{\"n\": 1}", -1);
  EXPECT_EQ(wal.parse(misleading).header_size, 8u);
  EXPECT_EQ(wal.parse(misleading).payload_size, 4u);
}

TEST(LegacyRecord, BothLayoutsMayFollowEachOther) {
  LegacyWAL wal;
  wal.add("{\"old\": 1}", -1);
  const auto modern = wal.add("{\"new\": 1}", 1);
  EXPECT_EQ(wal.parse(modern).header_size, 9u);
}

TEST(LegacyRecord, AtTheEndAndPastItThereIsNone) {
  LegacyWAL wal;
  wal.add("{}", 1);
  EXPECT_THROW(wal.parse(11), NotFoundError);
  EXPECT_THROW(wal.parse(12), NotFoundError);
  EXPECT_THROW(wal.parse(~std::uint64_t{0}), NotFoundError);
  EXPECT_THROW(LegacyWAL().parse(0), NotFoundError);
}

TEST(LegacyRecord, ACutOffRecordIsCorrupt) {
  for (const std::size_t size : {1, 7, 8, 9}) {
    LegacyWAL wal;
    wal.add("{}", 1);
    wal.cut(size);
    EXPECT_THROW(wal.parse(0), CorruptionError) << size;
  }
}

TEST(LegacyRecord, AnAbsurdLengthIsCorruptAndNamed) {
  LegacyWAL wal;
  wal.add_length(~std::uint64_t{0});
  wal.add("{}", 1);
  try {
    wal.parse(0);
    ADD_FAILURE();
  } catch (const CorruptionError& error) {
    EXPECT_NE(std::string(error.what()).find("18446744073709551615"), std::string::npos);
    EXPECT_EQ(error.where(), (AtomPointer{kWAL, 0}));
  }
}

}  // namespace
}  // namespace protobase::format
