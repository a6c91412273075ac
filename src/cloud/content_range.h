// What headers say of sizes and ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "cloud/request_counter.h"
#include "os/net/http.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// Digits and nothing else; nullopt for other text and for what does not fit.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// `bytes first-last/size`
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t size = 0;
};

/// nullopt unless all three are told and fit each other.
std::optional<ContentRange> parse_content_range(std::string_view text);

/// What an answer that is longer than it may be says of a request with these headers.
CloudFailure failure_of_long_answer(RequestKind kind, const os::HTTPHeaders& headers);

}  // namespace protobase::cloud
