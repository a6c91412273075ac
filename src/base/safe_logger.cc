#include "base/safe_logger.h"

#include <exception>
#include <utility>

namespace protobase::base {

Logger safe_logger(Logger logger) {
  if (!logger) return {};
  return [logger = std::move(logger)](LogLevel level, std::string_view message) noexcept {
    try {
      logger(level, message);
    } catch (const std::exception&) {
      // The message is lost. It was no error of a call, so there is nobody to tell.
      return;
    }
  };
}

}  // namespace protobase::base
