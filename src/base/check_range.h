// The one way an option says that it is out of range.
#pragma once

#include <string>

#include "protobase/errors.h"

namespace protobase::base {

/// Throws ValidationError naming the field.
template <typename T>
void check_range(const char* field, T value, T least, T most) {
  if (value >= least && value <= most) return;
  throw ValidationError(std::string(field) + " = " + std::to_string(value) + " is out of range: " +
                        std::to_string(least) + " to " + std::to_string(most));
}

}  // namespace protobase::base
