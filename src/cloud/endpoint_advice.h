// What to do when a store gives no answer.
#pragma once

namespace protobase::cloud {

/// Behind why there was none: an address that the user named is wrong, or nobody listens there.
inline constexpr const char* kLookAtEndpoint =
    "; look at the endpoint (http:// or https://, host, port), and whether its server runs";

}  // namespace protobase::cloud
