// EXPECT_ERROR: a call must throw this class of error, and its message must say these words.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <typeinfo>

#include "protobase/errors.h"

namespace protobase::testing {

/// Runs `call`; fails the test unless it throws exactly `Error` with every one of `words` in the
/// message.
template <typename Error, typename Call>
void expect_error(Call call, std::initializer_list<std::string_view> words = {}) {
  try {
    call();
  } catch (const ProtoBaseError& error) {
    EXPECT_TRUE(typeid(error) == typeid(Error)) << "another class, code " << error.code();
    for (const auto word : words) {
      EXPECT_NE(std::string_view(error.what()).find(word), std::string_view::npos)
          << "no \"" << word << "\" in: " << error.what();
    }
    return;
  }
  ADD_FAILURE() << "nothing was thrown";
}

}  // namespace protobase::testing
