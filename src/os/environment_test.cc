#include "os/environment.h"

#include <gtest/gtest.h>

namespace protobase::os {
namespace {

TEST(ProcessEnvironment, TellsWhatTheProcessWasStartedWith) {
  const auto environment = process_environment();
  const auto path = environment->get("PATH");
  ASSERT_TRUE(path.has_value());
  EXPECT_FALSE(path->empty());
}

TEST(ProcessEnvironment, AVariableThatIsNotSetIsNoEmptyText) {
  EXPECT_EQ(process_environment()->get("PROTOBASE_NOBODY_SETS_THIS"), std::nullopt);
}

}  // namespace
}  // namespace protobase::os
