// What to do when a store gives no answer, or one that is none of a store.
#pragma once

namespace protobase::cloud {

/// Behind why there was none: an address that the user named is wrong, or nobody listens there.
inline constexpr const char* kLookAtEndpoint =
    "; look at the endpoint (http:// or https://, host, port), and whether its server runs";

/// Behind an answer that no store gives.
inline constexpr const char* kIsItS3 = "; is this the endpoint of an S3 store?";
inline constexpr const char* kIsItGoogle = "; is this an endpoint of Google Cloud Storage?";

/// Where what was put is listed under another name, or not at all.
inline constexpr const char* kAreKeysKept =
    "; stores that keep objects as files change keys with //, /./ or /../: choose a prefix without";

}  // namespace protobase::cloud
