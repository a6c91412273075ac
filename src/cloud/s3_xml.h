// The XML that S3 and its token service answer with, and the two bodies we send. Nothing in an
// answer is trusted: sizes, numbers, times and texts are checked, and what does not fit throws
// ValidationError that says where.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// What S3 says went wrong. Texts as they came.
struct S3Error {
  std::string code;  ///< "AccessDenied" ...
  std::string message;
  std::string region;  ///< where the bucket is, if it is not where we asked
  std::string key;     ///< of an object, where several were asked for
};

/// nullopt when the body is no error of S3: another server's page, nothing at all.
std::optional<S3Error> parse_s3_error(std::string_view xml);

/// HTML, or no markup at all: what answers so is no S3, and was not merely cut off.
bool is_foreign_page(std::string_view body);

/// The answer to ListObjectsV2, keys decoded but otherwise as they came: which ones, how many and
/// in which order is the caller's to check.
struct S3ListAnswer {
  std::vector<CloudObjectMetadata> objects;
  bool is_truncated = false;
};
/// Whether it is the answer of who was asked for no bucket.
bool is_list_of_buckets(std::string_view xml);

S3ListAnswer parse_s3_list(std::string_view xml);

/// The keys that DeleteObjects did not remove.
std::vector<S3Error> parse_s3_delete(std::string_view xml);

/// Of CreateMultipartUpload.
std::string parse_s3_upload_id(std::string_view xml);

/// Of CompleteMultipartUpload, which may say 200 and then that it failed.
struct S3CompleteAnswer {
  std::string etag;  ///< empty: not told (Ceph 16)
  std::optional<S3Error> error{};
};
S3CompleteAnswer parse_s3_complete(std::string_view xml);

/// Of AssumeRoleWithWebIdentity. Secrets: no error holds a part of them.
struct STSCredentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;
  std::int64_t expires_us = 0;
};
STSCredentials parse_sts_credentials(std::string_view xml);

/// The body of DeleteObjects: whole keys, without what XML 1.0 cannot say.
std::string s3_delete_body(std::span<const std::string> keys);

/// The body of CompleteMultipartUpload: the ETags of parts 1, 2, ...
std::string s3_complete_body(std::span<const std::string> etags);

}  // namespace protobase::cloud
