// What a store says of a failure, made fit for a message of ours.
#pragma once

#include <string>
#include <string_view>

namespace protobase::cloud {

inline constexpr std::size_t kMaxStoreWords = 300;

/// At most kMaxStoreWords bytes, one line, up to the first byte that is no UTF-8.
std::string store_words(std::string_view text);

}  // namespace protobase::cloud
