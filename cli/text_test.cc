#include "cli/text.h"

#include <gtest/gtest.h>

#include "cli/human_text.h"

namespace protobase::cli {
namespace {

TEST(TextTest, TimesAreRFC3339InUTCWithMicroseconds) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(rfc3339(951'868'799'000'001), "2000-02-29T23:59:59.000001Z");
  EXPECT_EQ(rfc3339(4'102'444'800'000'000), "2100-01-01T00:00:00.000000Z");
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999999Z");
}

TEST(TextTest, AMessageStaysOneLineAndKeepsItsUTF8) {
  EXPECT_EQ(one_line("a\nb\tc\x7f\x1b[0m"), "a\\nb\\x09c\\x7f\\x1b[0m");
  EXPECT_EQ(one_line("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(TextTest, OfALongLineTheFirstColumnsAreWholeCharacters) {
  EXPECT_EQ(first_columns("caf\xc3\xa9s", 4), "caf\xc3\xa9");
  EXPECT_EQ(first_columns("caf\xc3\xa9", 4), "caf\xc3\xa9");
  EXPECT_EQ(first_columns("caf\xc3\xa9", 3), "caf");
  EXPECT_EQ(first_columns("short", 80), "short");
  EXPECT_EQ(first_columns("\xa9\xa9", 0), "\xa9\xa9") << "what goes on with nothing has no column";
}

TEST(TextTest, BytesCountsAndDurationsAreForPeople) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "16.0 EiB");
  EXPECT_EQ(human_count(7), "7");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1'000), "1,000");
  EXPECT_EQ(human_count(1'234'567), "1,234,567");
  EXPECT_EQ(human_duration(850e-9), "850 ns");
  EXPECT_EQ(human_duration(12.34e-6), "12.3 us");
  EXPECT_EQ(human_duration(4.56e-3), "4.56 ms");
  EXPECT_EQ(human_duration(1.2), "1.20 s");
}

}  // namespace
}  // namespace protobase::cli
