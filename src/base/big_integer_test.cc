#include "base/big_integer.h"

#include <gtest/gtest.h>

#include "protobase/atom.h"
#include "protobase/errors.h"

namespace protobase::base {
namespace {

TEST(BigInteger, EachSizeHasOneRepresentation) {
  EXPECT_EQ(parse_integer("0"), AnyInteger(std::int64_t{0}));
  EXPECT_EQ(parse_integer("9223372036854775807"), AnyInteger(INT64_MAX));
  EXPECT_EQ(parse_integer("-9223372036854775808"), AnyInteger(INT64_MIN));
  EXPECT_EQ(parse_integer("9223372036854775808"), AnyInteger(std::uint64_t{1} << 63));
  EXPECT_EQ(parse_integer("18446744073709551615"), AnyInteger(UINT64_MAX));
  EXPECT_EQ(parse_integer("18446744073709551616"), AnyInteger(std::string("18446744073709551616")));
  EXPECT_EQ(parse_integer("-9223372036854775809"), AnyInteger(std::string("-9223372036854775809")));
}

TEST(BigInteger, LeadingZerosAndTheMinusOfZeroGo) {
  EXPECT_EQ(parse_integer("-0"), AnyInteger(std::int64_t{0}));
  EXPECT_EQ(parse_integer("000"), AnyInteger(std::int64_t{0}));
  EXPECT_EQ(parse_integer("-007"), AnyInteger(std::int64_t{-7}));
  EXPECT_EQ(parse_integer("-00018446744073709551616"),
            AnyInteger(std::string("-18446744073709551616")));
}

TEST(BigInteger, EverythingElseIsRefused) {
  for (const char* text : {"", "-", "+1", "1 ", " 1", "1.0", "1e3", "0x10", "--1", "1-", "12a"}) {
    EXPECT_THROW(parse_integer(text), ValidationError) << text;
  }
}

TEST(BigInteger, LengthIsLimited) {
  EXPECT_NO_THROW(parse_integer("-" + std::string(kMaxIntegerDigits, '9')));
  EXPECT_THROW(parse_integer(std::string(kMaxIntegerDigits + 1, '9')), ValidationError);
}

}  // namespace
}  // namespace protobase::base
