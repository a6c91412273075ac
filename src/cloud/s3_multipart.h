// One upload in parts: begun, parts sent side by side, made an object by the last request, which
// alone carries the precondition. Until then nobody sees anything of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/byte_spans.h"
#include "cloud/s3_transport.h"

namespace protobase::cloud {

using base::ByteSpans;

/// `wanted`, or more where an object of `size` bytes would have more than 10,000 parts.
std::uint64_t s3_part_size(std::uint64_t size, std::uint64_t wanted);

/// The ETag that a store gives an object made of parts with these ETags: the MD5 of their MD5s, and
/// their number. nullopt when they are no MD5s.
std::optional<std::string> s3_etag_of_parts(std::span<const std::string> etags);

/// Belongs to one thread. Destruction removes the parts again, unless they became an object or may
/// have: an end that got no answer is left alone, because removing parts while the store joins them
/// has lost data on some. What stays is for the bucket's lifecycle rule.
class S3MultipartUpload final {
 public:
  /// Makes the first request, of an upload of `bytes`.
  S3MultipartUpload(S3Transport& transport, std::string key, ByteSpans bytes);
  ~S3MultipartUpload();
  S3MultipartUpload(const S3MultipartUpload&) = delete;
  S3MultipartUpload& operator=(const S3MultipartUpload&) = delete;

  /// `parallel` at a time; the first error ends it, when those under way have ended.
  void send(ByteSpans bytes, std::uint64_t size, std::uint64_t part_size, unsigned parallel);

  /// The version of the object; nullopt when the condition did not hold. An end without a condition
  /// whose answer is lost or says nothing is looked up once, by the hash of the bytes that is kept
  /// with the object.
  std::optional<std::string> complete(const os::HTTPHeaders& condition);

 private:
  S3Request request(RequestKind kind, std::string operation, std::string method) const;
  std::string send_part(std::size_t index, std::vector<std::span<const std::byte>> bytes);
  std::optional<std::string> completed(const S3Request& request, const os::HTTPResponse& response,
                                       bool is_conditional);
  std::optional<std::string> find_result();
  void remove_parts();

  S3Transport& transport_;
  const std::string key_;
  const std::string hash_;  ///< XXH3 of all bytes, in hexadecimal digits
  std::string id_;
  std::uint64_t size_ = 0;          ///< of all parts
  std::vector<std::string> etags_;  ///< of the parts
  bool is_open_ = false;            ///< there are parts that nobody else will remove
};

}  // namespace protobase::cloud
