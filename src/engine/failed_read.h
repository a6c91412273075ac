// The error by which a medium says that it does not give back some bytes: what verify and salvage
// pass over and name. The only place that says which class that is.
#pragma once

#include "protobase/errors.h"

namespace protobase::engine {

using FailedRead = UnexpectedError;

}  // namespace protobase::engine
