#include "format/commit_record.h"

#include <gtest/gtest.h>

#include <array>

#include "base/endian.h"

namespace protobase::format {
namespace {

const UUID kWAL = *UUID::parse("0123abcd-4567-49ef-8123-456789abcdef");
const UUID kOther = *UUID::parse("99999999-4567-49ef-8123-456789abcdef");

CommitPayload example() {
  CommitPayload commit;
  commit.version = {{kWAL, 5000}, 42, 41, 1'700'000'000'000'001, {kWAL, 6000}, {kOther, 7000}};
  commit.durable_offset = 4096;
  return commit;
}

TEST(CommitRecord, IsReadAsWritten) {
  std::array<std::byte, kCommitPayloadSize> bytes;
  write_commit_payload(bytes, example());
  const CommitPayload read = read_commit_payload(bytes, {kWAL, 6000});
  EXPECT_EQ(read.version, example().version);
  EXPECT_EQ(read.durable_offset, 4096u);
}

TEST(CommitRecord, WhereItLiesComesFromTheReader) {
  std::array<std::byte, kCommitPayloadSize> bytes;
  write_commit_payload(bytes, example());
  const AtomPointer elsewhere{kOther, 8};
  EXPECT_EQ(read_commit_payload(bytes, elsewhere).version.commit, elsewhere);
}

TEST(CommitRecord, FieldsLieWhereTheFormatSays) {
  std::array<std::byte, kCommitPayloadSize> bytes;
  write_commit_payload(bytes, example());
  const auto u64 = [&](std::size_t at) { return base::load_le<std::uint64_t>(bytes.data() + at); };
  EXPECT_EQ(u64(0), 42u);
  EXPECT_EQ(u64(8), 41u);
  EXPECT_EQ(u64(16), 1'700'000'000'000'001u);
  EXPECT_EQ(std::memcmp(bytes.data() + 24, kWAL.bytes.data(), 16), 0);
  EXPECT_EQ(u64(40), 5000u);
  EXPECT_EQ(std::memcmp(bytes.data() + 48, kOther.bytes.data(), 16), 0);
  EXPECT_EQ(u64(64), 7000u);
  EXPECT_EQ(u64(72), 4096u);
}

TEST(CommitRecord, TheFirstCommitHasNoPrevious) {
  CommitPayload first;
  first.version.sequence = 1;
  first.version.time_us = -1;  // a clock before 1970 is odd, not fatal
  std::array<std::byte, kCommitPayloadSize> bytes;
  write_commit_payload(bytes, first);
  const auto read = read_commit_payload(bytes, {}).version;
  EXPECT_TRUE(read.previous_commit.transaction_id.is_nil());
  EXPECT_EQ(read.time_us, -1);
}

}  // namespace
}  // namespace protobase::format
