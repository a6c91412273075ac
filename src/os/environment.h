// The environment of the process comes in through here, so that a test can put its own in place.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace protobase::os {

/// Thread-safe.
class Environment {
 public:
  virtual ~Environment() = default;
  /// nullopt when there is no such variable; one that is set to nothing is an empty text.
  virtual std::optional<std::string> get(const std::string& name) = 0;
};

/// The process's own. Nothing may change that while it is read (POSIX allows no more).
std::shared_ptr<Environment> process_environment();

}  // namespace protobase::os
