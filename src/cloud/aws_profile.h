// The files in which Amazon's tools keep profiles: ~/.aws/credentials and ~/.aws/config.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "os/environment.h"
#include "os/file_system.h"

namespace protobase::cloud {

/// What stands under one name in both files; for what is in both, the credentials file counts.
struct AWSProfile {
  std::string name;
  bool is_there = false;
  bool was_named = false;  ///< by the options or AWS_PROFILE; else it is "default"
  /// Names in lower case. One of a group, as in `s3 =` and indented below it, `addressing_style`,
  /// is "s3.addressing_style"; those of the section that `services` names are among them.
  std::map<std::string, std::string> settings{};

  /// "" when it is not set.
  std::string get(const std::string& setting) const;
};

/// `name` empty: AWS_PROFILE, else "default". Files that are not there are empty. ValidationError
/// names file and line of what cannot be read, and never repeats it.
AWSProfile read_aws_profile(const std::string& name, os::Environment& environment,
                            os::FileSystem& file_system);

/// The sections of a text of this kind. `path` and the setting that names it are for messages.
std::map<std::string, std::map<std::string, std::string>> parse_aws_profiles(
    std::string_view text, const std::string& path, const std::string& setting);

inline constexpr const char* kCredentialsFileVariable = "AWS_SHARED_CREDENTIALS_FILE";
inline constexpr const char* kConfigFileVariable = "AWS_CONFIG_FILE";

}  // namespace protobase::cloud
