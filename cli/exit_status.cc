// See exit_status.h.
#include "cli/exit_status.h"

#include "cli/text.h"
#include "protobase/errors.h"

namespace protobase::cli {

ExitStatus exit_status_of(const std::exception& error) noexcept {
  if (dynamic_cast<const UsageError*>(&error)) return ExitStatus::kUsage;
  if (dynamic_cast<const OutputClosedError*>(&error)) return ExitStatus::kOutputClosed;
  if (dynamic_cast<const NotFoundError*>(&error)) return ExitStatus::kNotThere;
  if (dynamic_cast<const CorruptionError*>(&error)) return ExitStatus::kCorrupt;
  if (dynamic_cast<const LockingError*>(&error)) return ExitStatus::kLostRace;
  return ExitStatus::kFailed;
}

std::string message_of(const std::exception& error) {
  std::string message = error.what();
  const bool is_damage = exit_status_of(error) == ExitStatus::kCorrupt;
  if (is_damage && message.find("`protobase ") == std::string::npos) {
    message +=
        "; `protobase verify LOCATION` names what to restore, `protobase salvage LOCATION TO` "
        "keeps "
        "what is left";
  }
  return message;
}

std::string error_line(std::string_view command, std::string_view message) {
  std::string line = "protobase: ";
  if (!command.empty()) line.append(command).append(": ");
  return line.append(one_line(message)).append("\n");
}

}  // namespace protobase::cli
