#include "cli/input.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "protobase/errors.h"
#include "testing/temporary_directory.h"

namespace protobase::cli {
namespace {

class InputTest : public ::testing::Test {
 protected:
  std::string file_with(const std::string& content) {
    const std::string name = temporary_.at("input");
    std::ofstream(name, std::ios::binary) << content;
    return name;
  }

  std::vector<std::string> lines_of(const std::string& content, std::size_t max_bytes = 1 << 20) {
    Input input(file_with(content));
    std::vector<std::string> lines;
    for (std::string line; input.read_line(line, max_bytes);) lines.push_back(line);
    EXPECT_EQ(input.line_number(), lines.size());
    return lines;
  }

  const testing::TemporaryDirectory temporary_;  // tests run side by side
};

using Lines = std::vector<std::string>;

TEST_F(InputTest, LinesEndWithALineFeedOrTheFile) {
  EXPECT_EQ(lines_of(""), Lines{});
  EXPECT_EQ(lines_of("a"), Lines{"a"});
  EXPECT_EQ(lines_of("a\n"), Lines{"a"});
  EXPECT_EQ(lines_of("a\n\nb\r\n"), (Lines{"a", "", "b\r"}));
}

TEST_F(InputTest, LinesMayCrossWhatIsReadAtOnce) {
  for (const std::size_t size : {262'143u, 262'144u, 262'145u, 600'000u}) {
    const std::string longest(size, 'x');
    EXPECT_EQ(lines_of(longest + "\nshort"), (Lines{longest, "short"})) << size;
  }
}

TEST_F(InputTest, ALineBeyondTheLimitIsRefusedByItsNumber) {
  try {
    lines_of("short\n" + std::string(101, 'x'), 100);
    FAIL() << "accepted";
  } catch (const ValidationError& error) {
    EXPECT_NE(std::string(error.what()).find("line 2"), std::string::npos) << error.what();
  }
  EXPECT_EQ(lines_of(std::string(100, 'x') + "\n", 100).size(), 1u);
}

TEST_F(InputTest, AWholeFileUpToTheLimit) {
  for (const std::size_t size : {0u, 1u, 262'144u, 1'000'000u}) {
    const std::string content(size, 'x');
    EXPECT_EQ(Input(file_with(content)).read_all(size), content);
  }
  EXPECT_THROW(Input(file_with("12345")).read_all(4), ValidationError);
}

TEST_F(InputTest, WhatIsNoFile) {
  EXPECT_THROW(Input(temporary_.path()), UnexpectedError);
  EXPECT_THROW(Input(temporary_.at("absent")), UnexpectedError);
}

}  // namespace
}  // namespace protobase::cli
