// S3Client: what get, put, head, list and remove are in S3's words, and the check of every answer.
#include "protobase/s3_client.h"

#include <algorithm>
#include <atomic>

#include "base/base64.h"
#include "base/byte_spans.h"
#include "cloud/client_arguments.h"
#include "cloud/content_range.h"
#include "cloud/endpoint_advice.h"
#include "cloud/http_date.h"
#include "cloud/s3_multipart.h"
#include "cloud/s3_preconditions.h"
#include "cloud/s3_setup.h"
#include "cloud/s3_transport.h"
#include "cloud/s3_xml.h"
#include "os/net/crypto.h"

namespace protobase {

namespace {

using cloud::RequestKind;
using cloud::S3Request;
using os::HTTPResponse;

constexpr int kOK = 200;
constexpr int kPartialContent = 206;
constexpr int kNotModified = 304;
constexpr int kNotFound = 404;
constexpr int kPreconditionFailed = 412;
constexpr int kRangeNotSatisfiable = 416;
constexpr std::size_t kKeysPerDelete = 1000;
// An error has to be readable, however short the answer asked for.
constexpr std::uint64_t kErrorBytes = 64 << 10;
// 1,000 keys of 1,024 bytes, each as %XX, and what stands around them.
constexpr std::uint64_t kListBytes = 8 << 20;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;

}  // namespace

class S3Client::Impl final {
 public:
  explicit Impl(const S3ClientOptions& options)
      : prefix_(cloud::checked_prefix(options.prefix)),
        part_size_(options.part_size),
        max_whole_conditional_put_(options.max_whole_conditional_put),
        max_parallel_parts_(options.max_parallel_parts),
        transport_(cloud::make_s3_transport(options, prefix_)) {}

  CloudGetResult get(const std::string& key, const CloudGetOptions& options,
                     const std::string& known_version);
  CloudPutResult put(const std::string& key, cloud::ByteSpans parts,
                     const CloudPutCondition& condition);
  std::optional<CloudObjectMetadata> head(const std::string& key);
  CloudListPage list(const std::string& prefix, const std::string& start_after, unsigned max_keys);
  void remove(std::span<const std::string> keys);

  CloudRequestCounts counts() const { return transport_->counts(); }
  std::string location() const { return transport_->location(); }

 private:
  S3Request request(RequestKind kind, const char* operation, const char* method,
                    std::string full) const;
  HTTPResponse send(const S3Request& request);
  CloudGetResult found(const S3Request& request, const std::string& key, HTTPResponse response,
                       const CloudGetOptions& options) const;
  CloudObjectMetadata metadata(const std::string& key, std::uint64_t size,
                               const HTTPResponse& response) const;
  void check_range(const S3Request& request, const cloud::ContentRange& told,
                   const CloudRange& asked, std::uint64_t length) const;
  std::optional<std::string> put_whole(const std::string& full, cloud::ByteSpans parts,
                                       const CloudPutCondition& condition,
                                       const os::HTTPHeaders& headers);
  void check_bucket();
  CloudListPage checked_page(const S3Request& request, cloud::S3ListAnswer answer,
                             const std::string& full_prefix, const std::string& full_start,
                             unsigned max_keys) const;
  void remove_batch(std::span<const std::string> keys);

