#include "storage/cloud/copy_parts.h"

#include <fmt/format.h>

#include "protobase/errors.h"

namespace protobase::storage {

cloud::RetryParts retry_parts_of(const CloudCopyOptions& options) {
  return {options.clock ? options.clock : os::system_clock(),
          options.random ? options.random : os::system_random(), options.request_timeout_ms};
}

void check_place(const SpacePlace& place) {
  if (place.directory.empty() == (place.bucket == nullptr)) {
    throw ValidationError("a place of a store is either a directory or a bucket");
  }
}

std::string space_root_text(const AtomPointer& root) {
  return fmt::format("{{\"transaction_id\": \"{}\", \"offset\": {}}}",
                     root.transaction_id.to_string(), root.offset);
}

}  // namespace protobase::storage
