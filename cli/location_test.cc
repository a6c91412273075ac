#include "cli/location.h"

#include <gtest/gtest.h>

#include "cli/exit_status.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

std::string directory(const std::string& text) {
  return std::get<DirectoryLocation>(parse_location(text)).path;
}

BucketLocation bucket(const std::string& text) {
  return std::get<BucketLocation>(parse_location(text));
}

/// What the user is told.
std::string refusal(const std::string& text) {
  try {
    parse_location(text);
  } catch (const UsageError& error) {
    return error.what();
  }
  ADD_FAILURE() << text << " was accepted";
  return {};
}

TEST(LocationTest, APlainPathIsADirectory) {
  for (const char* path :
       {"people", "./people", "/var/people", "a b", "dir/with:colon", ":x", "1:x", "a?b=c"}) {
    EXPECT_EQ(directory(path), path);
  }
}

TEST(LocationTest, FileTakesAnyPathAsItIs) {
  EXPECT_EQ(directory("file:people"), "people");
  EXPECT_EQ(directory("file:s3:odd name"), "s3:odd name");
  EXPECT_EQ(directory("file:s3://bucket/prefix?region=x"), "s3://bucket/prefix?region=x");
  EXPECT_EQ(directory("file:/var/people"), "/var/people");
}

TEST(LocationTest, NothingIsNoPath) {
  EXPECT_THROW(parse_location(""), UsageError);
  EXPECT_THROW(parse_location("file:"), UsageError);
}

TEST(LocationTest, AnUnknownSchemeIsWrongUsageAndNamesTheWayOut) {
  EXPECT_NE(refusal("ftp:people").find("file:ftp:people"), std::string::npos);
}

TEST(LocationTest, ASchemeMayHaveCapitals) {
  EXPECT_EQ(bucket("S3://data").kind, BucketKind::kS3);
  EXPECT_EQ(bucket("Gs://data").kind, BucketKind::kGoogle);
  EXPECT_EQ(directory("FILE:people"), "people");
}

TEST(LocationTest, ABucketAloneIsEnough) {
  const BucketLocation s3 = bucket("s3://data");
  EXPECT_EQ(s3.kind, BucketKind::kS3);
  EXPECT_EQ(s3.bucket, "data");
  EXPECT_EQ(s3.prefix, "");
  EXPECT_EQ(s3.endpoint_url, "");
  EXPECT_EQ(s3.region, "");
  EXPECT_FALSE(s3.path_style);
  EXPECT_EQ(bucket("gs://data/").kind, BucketKind::kGoogle);
  EXPECT_EQ(bucket("gs://data/").prefix, "");
}

TEST(LocationTest, APrefixIsTakenAsItIs) {
  EXPECT_EQ(bucket("s3://data/a/b c/%41/#x&y=z").prefix, "a/b c/%41/#x&y=z");
  EXPECT_EQ(bucket("s3://data//a/").prefix, "/a/");
}

TEST(LocationTest, ParametersAreDecoded) {
  const BucketLocation s3 =
      bucket("s3://data/p?endpoint=https%3A%2F%2Fhost%3A9000&region=eu-central-1&path_style=true");
  EXPECT_EQ(s3.endpoint_url, "https://host:9000");
  EXPECT_EQ(s3.region, "eu-central-1");
  EXPECT_TRUE(s3.path_style);
  EXPECT_FALSE(bucket("s3://data?path_style=false").path_style);
  EXPECT_EQ(bucket("s3://data?endpoint=http://h:1").endpoint_url, "http://h:1");
  EXPECT_EQ(bucket("gs://data/p?endpoint=http://a+b").endpoint_url, "http://a+b");
}

TEST(LocationTest, WrongLocationsOfBucketsAreToldTheRightForm) {
  for (const char* text :
       {"s3:", "s3:bucket", "s3:/bucket/x", "s3://", "s3:///prefix", "s3://?region=x", "gs://",
        "s3://b/p?path_style=yes", "s3://b/p?path_style", "s3://b/p?region=", "s3://b/p?bucket=x",
        "s3://b/p?region=a&region=b", "s3://b/p?region=%4", "s3://b/p?region=a&&path_style=true",
        "s3://b/p?Region=a", "gs://b/p?region=a", "gs://b/p?path_style=true"}) {
    const std::string form = text[0] == 's' ? "s3://BUCKET/PREFIX" : "gs://BUCKET/PREFIX";
    EXPECT_NE(refusal(text).find(form), std::string::npos) << text;
  }
}

TEST(LocationTest, TheArgumentIsNamedAsTheCommandNamesIt) {
  for (const char* text : {"", "ftp:x", "s3:bucket", "s3://", "s3://a@b/p", "s3://b/p?region=",
                           "s3://b/p?bucket=x", "gs://b/p?endpoint=a&endpoint=b"}) {
    for (const char* argument : {"SPACE", "FROM", "TO"}) {
      try {
        parse_location(text, argument);
        ADD_FAILURE() << text;
      } catch (const UsageError& error) {
        EXPECT_TRUE(std::string_view(error.what()).starts_with(argument)) << error.what();
      }
    }
  }
  EXPECT_EQ(std::get<BucketLocation>(parse_location("s3://data", "TO")).argument, "TO");
}

TEST(LocationTest, CredentialsDoNotBelongOnTheCommandLineAndAreNotRepeated) {
  for (const char* text :
       {"s3://AKIA:hidden@bucket/p", "s3://user@bucket/hidden", "gs://AKIA:hidden@bucket/p",
        "s3://AKIA:hid/den@bucket/hidden", "s3://b/p?endpoint=https://user:hidden@host",
        "s3://b/p?endpoint=user%3Ahidden%40host"}) {
    const std::string told = refusal(text);
    EXPECT_NE(told.find("environment"), std::string::npos) << told;
    EXPECT_EQ(told.find("hid"), std::string::npos) << told;
  }
  EXPECT_EQ(refusal("s3://b/p?secret_key=hidden").find("hidden"), std::string::npos);
  EXPECT_EQ(refusal("S3://AKIA:hidden@bucket/p").find("hidden"), std::string::npos);
  EXPECT_EQ(refusal("s3a://AKIA:hidden@bucket/p").find("hidden"), std::string::npos);
}

TEST(LocationTest, ABucketInPlaceOfADirectoryIsNamedWithAdvice) {
  EXPECT_EQ(directory_of(parse_location("people"), "copy it"), "people");
  try {
    directory_of(parse_location("gs://data/p", "TO"), "copy it");
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "TO gs://data/p is a bucket: copy it");
  }
}

TEST(LocationTest, PointersAndWALIdsAreReadStrictly) {
  const std::string id = "0b3ff0a4-9c5e-4a39-8a56-6f5b8d0f0c11";
  EXPECT_EQ(parse_pointer(id + ":4096").to_string(), id + ":4096");
  EXPECT_EQ(parse_wal_id(id).to_string(), id);
  EXPECT_THROW(parse_pointer(id), UsageError);
  EXPECT_THROW(parse_pointer(id + ":x"), UsageError);
  EXPECT_THROW(parse_wal_id(id + ":4096"), UsageError);
}

}  // namespace
}  // namespace protobase::cli
