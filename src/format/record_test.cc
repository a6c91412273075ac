#include "format/record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protobase/shared_bytes.h"

namespace protobase::format {
namespace {

const AtomPointer kWhere{*UUID::parse("0123abcd-4567-49ef-8123-456789abcdef"), 4096};

std::vector<std::byte> record_of(std::string_view payload, RecordType type = RecordType::kData,
                                 RecordFormat format = RecordFormat::kJSON,
                                 const AtomPointer& where = kWhere) {
  std::vector<std::byte> record(stored_size(payload.size()), std::byte{0xEE});
  write_record(record, type, format, as_bytes(payload), where);
  return record;
}

/// Whether a reader would take these bytes for the record at `where`.
bool accepted(std::span<const std::byte> record, const AtomPointer& where = kWhere) {
  RecordHeader header;
  if (parse_header(record, header) != HeaderState::kValid) return false;
  if (kRecordHeaderSize + header.payload_size > record.size()) return false;
  return verify_record(record, where);
}

TEST(Record, StoredSizeIsRoundedUpToEight) {
  EXPECT_EQ(stored_size(0), 16u);
  EXPECT_EQ(stored_size(1), 24u);
  EXPECT_EQ(stored_size(8), 24u);
  EXPECT_EQ(stored_size(9), 32u);
  EXPECT_EQ(stored_size(kMaxPayloadSize), kMaxPayloadSize + 16);
}

TEST(Record, EveryTypeAndFormatIsReadAsWritten) {
  for (const auto type :
       {RecordType::kData, RecordType::kCommit, RecordType::kMark, RecordType::kVoid}) {
    for (const auto format : {RecordFormat::kRaw, RecordFormat::kJSON, RecordFormat::kMsgPack}) {
      if (type != RecordType::kData && format != RecordFormat::kRaw) continue;
      const auto record = record_of("payload", type, format);
      RecordHeader header;
      ASSERT_EQ(parse_header(record, header), HeaderState::kValid);
      EXPECT_EQ(header.type, type);
      EXPECT_EQ(header.format, format);
      EXPECT_EQ(header.payload_size, 7u);
      EXPECT_TRUE(verify_record(record, kWhere));
    }
  }
}

TEST(Record, BytesOnDiskAreFrozen) {
  const auto record = record_of("{}");
  const std::string hex = [&] {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const auto byte : record) {
      text += kDigits[static_cast<unsigned>(byte) >> 4];
      text += kDigits[static_cast<unsigned>(byte) & 15];
    }
    return text;
  }();
  EXPECT_EQ(hex.substr(0, 16), "0200000001010000");   // length, type, format, flags
  EXPECT_EQ(hex.substr(16, 16), "9861f0c4881f42a1");  // computed from the format by another program
  EXPECT_EQ(hex.substr(32), "7b7d000000000000");      // payload and padding
}

TEST(Record, PaddingIsZero) {
  const auto record = record_of("123");
  for (std::size_t i = 19; i < record.size(); ++i) EXPECT_EQ(record[i], std::byte{0}) << i;
}

TEST(Record, EverySingleBitFlipOfHeaderAndPayloadIsFound) {
  const std::string payload = "an atom of 24 bytes here";
  const auto good = record_of(payload);
  ASSERT_TRUE(accepted(good));
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(accepted(bad)) << "bit " << bit;
  }
}

TEST(Record, EveryWrongByteIsFound) {
  const auto good = record_of("abcdefgh");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      auto bad = good;
      bad[at] = static_cast<std::byte>(value);
      EXPECT_EQ(accepted(bad), bad == good) << "byte " << at << " = " << value;
    }
  }
}

TEST(Record, ReadFromAnotherPlaceItDoesNotVerify) {
  const auto record = record_of("misdirected");
  EXPECT_FALSE(accepted(record, {kWhere.transaction_id, kWhere.offset + 8}));
  AtomPointer other = kWhere;
  other.transaction_id.bytes[15] ^= 1;
  EXPECT_FALSE(accepted(record, other));
}

TEST(Record, ZerosAreNoRecord) {
  RecordHeader header;
  EXPECT_EQ(parse_header(std::vector<std::byte>(16), header), HeaderState::kEmpty);
  std::vector<std::byte> nearly(16);
  nearly[15] = std::byte{1};
  EXPECT_EQ(parse_header(nearly, header), HeaderState::kBad);
}

TEST(Record, AHeaderThatBreaksARuleIsBadAndDescribed) {
  struct Case {
    std::size_t byte;
    std::uint8_t value;
    const char* says;
  };
  for (const auto& [byte, value, says] : {Case{4, 5, "type 5"}, Case{5, 3, "format 3"},
                                          Case{6, 1, "flags 0x0001"}, Case{3, 0x81, "length 21"}}) {
    auto record = record_of("{}");
    record[byte] = static_cast<std::byte>(value);
    RecordHeader header;
    EXPECT_EQ(parse_header(record, header), HeaderState::kBad) << says;
    EXPECT_NE(describe_bad_header(record).find(says), std::string::npos)
        << describe_bad_header(record);
  }
}

TEST(Record, OnlyDataHasAFormat) {
  auto record = record_of("mark", RecordType::kMark, RecordFormat::kRaw);
  record[5] = std::byte{1};
  RecordHeader header;
  EXPECT_EQ(parse_header(record, header), HeaderState::kBad);
}

TEST(Record, LongestLengthIsTwoGiB) {
  std::vector<std::byte> record = record_of("x");
  RecordHeader header;
  base::store_le<std::uint32_t>(record.data(), static_cast<std::uint32_t>(kMaxPayloadSize));
  EXPECT_EQ(parse_header(record, header), HeaderState::kValid);
  base::store_le<std::uint32_t>(record.data(), static_cast<std::uint32_t>(kMaxPayloadSize + 1));
  EXPECT_EQ(parse_header(record, header), HeaderState::kBad);
}

TEST(Record, AMismatchNamesBothChecksums) {
  auto record = record_of("checked");
  record[16] ^= std::byte{1};
  const std::string text = describe_mismatch(record, kWhere);
  EXPECT_NE(text.find("expected checksum "), std::string::npos) << text;
  EXPECT_NE(text.find(", found "), std::string::npos) << text;
}

TEST(Record, SealingInPlaceGivesTheSameBytes) {
  const std::string payload = "prepared outside the lock";
  std::vector<std::byte> sealed(stored_size(payload.size()), std::byte{0xEE});
  std::memcpy(sealed.data() + kRecordHeaderSize, payload.data(), payload.size());
  seal_record(sealed, RecordType::kData, RecordFormat::kJSON, payload.size(),
              hash_payload(as_bytes(payload)), kWhere);
  EXPECT_EQ(sealed, record_of(payload));
}

}  // namespace
}  // namespace protobase::format
