#include "format/legacy_space.h"

#include <gtest/gtest.h>

#include "protobase/errors.h"

namespace protobase::format {
namespace {

TEST(SpaceRoot, IsAPointerAsJSON) {
  const auto root = parse_space_root(
      "{\"transaction_id\": \"6deb67f5-97f4-401c-bd97-2c193d4992bb\", \"offset\": 50}");
  EXPECT_EQ(root.to_string(), "6deb67f5-97f4-401c-bd97-2c193d4992bb:50");
}

TEST(SpaceRoot, AnythingElseIsCorrupt) {
  for (const std::string text :
       {"", "{", "[]", "{}", "{\"transaction_id\": \"6deb67f5-97f4-401c-bd97-2c193d4992bb\"}",
        "{\"offset\": 50}", "{\"transaction_id\": \"nobody\", \"offset\": 50}",
        "{\"transaction_id\": 7, \"offset\": 50}",
        "{\"transaction_id\": \"6deb67f5-97f4-401c-bd97-2c193d4992bb\", \"offset\": -1}",
        "{\"transaction_id\": \"6deb67f5-97f4-401c-bd97-2c193d4992bb\", \"offset\": \"50\"}"}) {
    try {
      parse_space_root(text);
      ADD_FAILURE() << text;
    } catch (const CorruptionError& error) {
      EXPECT_NE(std::string(error.what()).find("space_root"), std::string::npos);
    }
  }
}

TEST(SpaceConfig, IsAnINIFile) {
  const auto values = parse_space_config(
      "# of a space\n[Storage]\nBuffer_Size = 1048576\r\nname: a = b\n\n; end\n[other]\nempty =\n");
  EXPECT_EQ(values.at("Storage.buffer_size"), "1048576");
  EXPECT_EQ(values.at("Storage.name"), "a = b");
  EXPECT_EQ(values.at("other.empty"), "");
  EXPECT_EQ(values.size(), 3u);
}

TEST(SpaceConfig, ALineThatIsNoneIsNamed) {
  for (const std::string text : {"[a]\nwhat\n", "x = 1\n"}) {
    EXPECT_THROW(parse_space_config(text), CorruptionError) << text;
  }
}

}  // namespace
}  // namespace protobase::format
