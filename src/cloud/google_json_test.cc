#include "cloud/google_json.h"

#include <gtest/gtest.h>

#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

TEST(GoogleJSON, AListHasObjectsAndATokenForMore) {
  const auto page = parse_google_list(
      R"({"kind":"storage#objects","nextPageToken":"t","items":[
          {"name":"p/a","size":"5","generation":"17","updated":"2020-01-01T00:00:00.5Z"},
          {"name":"p/b","size":"0","generation":"18"}]})",
      "p/");
  EXPECT_EQ(page.next_page_token, "t");
  ASSERT_EQ(page.objects.size(), 2u);
  EXPECT_EQ(page.objects[0].key, "a");
  EXPECT_EQ(page.objects[0].size, 5u);
  EXPECT_EQ(page.objects[0].version, "17");
  EXPECT_EQ(page.objects[0].last_modified_us, 1'577'836'800'500'000);
  EXPECT_EQ(page.objects[1].last_modified_us, 0) << "not told";
}

TEST(GoogleJSON, AnEmptyListHasNoItems) {
  EXPECT_TRUE(parse_google_list("{}", "").objects.empty());
  EXPECT_TRUE(parse_google_list(R"({"items":null})", "").objects.empty());
}

TEST(GoogleJSON, WhatDoesNotFitIsRefused) {
  for (const char* text :
       {"", "[]", "nonsense", R"({"items":{}})", R"({"items":[1]})", R"({"items":[{}]})",
        R"({"items":[{"name":"p/a","size":"5"}]})",
        R"({"items":[{"name":"p/a","size":"5","generation":"0"}]})",
        R"({"items":[{"name":"p/a","size":"-5","generation":"1"}]})",
        R"({"items":[{"name":"p/a","size":5,"generation":"1"}]})",
        R"({"items":[{"name":"q/a","size":"5","generation":"1"}]})",
        R"({"items":[{"name":"p/a","size":"99999999999999999999","generation":"1"}]})"}) {
    EXPECT_THROW(parse_google_list(text, "p/"), ValidationError) << text;
  }
  EXPECT_THROW(parse_google_json(std::string(5000, '[')), ValidationError) << "bounded depth";
}

TEST(GoogleJSON, ErrorsComeInThreeForms) {
  auto error = parse_google_error(
      R"({"error":{"code":403,"message":"no","errors":[{"reason":"forbidden"}]}})");
  EXPECT_EQ(error.reason, "forbidden");
  EXPECT_EQ(error.message, "no");
  error = parse_google_error(R"({"error":"invalid_grant","error_description":"bad"})");
  EXPECT_EQ(error.reason, "invalid_grant");
  EXPECT_EQ(error.message, "bad");
  error = parse_google_error("No such object: b/k");
  EXPECT_EQ(error.reason, "");
  EXPECT_EQ(error.message, "No such object: b/k");
  EXPECT_EQ(parse_google_error("").message, "");
  EXPECT_EQ(parse_google_error(R"({"error":7})").message, R"({"error":7})");
}

TEST(GoogleJSON, WordsAreShortAndOnOneLine) {
  EXPECT_EQ(store_words("a\r\nb\t"), "a  b");
  EXPECT_EQ(store_words(std::string(1000, 'x')).size(), kMaxStoreWords);
  EXPECT_EQ(store_words("good\xFF hidden"), "good");
  EXPECT_EQ(store_words(std::string(kMaxStoreWords - 1, 'x') + "\xC3\xA4").size(),
            kMaxStoreWords - 1)
      << "not cut within a character";
}

}  // namespace
}  // namespace protobase::cloud
