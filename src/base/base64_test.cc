#include "base/base64.h"

#include <gtest/gtest.h>

#include <random>

namespace protobase::base {
namespace {

std::string encoded(std::string_view text) {
  std::string out;
  append_base64(as_bytes(text), out);
  return out;
}

TEST(Base64, TestVectorsOfTheRFC) {
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foob"), "Zm9vYg==");
  EXPECT_EQ(encoded("fooba"), "Zm9vYmE=");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encoded("\xFB\xFF\xFE"), "+//+");
}

TEST(Base64, WhatIsEncodedComesBack) {
  std::mt19937 random(7);
  for (std::size_t size = 0; size < 200; ++size) {
    Bytes bytes(size);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 0xFF);
    std::string text;
    append_base64(bytes, text);
    ASSERT_EQ(decode_canonical_base64(text), bytes) << text;
  }
}

TEST(Base64, OnlyTheCanonicalTextIsRead) {
  for (const char* text :
       {"Zg", "Zg=", "Zg===", "====", "=", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm9v\n", " Zm9v",
        "Zm-_", "Zm9v=", "Zm=v", "Z=9v", "\xC3\xA9\xC3\xA9"}) {
    EXPECT_EQ(decode_canonical_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace protobase::base
