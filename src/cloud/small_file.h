// Files that settings name: credentials, profiles, tokens.
#pragma once

#include <optional>
#include <string>

#include "os/file_system.h"

namespace protobase::cloud {

/// All of a small file; nullopt when there is none. `setting`: names the file, for messages.
/// ValidationError: longer than 1 MiB, or a directory.
std::optional<std::string> read_small_file(os::FileSystem& file_system, const std::string& path,
                                           const std::string& setting);

}  // namespace protobase::cloud
