// See open_space.h.
#include "cli/open_space.h"

#include "protobase/standalone_file_storage.h"

namespace protobase::cli {

std::unique_ptr<SharedStorage> open_for_reading(const Location& location) {
  return std::make_unique<StandaloneFileStorage>(location.directory, StorageOptions{},
                                                 SpaceAccess::kReadOnly);
}

std::unique_ptr<SharedStorage> open_for_writing(const Location& location) {
  return std::make_unique<StandaloneFileStorage>(location.directory);
}

}  // namespace protobase::cli
