#include "os/net/http.h"

namespace protobase::os {

std::string_view HTTPResponse::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace protobase::os
