#include "cloud/url.h"

#include <gtest/gtest.h>

#include "testing/expect_error.h"

namespace protobase::cloud {
namespace {

using testing::expect_error;

TEST(URL, EncodesEverythingButTheUnreserved) {
  EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(percent_encode(" +%/*'()!?&=#"), "%20%2B%25%2F%2A%27%28%29%21%3F%26%3D%23");
  EXPECT_EQ(percent_encode("\xc3\xa4\xff"), "%C3%A4%FF");
  EXPECT_EQ(percent_encode(std::string_view("\0\n", 2)), "%00%0A");
}

TEST(URL, APathKeepsItsSlashesAndDots) {
  EXPECT_EQ(percent_encode_path("/a//b/../c/./ d+"), "/a//b/../c/./%20d%2B");
}

TEST(URL, DecodesWhatItEncoded) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all), false), all);
  EXPECT_EQ(percent_decode("a+b%2b%2B", false), "a+b++");
  EXPECT_EQ(percent_decode("a+b%2B", true), "a b+");
}

TEST(URL, ABrokenPercentIsNoText) {
  for (const char* text : {"%", "a%1", "%g0", "%0g", "%+1", "% 1", "%-1", "%0x"}) {
    EXPECT_EQ(percent_decode(text, false), std::nullopt) << text;
  }
}

TEST(URL, AQueryIsSortedByEncodedNamesThenValues) {
  EXPECT_EQ(query_text({}), "");
  EXPECT_EQ(query_text({{"b", ""}, {"a", "2"}, {"a", "10"}, {"A", "x y"}}), "A=x%20y&a=10&a=2&b=");
  // "a" comes before "a-b", though '-' comes before '='.
  EXPECT_EQ(query_text({{"a-b", "1"}, {"a", "2"}, {"", "e"}}), "=e&a=2&a-b=1");
  // Encoded, '/' is %2F and comes before '-'; not encoded, behind.
  EXPECT_EQ(query_text({{"-", ""}, {"/", ""}}), "%2F=&-=");
}

TEST(URL, AnEndpointShowsItsPortOnlyIfItIsNotTheSchemesOwn) {
  EXPECT_EQ(parse_endpoint("https://s3.Example.com", "x").origin(), "https://s3.example.com");
  EXPECT_EQ(parse_endpoint("https://s3.example.com:443/", "x").authority(), "s3.example.com");
  EXPECT_EQ(parse_endpoint("http://s3.example.com:443", "x").authority(), "s3.example.com:443");
  EXPECT_EQ(parse_endpoint("http://host:80", "x").authority(), "host");
  EXPECT_EQ(parse_endpoint("http://127.0.0.1:9000", "x").authority(), "127.0.0.1:9000");
  EXPECT_EQ(parse_endpoint("http://[::1]:9000", "x").authority(), "[::1]:9000");
  EXPECT_EQ(parse_endpoint("http://[::1]", "x").authority(), "[::1]");
}

TEST(URL, NothingStandsInFrontOfAnAddress) {
  EXPECT_TRUE(parse_endpoint("http://127.0.0.1:9000", "x").is_address());
  EXPECT_TRUE(parse_endpoint("http://[::1]", "x").is_address());
  EXPECT_TRUE(parse_endpoint("http://LOCALHOST:1", "x").is_address());
  EXPECT_FALSE(parse_endpoint("http://s3.1.example", "x").is_address());
}

TEST(URL, ThisMachineIsNoNameOfAnother) {
  for (const char* url : {"http://localhost", "http://LOCALHOST:1", "http://127.0.0.1:9000",
                          "https://127.8.9.10", "http://[::1]:1"}) {
    EXPECT_TRUE(parse_endpoint(url, "x").is_this_machine()) << url;
  }
  for (const char* url : {"http://127.0.0.1.evil.example", "http://localhost.example",
                          "http://128.0.0.1", "http://[::2]", "http://169.254.170.2"}) {
    EXPECT_FALSE(parse_endpoint(url, "x").is_this_machine()) << url;
  }
}

TEST(URL, WhatIsNoEndpointIsRefusedWithoutShowingSecrets) {
  for (const char* url : {"", "host", "ftp://host", "HTTP://host", "http://", "http:///",
                          "http://host/path", "http://host?x=1", "http://host#x", "http://host:0",
                          "http://host:65536", "http://host:", "http://host:8o", "http://ho st",
                          "http://[::1", "http://[]", "http://[zz::1]", "http://a\r\nb"}) {
    expect_error<ValidationError>([&] { parse_endpoint(url, "endpoint_url"); }, {"endpoint_url"});
  }
  try {
    parse_endpoint("http://user:PASSWORD@host", "x");
    FAIL();
  } catch (const ValidationError& error) {
    EXPECT_EQ(std::string(error.what()).find("PASSWORD"), std::string::npos);
  }
}

}  // namespace
}  // namespace protobase::cloud
