#include "cloud/http_date.h"

#include <gtest/gtest.h>

namespace protobase::cloud {
namespace {

TEST(HTTPDate, WritesTheTimeOfASignature) {
  EXPECT_EQ(to_basic_time(0), "19700101T000000Z");
  EXPECT_EQ(to_basic_time(1369353600), "20130524T000000Z");
  EXPECT_EQ(to_basic_time(951827696), "20000229T123456Z");
  EXPECT_EQ(to_basic_time(4102444799), "20991231T235959Z");
}

TEST(HTTPDate, ReadsHeaders) {
  EXPECT_EQ(parse_http_date("Fri, 24 May 2013 00:00:00 GMT"), 1369353600);
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:01 GMT"), 1);
  EXPECT_EQ(parse_http_date("Tue, 29 Feb 2000 12:34:56 GMT"), 951827696);
}

TEST(HTTPDate, ReadsTimesOfListings) {
  EXPECT_EQ(parse_iso_time_us("2013-05-24T00:00:00Z"), 1369353600'000'000);
  EXPECT_EQ(parse_iso_time_us("2013-05-24T00:00:00.000Z"), 1369353600'000'000);
  EXPECT_EQ(parse_iso_time_us("2013-05-24T00:00:00.5Z"), 1369353600'500'000);
  EXPECT_EQ(parse_iso_time_us("2013-05-24T00:00:00.123456789Z"), 1369353600'123'456);
}

TEST(HTTPDate, ALeapSecondCountsAsTheOneBefore) {
  EXPECT_EQ(parse_iso_time_us("2016-12-31T23:59:60Z"), parse_iso_time_us("2016-12-31T23:59:59Z"));
}

TEST(HTTPDate, WhatIsNoMomentIsRefused) {
  for (const char* text : {"", "Fri", "Fri, 24 May 2013 00:00:00", "Fri, 24 May 2013 00:00:00 GMT ",
                           "Fri, 4 May 2013 00:00:00 GMT", "Fri, 24 Mai 2013 00:00:00 GMT",
                           "Xxx, 24 May 2013 00:00:00 GMT", "Fri, 31 Apr 2013 00:00:00 GMT",
                           "Fri, 24 May 1969 00:00:00 GMT", "Fri, 24 May 2013 24:00:00 GMT"}) {
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
  }
  for (const char* text :
       {"", "2013-05-24", "2013-05-24T00:00:00", "2013-05-24T00:00:00.Z", "2013-13-24T00:00:00Z",
        "2013-02-29T00:00:00Z", "2013-05-24T00:61:00Z", "2013-05-24 00:00:00Z",
        "-013-05-24T00:00:00Z", "2013-05-24T00:00:00+01:00", "2013-05-24T00:00:00ZZ"}) {
    EXPECT_EQ(parse_iso_time_us(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace protobase::cloud
