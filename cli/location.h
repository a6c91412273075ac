// What the user typed as SPACE or POINTER, parsed. Wrong text is wrong usage.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "protobase/atom_pointer.h"
#include "protobase/uuid.h"

namespace protobase::cli {

struct DirectoryLocation {
  std::string path;
};

enum class BucketKind { kS3, kGoogle };

/// As typed: whether bucket, prefix and endpoint can be such is for the client to say.
struct BucketLocation {
  BucketKind kind = BucketKind::kS3;
  std::string bucket;
  std::string prefix;        ///< "": the whole bucket
  std::string endpoint_url;  ///< "": not given
  std::string region;        ///< "": not given; of S3 only
  bool path_style = false;   ///< of S3 only
  std::string argument{};    ///< that it was typed as, for messages: "SPACE"
};

/// Where a space lies.
using Location = std::variant<DirectoryLocation, BucketLocation>;

/// - A path, or `file:PATH` for a path that looks like something else.
/// - `s3://BUCKET[/PREFIX][?endpoint=URL][&region=R][&path_style=true|false]`
/// - `gs://BUCKET[/PREFIX][?endpoint=URL]`
///
/// What stands behind the first `?` is percent-decoded, a prefix is not. Throws UsageError, which
/// names the argument and does not repeat what may be a secret.
Location parse_location(std::string_view text, const std::string& argument = "SPACE");

/// The path, of what can only be a directory: UsageError that names the bucket, with `advice`.
const std::string& directory_of(const Location& location, std::string_view advice);

/// `UUID:OFFSET`. Throws UsageError.
AtomPointer parse_pointer(const std::string& text);

/// Throws UsageError.
UUID parse_wal_id(const std::string& text);

}  // namespace protobase::cli
