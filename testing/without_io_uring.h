// A kernel that gives no io_uring, for one test: some are built without, many containers forbid it.
#pragma once

#include <functional>

namespace protobase::testing {

/// Runs `body` in a thread of its own, for which, and for the threads it starts, io_uring_setup
/// fails with `error`. Rethrows what it throws; std::system_error when the kernel has no filters.
void run_without_io_uring(int error, const std::function<void()>& body);

}  // namespace protobase::testing
