// os::Environment out of a map.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "os/environment.h"

namespace protobase::testing {

/// Thread-safe.
class FixedEnvironment final : public os::Environment {
 public:
  explicit FixedEnvironment(std::map<std::string, std::string> variables = {})
      : variables_(std::move(variables)) {}

  void set(const std::string& name, std::string value) {
    const std::lock_guard lock(mutex_);
    variables_[name] = std::move(value);
  }

  std::optional<std::string> get(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    const auto found = variables_.find(name);
    if (found == variables_.end()) return std::nullopt;
    return found->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> variables_;
};

}  // namespace protobase::testing
