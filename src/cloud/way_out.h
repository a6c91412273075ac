// What to do when objects of a store are missing or damaged.
#pragma once

namespace protobase::cloud {

/// After the words that name the object. Not where `salvage` itself is who says it.
inline constexpr const char* kWayOut =
    ": restore it, or keep what is left with `protobase salvage LOCATION TO`";

}  // namespace protobase::cloud
