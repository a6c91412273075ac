#include "os/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "protobase/errors.h"

namespace protobase::os {
namespace {

class SystemRandom final : public Random {
 public:
  std::array<std::uint8_t, 16> bytes16() override {
    std::array<std::uint8_t, 16> out{};
    // Up to 256 bytes arrive whole or not at all (getrandom(2)).
    while (getrandom(out.data(), out.size(), 0) != static_cast<ssize_t>(out.size())) {
      if (errno != EINTR) {
        throw UnexpectedError(std::string("getrandom failed: ") + std::strerror(errno));
      }
    }
    return out;
  }
};

}  // namespace

std::shared_ptr<Random> system_random() { return std::make_shared<SystemRandom>(); }

}  // namespace protobase::os
