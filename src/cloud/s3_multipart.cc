#include "cloud/s3_multipart.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/hash.h"
#include "cloud/run_parallel.h"
#include "cloud/s3_preconditions.h"
#include "cloud/s3_xml.h"
#include "os/net/crypto.h"
#include "protobase/errors.h"
#include "protobase/shared_bytes.h"

namespace protobase::cloud {
namespace {

constexpr std::uint64_t kMaxParts = 10'000;
constexpr int kOK = 200;
// Of the whole object, which the ETag is not where it is no MD5.
constexpr const char* kHashHeader = "x-amz-meta-xxh3";

std::string hash_of(ByteSpans bytes) {
  base::HashStream hash;
  for (const auto span : bytes) hash.add(span);
  return fmt::format("{:016x}", hash.value());
}

}  // namespace

std::uint64_t s3_part_size(std::uint64_t size, std::uint64_t wanted) {
  return std::max(wanted, (size + kMaxParts - 1) / kMaxParts);
}

std::optional<std::string> s3_etag_of_parts(std::span<const std::string> etags) {
  constexpr std::size_t kDigits = 32;
  Bytes digests;
  for (const std::string& etag : etags) {
    const std::string digits = bare_etag(etag);
    if (digits.size() != kDigits) return std::nullopt;
    for (std::size_t i = 0; i < kDigits; i += 2) {
      unsigned byte = 0;
      const char* const end = digits.data() + i + 2;
      const auto [stop, error] = std::from_chars(digits.data() + i, end, byte, 16);
      if (error != std::errc() || stop != end) return std::nullopt;
      digests.push_back(static_cast<std::byte>(byte));
    }
  }
  const std::span<const std::byte> all = digests;
  return "\"" + os::to_hex(os::md5({&all, 1})) + "-" + std::to_string(etags.size()) + "\"";
}

S3MultipartUpload::S3MultipartUpload(S3Transport& transport, std::string key, ByteSpans bytes)
    : transport_(transport), key_(std::move(key)), hash_(hash_of(bytes)) {
  S3Request begin = request(RequestKind::kPut, "begin an upload in parts", "POST");
  begin.query = {{"uploads", ""}};
  begin.headers = {{kHashHeader, hash_}};
  const auto response = transport_.send(begin);
  if (response.status != kOK) transport_.fail(begin, response);
  try {
    id_ = parse_s3_upload_id(response.text());
  } catch (const ValidationError& error) {
    throw_unusable(transport_.asked(begin), response.status, error.what());
  }
  is_open_ = true;
}

S3MultipartUpload::~S3MultipartUpload() {
  if (!is_open_) return;
  try {
    remove_parts();
  } catch (const std::exception& error) {
    transport_.log(LogLevel::kWarning,
                   std::string("parts of a failed upload stay in the bucket: ") + error.what());
  }
}

S3Request S3MultipartUpload::request(RequestKind kind, std::string operation,
                                     std::string method) const {
  S3Request request;
  request.kind = kind;
  request.operation = std::move(operation);
  request.method = std::move(method);
  request.key = key_;
  if (!id_.empty()) request.query = {{"uploadId", id_}};
  return request;
}

void S3MultipartUpload::send(ByteSpans bytes, std::uint64_t size, std::uint64_t part_size,
                             unsigned parallel) {
  size_ = size;
  etags_.resize((size + part_size - 1) / part_size);
  run_parallel(etags_.size(), parallel, [&](std::size_t index) {
    etags_[index] = send_part(index, base::cut_spans(bytes, index * part_size, part_size));
  });
}

std::string S3MultipartUpload::send_part(std::size_t index,
                                         std::vector<std::span<const std::byte>> bytes) {
  const std::string number = std::to_string(index + 1);
  S3Request part = request(RequestKind::kPut, "put part " + number, "PUT");
  part.query.emplace_back("partNumber", number);
  part.body = std::move(bytes);
  const auto response = transport_.send(part);
  if (response.status != kOK) transport_.fail(part, response);
  std::string etag(response.header("etag"));
  if (etag.empty()) throw_unusable(transport_.asked(part), response.status, "no ETag");
  return etag;
}

std::optional<std::string> S3MultipartUpload::complete(const os::HTTPHeaders& condition) {
  const std::string body = s3_complete_body(etags_);
  S3Request end = request(RequestKind::kPut, "end an upload in parts", "POST");
  end.headers = condition;
  end.headers.emplace_back("Content-Type", "application/xml");
  end.body = {as_bytes(body)};
  try {
    return completed(end, transport_.send(end), !condition.empty());
  } catch (const CloudStorageError& error) {
    if (error.failure() != CloudFailure::kUnknown) throw;
    is_open_ = false;  // whatever a look tells, the store may be joining the parts
    // Of a conditional one the same object may be somebody else's.
    if (condition.empty()) {
      if (auto etag = find_result()) return etag;
    }
    throw;
  }
}

std::optional<std::string> S3MultipartUpload::completed(const S3Request& request,
                                                        const os::HTTPResponse& response,
                                                        bool is_conditional) {
  const S3Asked asked = transport_.asked(request);
  const bool is_refused = response.status == 412 || response.status == 404;
  const auto told = is_refused ? parse_s3_error(response.text()) : std::nullopt;
  if (is_conditional && (response.status == 412 || (told && told->code == "NoSuchKey"))) {
    return std::nullopt;
  }
  if (told && told->code == "NoSuchUpload") {  // ended before: by whom?
    throw_unusable(asked, response.status, "the upload is gone");
  }
  if (response.status != kOK) transport_.fail(request, response);
  S3CompleteAnswer answer;
  try {
    answer = parse_s3_complete(response.text());
  } catch (const ValidationError& error) {
    throw_unusable(asked, response.status, error.what());
  }
  if (!answer.error) {
    is_open_ = false;
    if (!answer.etag.empty()) return answer.etag;
    // Asking for it would give that of whoever wrote last.
    const auto computed = s3_etag_of_parts(etags_);
    if (!computed) throw_unusable(asked, response.status, "no ETag");
    return computed;
  }
  if (is_conditional && answer.error->code == "PreconditionFailed") return std::nullopt;
  // The status went out before the work began; what it would have been is not told.
  const bool is_internal = answer.error->code == "InternalError";
  throw_s3_error(asked, is_internal ? 500 : 400, *answer.error);
}

/// For an end whose outcome is unknown: the object is there and is what these parts make. So
/// nothing is sent twice.
std::optional<std::string> S3MultipartUpload::find_result() {
  S3Request look;
  look.kind = RequestKind::kGet;
  look.operation = "look for the upload's object";
  look.method = "HEAD";
  look.key = key_;
  try {
    const auto response = transport_.send(look);
    std::string etag(response.header("etag"));
    const auto computed = s3_etag_of_parts(etags_);
    const bool is_ours = (computed && bare_etag(etag) == bare_etag(*computed)) ||
                         response.header(kHashHeader) == hash_;
    const bool is_it = response.status == kOK && is_ours && !etag.empty() &&
                       response.header("content-length") == std::to_string(size_);
    return is_it ? std::optional(std::move(etag)) : std::nullopt;
  } catch (const ProtoBaseError& error) {  // so the outcome stays unknown
    transport_.log(LogLevel::kWarning, error.what());
    return std::nullopt;
  }
}

void S3MultipartUpload::remove_parts() {
  const S3Request abort = request(RequestKind::kDelete, "remove the parts of an upload", "DELETE");
  const auto response = transport_.send(abort);
  if (response.status != 204 && response.status != kOK && response.status != 404) {
    transport_.fail(abort, response);
  }
}

}  // namespace protobase::cloud
