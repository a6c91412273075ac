// What an answer that is no success means: which class of error, whether trying again may help, and
// one line that says what to do. The table stands in s3_errors.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cloud/s3_xml.h"
#include "os/net/http.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// What was asked of whom, for messages.
struct S3Asked {
  std::string operation;  ///< "get", "put" ...
  std::string place;      ///< `s3://bucket/prefix at https://endpoint`
  std::string key;        ///< relative to the prefix; empty: none
  std::string region{};   ///< that was signed for
  /// What to do if buckets are no hosts there; "" where they are, or the path names the bucket.
  std::string host_advice{};
};

/// Whether the request can have taken effect and may go better later. `code`: S3's, "" when it told
/// none, which makes a 503 unknown: what answered may be something on the way.
CloudFailure s3_failure(int status, std::string_view code) noexcept;

/// Throws NotAuthorizedError, NotFoundError (the bucket) or CloudStorageError.
[[noreturn]] void throw_s3_error(const S3Asked& asked, const os::HTTPResponse& response);
/// The same, where the error was already read; or one that came within an answer of status 200.
[[noreturn]] void throw_s3_error(const S3Asked& asked, int status, const S3Error& error);

/// An answer that says it is a success and is none.
[[noreturn]] void throw_unusable(const S3Asked& asked, int status, const std::string& why);
/// The same, of what only reads, where the store takes the request for another one and always will:
/// kRefused. `why` ends with what to do.
[[noreturn]] void throw_misread(const S3Asked& asked, int status, const std::string& why);
/// The same, where the answer shows that no store gave it.
[[noreturn]] void throw_foreign(const S3Asked& asked, int status, const std::string& why);

/// `get s3://bucket/prefix at https://endpoint, key "a"`
std::string s3_where(const S3Asked& asked);

}  // namespace protobase::cloud
