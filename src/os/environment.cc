#include "os/environment.h"

#include <cstdlib>

namespace protobase::os {
namespace {

class ProcessEnvironment final : public Environment {
 public:
  std::optional<std::string> get(const std::string& name) override {
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  }
};

}  // namespace

std::shared_ptr<Environment> process_environment() {
  return std::make_shared<ProcessEnvironment>();
}

}  // namespace protobase::os
