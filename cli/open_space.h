// Opens the space a command works on.
#pragma once

#include <memory>

#include "cli/location.h"
#include "protobase/storage.h"

namespace protobase::cli {

/// Changes nothing. Throws NotFoundError when there is no space.
std::unique_ptr<SharedStorage> open_for_reading(const Location& location);

/// Creates nothing before the first flush.
std::unique_ptr<SharedStorage> open_for_writing(const Location& location);

}  // namespace protobase::cli
