// Errors of a commit that certainly did not take effect, in the classes users know.
#pragma once

#include <exception>

namespace protobase::cloud {

/// Throws `why` again as the same class of error that is a NothingTookEffect too, saying so.
[[noreturn]] void throw_refusal(const std::exception_ptr& why);

}  // namespace protobase::cloud
