#include "base/ascii.h"

#include <gtest/gtest.h>

namespace protobase::base {
namespace {

TEST(ASCII, OnlyItsLettersHaveACase) {
  EXPECT_EQ(lower_case("AZaz09@[`{-\xc3\x84"), "azaz09@[`{-\xc3\x84");
  EXPECT_EQ(lower_case(""), "");
}

TEST(ASCII, BlanksAroundATextDoNotCount) {
  EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
  EXPECT_EQ(trimmed("a"), "a");
  EXPECT_EQ(trimmed(" \n"), "");
  EXPECT_EQ(trimmed(""), "");
}

}  // namespace
}  // namespace protobase::base