  const std::string prefix_;
  const std::uint64_t part_size_;
  const std::uint64_t max_whole_conditional_put_;
  const unsigned max_parallel_parts_;
  const std::unique_ptr<cloud::S3Transport> transport_;
  cloud::S3Preconditions preconditions_;
  std::atomic<bool> bucket_was_seen_{false};
};

S3Request S3Client::Impl::request(RequestKind kind, const char* operation, const char* method,
                                  std::string full) const {
  S3Request request;
  request.kind = kind;
  request.operation = operation;
  request.method = method;
  request.key = std::move(full);
  return request;
}

HTTPResponse S3Client::Impl::send(const S3Request& request) {
  HTTPResponse response = transport_->send(request);
  const bool tells_of_bucket = response.status < 300 || response.status == kNotModified ||
                               response.status == kPreconditionFailed ||
                               response.status == kRangeNotSatisfiable;
  if (tells_of_bucket) bucket_was_seen_ = true;
  return response;
}

CloudGetResult S3Client::Impl::get(const std::string& key, const CloudGetOptions& options,
                                   const std::string& known_version) {
  cloud::check_get_options(options);
  S3Request request = this->request(RequestKind::kGet, "get", "GET", cloud::full_key(prefix_, key));
  request.max_response_bytes = std::max(options.max_bytes, kErrorBytes);
  if (options.range) {
    const auto [offset, length] = *options.range;
    // The whole object in place of its range is not taken in.
    request.max_response_bytes = std::max(std::min(length, options.max_bytes), kErrorBytes);
    request.headers.emplace_back(
        "Range", "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + length - 1));
  }
  if (!known_version.empty()) request.headers.emplace_back("If-None-Match", known_version);
  HTTPResponse response = send(request);
  switch (response.status) {
    case kOK:
    case kPartialContent: {
      auto result = found(request, key, std::move(response), options);
      // Some stores do not know the ETag in the form they gave it.
      const bool is_known =
          !known_version.empty() &&
          cloud::bare_etag(known_version) == cloud::bare_etag(result.object.metadata.version);
      return is_known ? CloudGetResult{CloudGetStatus::kUnchanged} : result;
    }
    case kNotModified:
      if (known_version.empty()) transport_->fail(request, response);
      return {CloudGetStatus::kUnchanged};
    case kNotFound: {
      const auto error = cloud::parse_s3_error(response.text());
      if (!error || error->code != "NoSuchKey") transport_->fail(request, response);
      return {CloudGetStatus::kAbsent};
    }
    case kRangeNotSatisfiable: {
      if (!options.range) transport_->fail(request, response);
      CloudGetResult nothing{CloudGetStatus::kFound};
      nothing.object.metadata.key = key;
      return nothing;
    }
    default: transport_->fail(request, response);
  }
}

CloudGetResult S3Client::Impl::found(const S3Request& request, const std::string& key,
                                     HTTPResponse response, const CloudGetOptions& options) const {
  const auto unusable = [&](const std::string& why) {
    cloud::throw_unusable(transport_->asked(request), response.status, why);
  };
  std::uint64_t size = response.body.size();
  if (response.header("etag").empty()) {
    cloud::throw_foreign(transport_->asked(request), response.status, "no ETag");
  }
  if (options.range) {
    const auto told = cloud::parse_content_range(response.header("content-range"));
    if (response.status != kPartialContent || !told) unusable("no Content-Range for a range");
    check_range(request, *told, *options.range, size);
    size = told->size;
  } else if (response.status != kOK) {
    unusable("a part of an object that was asked for as a whole");
  }
  if (response.body.size() > options.max_bytes) {
    throw CloudStorageError(CloudFailure::kRefused, response.status,
                            cloud::s3_where(transport_->asked(request)) + ": the answer has " +
                                std::to_string(response.body.size()) + " bytes, at most " +
                                std::to_string(options.max_bytes) + " were expected");
  }
  CloudGetResult result{CloudGetStatus::kFound, {metadata(key, size, response), {}}};
  result.object.bytes = SharedBytes(std::move(response.body));
  return result;
}

void S3Client::Impl::check_range(const S3Request& request, const cloud::ContentRange& told,
                                 const CloudRange& asked, std::uint64_t length) const {
  const std::uint64_t last = std::min(asked.offset + asked.length, told.size) - 1;
  if (told.first == asked.offset && told.last == last && length == last - asked.offset + 1) return;
  cloud::throw_unusable(transport_->asked(request), kPartialContent,
                        "bytes " + std::to_string(told.first) + "-" + std::to_string(told.last) +
                            " of " + std::to_string(told.size) + ", " + std::to_string(length) +
                            " of them, for a range at " + std::to_string(asked.offset) + " of " +
                            std::to_string(asked.length));
}

CloudObjectMetadata S3Client::Impl::metadata(const std::string& key, std::uint64_t size,
                                             const HTTPResponse& response) const {
  CloudObjectMetadata metadata;
  metadata.key = key;
  metadata.size = size;
  metadata.version = response.header("etag");
  const auto time = cloud::parse_http_date(response.header("last-modified"));
  if (time) metadata.last_modified_us = *time * kMicrosPerSecond;
  return metadata;
}

CloudPutResult S3Client::Impl::put(const std::string& key, cloud::ByteSpans parts,
                                   const CloudPutCondition& condition) {
  const std::string full = cloud::full_key(prefix_, key);
  cloud::check_condition(condition);
  const auto current_version = [&] {
    const auto current = head(key);
    return current ? current->version : std::string();
  };
  const std::uint64_t size = base::total_size(parts);
  const bool is_conditional = condition.kind != CloudPutCondition::Kind::kNone;
  if (size <= part_size_ || (is_conditional && size <= max_whole_conditional_put_)) {
    return preconditions_.put(
        condition, [&](const auto& headers) { return put_whole(full, parts, condition, headers); },
        current_version);
  }
  cloud::S3MultipartUpload upload(*transport_, full, parts);
  upload.send(parts, size, cloud::s3_part_size(size, part_size_), max_parallel_parts_);
  return preconditions_.put(
      condition, [&](const auto& headers) { return upload.complete(headers); }, current_version);
}

std::optional<std::string> S3Client::Impl::put_whole(const std::string& full,
                                                     cloud::ByteSpans parts,
                                                     const CloudPutCondition& condition,
                                                     const os::HTTPHeaders& headers) {
  S3Request request = this->request(RequestKind::kPut, "put", "PUT", full);
  request.headers = headers;
  request.headers.emplace_back("Content-Type", "application/octet-stream");
  request.body.assign(parts.begin(), parts.end());
  const HTTPResponse response = send(request);
  if (response.status == kPreconditionFailed && !headers.empty()) return std::nullopt;
  // Amazon's answer when there is nothing that could match.
  if (response.status == kNotFound && condition.kind == CloudPutCondition::Kind::kVersion) {
    const auto error = cloud::parse_s3_error(response.text());
    if (error && error->code == "NoSuchKey") return std::nullopt;
  }
  if (response.status != kOK) transport_->fail(request, response);
  std::string etag(response.header("etag"));
  if (etag.empty()) cloud::throw_unusable(transport_->asked(request), response.status, "no ETag");
  return etag;
}

std::optional<CloudObjectMetadata> S3Client::Impl::head(const std::string& key) {
  const S3Request request =
      this->request(RequestKind::kGet, "head", "HEAD", cloud::full_key(prefix_, key));
  const HTTPResponse response = send(request);
  if (response.status == kNotFound) {
    check_bucket();
    return std::nullopt;
  }
  if (response.status != kOK) transport_->fail(request, response);
  const auto size = cloud::parse_size(response.header("content-length"));
  auto result = metadata(key, size.value_or(0), response);
  const auto asked = transport_->asked(request);
  if (result.version.empty()) cloud::throw_foreign(asked, response.status, "no ETag");
  if (!size) cloud::throw_unusable(asked, response.status, "no Content-Length");
  return result;
}

/// A HEAD cannot say what is missing, the object or the bucket: asked once.
void S3Client::Impl::check_bucket() {
  if (bucket_was_seen_) return;
  S3Request request = this->request(RequestKind::kList, "look for the bucket", "GET", "");
  request.query = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", prefix_}};
  const HTTPResponse response = send(request);
  // Who may not list has been told by the HEAD all the same that there is no object.
  if (response.status != kOK && response.status != 403) transport_->fail(request, response);
  bucket_was_seen_ = true;
}

CloudListPage S3Client::Impl::list(const std::string& prefix, const std::string& start_after,
                                   unsigned max_keys) {
  const std::string full_prefix = cloud::full_key_part(prefix_, prefix);
  // At least behind the prefix itself: some tools put an empty object there to show a folder.
  const std::string full_start = cloud::full_key_part(prefix_, start_after);
  cloud::check_max_keys(max_keys);
  S3Request request = this->request(RequestKind::kList, "list", "GET", "");
  request.query = {{"list-type", "2"},
                   {"encoding-type", "url"},
                   {"max-keys", std::to_string(max_keys)},
                   {"prefix", full_prefix}};
  if (!full_start.empty()) request.query.emplace_back("start-after", full_start);
  request.max_response_bytes = kListBytes;
  const HTTPResponse response = send(request);
  const std::string_view body = response.text();
  if (response.status != kOK) transport_->fail(request, response);
  try {
    return checked_page(request, cloud::parse_s3_list(body), full_prefix, full_start, max_keys);
  } catch (const ValidationError& error) {
    if (cloud::parse_s3_error(body)) transport_->fail(request, response);
    const auto asked = transport_->asked(request);
    if (cloud::is_foreign_page(body)) cloud::throw_foreign(asked, response.status, error.what());
    if (cloud::is_list_of_buckets(body)) {
      cloud::throw_misread(asked, response.status,
                           "the buckets were listed, not what is in this one" + asked.host_advice);
    }
    cloud::throw_unusable(asked, response.status, std::string(error.what()) + cloud::kIsItS3);
  }
}

CloudListPage S3Client::Impl::checked_page(const S3Request& request, cloud::S3ListAnswer answer,
                                           const std::string& full_prefix,
                                           const std::string& full_start, unsigned max_keys) const {
  const auto require = [&](bool good, const std::string& why) {
    if (!good) cloud::throw_unusable(transport_->asked(request), kOK, why);
  };
  require(answer.objects.size() <= max_keys, "more keys than were asked for");
  require(!answer.is_truncated || !answer.objects.empty(), "an empty page that is not the last");
  const std::string* before = &full_start;
  for (const auto& object : answer.objects) {
    require(object.key.starts_with(full_prefix),
            std::string("a key outside the prefix") + cloud::kAreKeysKept);
    require(*before < object.key, "keys out of order: is this a directory bucket?");
    before = &object.key;
  }
  for (auto& object : answer.objects) object.key.erase(0, prefix_.size());
  return {std::move(answer.objects), answer.is_truncated};
}

void S3Client::Impl::remove(std::span<const std::string> keys) {
  std::vector<std::string> full;
  full.reserve(keys.size());
  for (const std::string& key : keys) full.push_back(cloud::full_key(prefix_, key));
  std::span<const std::string> rest = full;
  while (!rest.empty()) {
    const auto batch = rest.first(std::min(rest.size(), kKeysPerDelete));
    remove_batch(batch);
    rest = rest.subspan(batch.size());
  }
}

void S3Client::Impl::remove_batch(std::span<const std::string> keys) {
  const std::string body = cloud::s3_delete_body(keys);
  S3Request request = this->request(RequestKind::kDelete, "remove", "POST", "");
  request.query = {{"delete", ""}};
  request.body = {as_bytes(body)};
  std::string checksum;
  base::append_base64(os::md5(request.body), checksum);
  request.headers = {{"Content-MD5", checksum}, {"Content-Type", "application/xml"}};
  request.max_response_bytes = kListBytes;
  const HTTPResponse response = send(request);
  if (response.status != kOK) transport_->fail(request, response);
  std::vector<cloud::S3Error> errors;
  try {
    errors = cloud::parse_s3_delete(response.text());
  } catch (const ValidationError& error) {
    cloud::throw_unusable(transport_->asked(request), response.status, error.what());
  }
  std::erase_if(errors, [](const auto& error) { return error.code == "NoSuchKey"; });
  if (errors.empty()) return;
  cloud::S3Error& first = errors.front();
  cloud::S3Asked asked = transport_->asked(request);
  asked.operation += " " + std::to_string(errors.size()) + " of " + std::to_string(keys.size()) +
                     " keys, at first \"" + first.key.substr(0, cloud::kMaxKeyBytes) + "\" in";
  cloud::throw_s3_error(asked, first.code == "InternalError" ? 500 : 400, first);
}

S3Client::S3Client(S3ClientOptions options) {
  options.validate();
  impl_ = std::make_unique<Impl>(options);
}
S3Client::~S3Client() = default;

CloudGetResult S3Client::get(const std::string& key, const CloudGetOptions& options,
                             const std::string& known_version) {
  return impl_->get(key, options, known_version);
}
CloudPutResult S3Client::put(const std::string& key,
                             std::span<const std::span<const std::byte>> parts,
                             const CloudPutCondition& condition) {
  return impl_->put(key, parts, condition);
}
std::optional<CloudObjectMetadata> S3Client::head(const std::string& key) {
  return impl_->head(key);
}
CloudListPage S3Client::list(const std::string& prefix, const std::string& start_after,
                             unsigned max_keys) {
  return impl_->list(prefix, start_after, max_keys);
}
void S3Client::remove(std::span<const std::string> keys) { impl_->remove(keys); }
CloudRequestCounts S3Client::counts() const { return impl_->counts(); }
std::string S3Client::location() const { return impl_->location(); }

}  // namespace protobase
