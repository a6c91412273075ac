// Errors of requests that certainly did not take effect, in the classes users know.
#pragma once

#include <exception>

namespace protobase::cloud {

/// Throws `why` again. CloudStorageError, NotAuthorizedError and NotFoundError come as errors of
/// the same class that are NothingTookEffect too, and say so; every other error comes as it is.
[[noreturn]] void throw_refusal(const std::exception_ptr& why);

}  // namespace protobase::cloud
