// From an exception to the exit status and the one line on standard error: the only place that
// decides.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace protobase::cli {

/// What scripts see.
enum class ExitStatus : int {
  kDone = 0,
  kFailed = 1,         ///< I/O, network, internal, input that cannot be stored
  kUsage = 2,          ///< the command line is wrong
  kNotThere = 3,       ///< no root, no such pointer or space
  kCorrupt = 4,        ///< corruption found
  kLostRace = 5,       ///< somebody else was faster, or holds a lock
  kOutputClosed = 141  ///< nobody reads the output any more: 128 + SIGPIPE, as shells report it
};

/// The command line itself is wrong.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The reader of standard output went away. Not worth a message.
class OutputClosedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

ExitStatus exit_status_of(const std::exception& error) noexcept;

/// What `error` says; of damage also what to do, where it does not say so itself.
std::string message_of(const std::exception& error);

/// "protobase: COMMAND: message" (without COMMAND when empty), one line whatever the message holds,
/// with a newline at its end.
std::string error_line(std::string_view command, std::string_view message);

}  // namespace protobase::cli
