#include "cli/location.h"

#include <gtest/gtest.h>

#include "cli/exit_status.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

TEST(LocationTest, APlainPathIsADirectory) {
  for (const char* path :
       {"people", "./people", "/var/people", "a b", "dir/with:colon", ":x", "1:x"}) {
    EXPECT_EQ(parse_location(path).directory, path);
  }
}

TEST(LocationTest, FileTakesAnyPathAsItIs) {
  EXPECT_EQ(parse_location("file:people").directory, "people");
  EXPECT_EQ(parse_location("file:s3:odd name").directory, "s3:odd name");
  EXPECT_EQ(parse_location("file:/var/people").directory, "/var/people");
}

TEST(LocationTest, NothingIsNoPath) {
  EXPECT_THROW(parse_location(""), UsageError);
  EXPECT_THROW(parse_location("file:"), UsageError);
}

TEST(LocationTest, AnUnknownSchemeIsWrongUsageAndNamesTheWayOut) {
  try {
    parse_location("ftp:people");
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("file:ftp:people"), std::string::npos) << error.what();
  }
}

TEST(LocationTest, BucketsAreValidButNotInThisBuild) {
  EXPECT_THROW(parse_location("s3://bucket/prefix"), NotSupportedError);
  EXPECT_THROW(parse_location("gs://bucket/prefix"), NotSupportedError);
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
