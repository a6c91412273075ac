// Percent-encoding of URLs (RFC 3986, section 2.1), back to bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace protobase::base {

/// nullopt when a '%' has no two digits behind it. `plus_is_space`: as in forms.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

}  // namespace protobase::base
