// Records without checksums: what counts as damage and what does not, and where a scan goes on.
#include "engine/legacy_scan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/endian.h"
#include "os/file_system.h"
#include "protobase/shared_bytes.h"

namespace protobase::engine {
namespace {

bool is_damaged(const std::string& payload, RecordFormat format = RecordFormat::kJSON,
                std::uint64_t header_size = 9) {
  return find_legacy_damage(as_bytes(payload), {header_size, payload.size(), format}).has_value();
}

TEST(LegacyDamage, WhatDecodesIsNone) {
  for (const char* text :
       {"{}", R"({"a":[1,NaN,-Infinity]})", "null", " [1] ", "12345678901234567890123"}) {
    EXPECT_FALSE(is_damaged(text)) << text;
  }
  EXPECT_FALSE(is_damaged("\x81\xA1\x61\x01", RecordFormat::kMsgPack));
  EXPECT_FALSE(is_damaged("\xFF\xFE any bytes", RecordFormat::kRaw));
}

TEST(LegacyDamage, LoneSurrogatesAreNone) {
  for (const char* text : {R"({"a":"\ud800"})", R"(["\udfffx\uD83D\uDE00","\\ud800"])",
                           R"({"\ud800":1,"\ud801":2})"}) {
    EXPECT_FALSE(is_damaged(text)) << text;
  }
  EXPECT_TRUE(is_damaged(R"({"a":"\ud8"})"));
  EXPECT_TRUE(is_damaged(R"({"a":"\ud800)"));
}

TEST(LegacyDamage, BytesThatSomebodyCalledJSONAreNone) {
  EXPECT_FALSE(is_damaged("not json at all"));
  EXPECT_FALSE(is_damaged(""));
  EXPECT_TRUE(is_damaged("not utf-8 \xFF"));
}

TEST(LegacyDamage, BrokenAtomsAre) {
  for (const char* text :
       {R"({"a":1)", R"(x"a":1})", R"({"a"=1})", R"({"a":"b\x01"})", "[1,]", "12z4"}) {
    EXPECT_TRUE(is_damaged(text)) << text;
  }
  EXPECT_TRUE(is_damaged("\x82\xA1\x61\x01", RecordFormat::kMsgPack));
  EXPECT_TRUE(is_damaged("\xC1", RecordFormat::kMsgPack));
}

TEST(LegacyDamage, WithoutAFormatByteJSONIsOnlyAGuess) {
  const auto is_damaged_old = [](const std::string& text) {
    return is_damaged(text, RecordFormat::kJSON, 8);
  };
  EXPECT_FALSE(is_damaged_old("[bytes \xFF that begin like JSON"));
  EXPECT_TRUE(is_damaged_old("{\"a\":\"\xFF\"}"));
}

class LegacyScanTest : public ::testing::Test {
 protected:
  std::uint64_t add(RecordFormat format, const std::string& payload) {
    const std::uint64_t at = file_.size();
    std::string header(9, static_cast<char>(format));
    base::store_le<std::uint64_t>(reinterpret_cast<std::byte*>(header.data()), payload.size());
    file_ += header + payload;
    return at;
  }
  void set_length(std::uint64_t at, std::uint64_t length) {
    base::store_le<std::uint64_t>(reinterpret_cast<std::byte*>(file_.data() + at), length);
  }
  /// [unread_, unread_ + 1) cannot be read.
  std::vector<RecordInfo> scan() {
    std::vector<RecordInfo> found;
    const auto read = [this](std::uint64_t offset, std::span<std::byte> out) {
      if (offset <= unread_ && unread_ < offset + out.size()) throw os::ReadError("bad sector");
      std::ranges::copy(as_bytes(file_).subspan(offset, out.size()), out.begin());
    };
    scan_legacy_wal(UUID{}, file_.size(), read, [&](const RecordInfo& info, auto) {
      found.push_back(info);
      return true;
    });
    return found;
  }

  std::string file_;
  std::uint64_t unread_ = ~std::uint64_t{0};
};

TEST_F(LegacyScanTest, ADamagedPayloadIsOneBadPlace) {
  add(RecordFormat::kJSON, "[1]");
  const std::uint64_t bad = add(RecordFormat::kJSON, "[2");
  add(RecordFormat::kMsgPack, "\x01");
  const auto found = scan();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[1].kind, RecordKind::kBad);
  EXPECT_EQ(found[1].pointer.offset, bad);
  EXPECT_EQ(found[2].kind, RecordKind::kData);
}

TEST_F(LegacyScanTest, APayloadThatCannotBeReadIsOneBadPlace) {
  const std::uint64_t bad = add(RecordFormat::kRaw, std::string(3 << 20, 'x'));
  add(RecordFormat::kRaw, "y");
  unread_ = bad + (2 << 20);
  const auto found = scan();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].kind, RecordKind::kBad);
  EXPECT_NE(found[0].reason.find("bad sector"), std::string::npos);
  EXPECT_EQ(found[1].kind, RecordKind::kData);
}

TEST_F(LegacyScanTest, ARecordBeforeAHeaderThatCannotBeReadIsWhole) {
  add(RecordFormat::kRaw, "whole");
  unread_ = add(RecordFormat::kRaw, "lost");
  add(RecordFormat::kRaw, "lost too: nothing says where it begins");
  const auto found = scan();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].kind, RecordKind::kData);
  EXPECT_EQ(found[1].kind, RecordKind::kBad);
  EXPECT_EQ(found[1].pointer.offset + found[1].stored_size, file_.size());
}

TEST_F(LegacyScanTest, BehindWhatSalvageMarkedTheScanGoesOn) {
  const std::uint64_t lost = add(RecordFormat::kRaw, "lost bytes");
  add(RecordFormat::kRaw, "kept");
  set_length(lost, kLegacyLost | 10);
  const auto found = scan();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].kind, RecordKind::kBad);
  EXPECT_EQ(found[1].kind, RecordKind::kData);
  set_length(lost, kLegacyLost | 1000);
  EXPECT_EQ(scan().size(), 1u) << "a length beyond the end tells nothing";
}

}  // namespace
}  // namespace protobase::engine
