#include "cli/exit_status.h"

#include <gtest/gtest.h>

#include <new>

#include "protobase/errors.h"

namespace protobase::cli {
namespace {

TEST(ExitStatusTest, EachClassOfErrorHasTheStatusScriptsRelyOn) {
  EXPECT_EQ(exit_status_of(UsageError("")), ExitStatus{2});
  EXPECT_EQ(exit_status_of(NotFoundError("")), ExitStatus{3});
  EXPECT_EQ(exit_status_of(CorruptionError("")), ExitStatus{4});
  EXPECT_EQ(exit_status_of(LockingError("")), ExitStatus{5});
  EXPECT_EQ(exit_status_of(OutputClosedError("")), ExitStatus{141});
}

TEST(ExitStatusTest, EverythingElseHasFailed) {
  EXPECT_EQ(exit_status_of(ValidationError("")), ExitStatus{1});
  EXPECT_EQ(exit_status_of(NotSupportedError("")), ExitStatus{1});
  EXPECT_EQ(exit_status_of(NotAuthorizedError("")), ExitStatus{1});
  EXPECT_EQ(exit_status_of(NoSpaceError("")), ExitStatus{1});
  EXPECT_EQ(exit_status_of(OutcomeUnknownError("", "")), ExitStatus{1});
  EXPECT_EQ(exit_status_of(std::bad_alloc()), ExitStatus{1});
}

TEST(ExitStatusTest, WhoFindsDamageIsToldOnceWhatToDo) {
  const std::string told = message_of(CorruptionError("object log/7: a slot of another store"));
  EXPECT_TRUE(told.starts_with("object log/7: a slot of another store; ")) << told;
  EXPECT_NE(told.find("`protobase verify LOCATION`"), std::string::npos);
  EXPECT_NE(told.find("`protobase salvage LOCATION TO`"), std::string::npos);
  EXPECT_EQ(message_of(CorruptionError(told)), told);
  EXPECT_EQ(message_of(LockingError("lost")), "lost");
}

TEST(ExitStatusTest, AnErrorIsOneLine) {
  EXPECT_EQ(error_line("push", "no\nsuch"), "protobase: push: no\\nsuch\n");
  EXPECT_EQ(error_line("", "no command"), "protobase: no command\n");
}

}  // namespace
}  // namespace protobase::cli
