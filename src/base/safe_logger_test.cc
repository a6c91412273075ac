#include "base/safe_logger.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace protobase::base {
namespace {

TEST(SafeLoggerTest, WhatAUsersLoggerThrowsEndsThere) {
  std::string heard;
  const Logger logger = safe_logger([&](LogLevel, std::string_view message) {
    heard += message;
    throw std::runtime_error("the disk of the log is full");
  });
  EXPECT_NO_THROW(logger(LogLevel::kWarning, "not merged"));
  EXPECT_EQ(heard, "not merged");
}

TEST(SafeLoggerTest, NoneStaysNone) { EXPECT_FALSE(safe_logger({})); }

#ifndef __SANITIZE_THREAD__  // whose code at the end of a function lets exceptions past noexcept
TEST(SafeLoggerDeathTest, WhatIsNoExceptionEndsTheProcessAndNothingWaitsForever) {
  const Logger logger = safe_logger([](LogLevel, std::string_view) { throw 42; });
  EXPECT_DEATH(logger(LogLevel::kInfo, ""), "");
}
#endif

}  // namespace
}  // namespace protobase::base
