// A logger of the user's whose failure is nobody else's.
#pragma once

#include "protobase/options.h"

namespace protobase::base {

/// The same, but what it throws ends there: it may be called where nothing can be thrown, by
/// threads of the library and by destructors. An exception that is no std::exception ends the
/// process. Empty when `logger` is.
Logger safe_logger(Logger logger);

}  // namespace protobase::base
