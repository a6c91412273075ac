#include "protobase/google_cloud_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "cloud/client_arguments.h"
#include "cloud/content_range.h"
#include "cloud/endpoint_advice.h"
#include "cloud/google_connection.h"
#include "cloud/google_json.h"
#include "cloud/google_upload.h"
#include "cloud/http_date.h"
#include "cloud/run_parallel.h"
#include "protobase/errors.h"

namespace protobase {

namespace {

constexpr int kOK = 200;
constexpr int kNoContent = 204;
constexpr int kPartialContent = 206;
constexpr int kNotModified = 304;
constexpr int kNotFound = 404;
constexpr int kRangeNotSatisfiable = 416;

constexpr std::int64_t kUsPerSecond = 1'000'000;
// Room for what the store says when it refuses.
constexpr std::uint64_t kMaxErrorBytes = std::uint64_t{64} << 10;
constexpr std::uint64_t kMaxMetadataBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxListBytes = std::uint64_t{16} << 20;
// Google may answer with pages that are empty but not the last.
constexpr int kMaxEmptyPages = 100;
constexpr const char* kObjectFields = "name,size,generation,updated";

std::string range_header(const CloudRange& range) {
  return "bytes=" + std::to_string(range.offset) + "-" +
         std::to_string(range.offset + range.length - 1);
}

}  // namespace

class GoogleCloudClient::Impl final {
 public:
  explicit Impl(GoogleCloudClientOptions options)
      : options_((options.validate(), std::move(options))), connection_(options_) {}

  CloudGetResult get(const std::string& key, const CloudGetOptions& options,
                     const std::string& known_version);
  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition);
  std::optional<CloudObjectMetadata> head(const std::string& key);
  CloudListPage list(const std::string& prefix, const std::string& start_after, unsigned max_keys);
  void remove(std::span<const std::string> keys);
  const cloud::GoogleConnection& connection() const { return connection_; }

 private:
  CloudObject object_of(const cloud::GoogleOperation& operation, os::HTTPResponse response,
                        const CloudGetOptions& options) const;
  CloudObject part_of(const cloud::GoogleOperation& operation, os::HTTPResponse response,
                      const CloudRange& range) const;
  cloud::GoogleListPage list_page(const cloud::QueryParameters& query);
  void remove_one(const std::string& key, const std::string& full_key);

  const GoogleCloudClientOptions options_;
  cloud::GoogleConnection connection_;
};

CloudGetResult GoogleCloudClient::Impl::get(const std::string& key, const CloudGetOptions& options,
                                            const std::string& known_version) {
  const std::string full = cloud::full_key(connection_.prefix(), key);
  cloud::check_get_options(options);
  cloud::QueryParameters query = {{"alt", "media"}};
  if (!known_version.empty()) {
    cloud::check_generation(known_version);
    query.emplace_back("ifGenerationNotMatch", known_version);
  }
  os::HTTPRequest request;
  request.url = connection_.object_url(full, std::move(query));
  std::uint64_t most = options.max_bytes;
  if (options.range) {
    request.headers.emplace_back("Range", range_header(*options.range));
    // The whole object in place of its range is not taken in.
    most = std::min(most, options.range->length);
  }
  request.max_response_bytes = std::max(most, kMaxErrorBytes);
  const cloud::GoogleOperation operation{"get", key, true};
  os::HTTPResponse response =
      connection_.send(operation, cloud::RequestKind::kGet, std::move(request));
  switch (response.status) {
    case kOK:
    case kPartialContent: break;
    case kNotModified: return {CloudGetStatus::kUnchanged};
    case kNotFound:
      connection_.expect_bucket(operation, response);
      return {CloudGetStatus::kAbsent};
    case kRangeNotSatisfiable: {
      CloudGetResult result{CloudGetStatus::kFound};
      result.object.metadata.key = key;
      return result;
    }
    default: connection_.fail(operation, response);
  }
  CloudObject object = object_of(operation, std::move(response), options);
  // Not every store of this kind knows the condition.
  if (!known_version.empty() && object.metadata.version == known_version) {
    return {CloudGetStatus::kUnchanged};
  }
  return {CloudGetStatus::kFound, std::move(object)};
}

CloudObject GoogleCloudClient::Impl::object_of(const cloud::GoogleOperation& operation,
                                               os::HTTPResponse response,
                                               const CloudGetOptions& options) const {
  const int status = response.status;
  CloudObjectMetadata metadata;
  metadata.key = operation.key;
  metadata.version = response.header("x-goog-generation");
  try {
    cloud::check_generation(metadata.version);
  } catch (const ValidationError& error) {
    connection_.fail(
        operation, CloudFailure::kRefused, status,
        "no usable x-goog-generation: " + std::string(error.what()) + cloud::kIsItGoogle);
  }
  const auto modified = cloud::parse_http_date(response.header("last-modified"));
  metadata.last_modified_us = modified ? *modified * kUsPerSecond : 0;
  CloudObject object =
      part_of(operation, std::move(response), options.range.value_or(CloudRange{}));
  metadata.size = object.metadata.size;
  object.metadata = std::move(metadata);
  if (object.bytes.size() > options.max_bytes) {
    connection_.fail(operation, CloudFailure::kRefused, status,
                     "the answer has " + std::to_string(object.bytes.size()) + " bytes, at most " +
                         std::to_string(options.max_bytes) + " were expected");
  }
  return object;
}

/// `range` of length 0: the whole object.
CloudObject GoogleCloudClient::Impl::part_of(const cloud::GoogleOperation& operation,
                                             os::HTTPResponse response,
                                             const CloudRange& range) const {
  CloudObject object;
  const std::uint64_t length = response.body.size();
  const int status = response.status;
  const auto told = cloud::parse_content_range(response.header("content-range"));
  object.bytes = SharedBytes(std::move(response.body));
  object.metadata.size = length;
  if (status == kOK) {  // the whole, whatever was asked for
    if (range.length == 0) return object;
    auto view = object.bytes.span();
    view = view.subspan(std::min<std::uint64_t>(range.offset, view.size()));
    view = view.first(std::min<std::uint64_t>(range.length, view.size()));
    object.bytes = SharedBytes::copy_of(view);
    return object;
  }
  const bool is_that = told && range.length != 0 && told->first == range.offset &&
                       told->last - told->first + 1 == length &&
                       told->last == std::min(range.offset + range.length, told->size) - 1;
  if (!is_that) {
    connection_.fail(operation, CloudFailure::kUnknown, status,
                     "the answer is another range than was asked for");
  }
  object.metadata.size = told->size;
  return object;
}

CloudPutResult GoogleCloudClient::Impl::put(const std::string& key,
                                            std::span<const std::span<const std::byte>> parts,
                                            const CloudPutCondition& condition) {
  const std::string full = cloud::full_key(connection_.prefix(), key);
  cloud::check_condition(condition);
  if (condition.kind == CloudPutCondition::Kind::kVersion) {
    cloud::check_generation(condition.version);
  }
  cloud::GoogleUpload upload(connection_, key, full, parts, condition);
  return upload.size() <= options_.part_size ? upload.send_whole()
                                             : upload.send_in_pieces(options_.part_size);
}

std::optional<CloudObjectMetadata> GoogleCloudClient::Impl::head(const std::string& key) {
  const std::string full = cloud::full_key(connection_.prefix(), key);
  const cloud::GoogleOperation operation{"head", key, true};
  os::HTTPRequest request;
  request.url = connection_.object_url(full, {{"fields", kObjectFields}});
  request.max_response_bytes = kMaxMetadataBytes;
  const auto response = connection_.send(operation, cloud::RequestKind::kGet, std::move(request));
  if (response.status == kNotFound) {
    connection_.expect_bucket(operation, response);
    return std::nullopt;
  }
  if (response.status != kOK) connection_.fail(operation, response);
  try {
    const Atom resource = cloud::parse_google_json(response.text());
    auto metadata = cloud::parse_google_object(resource, connection_.prefix());
    if (metadata.key != key) throw ValidationError("it is of another object");
    return metadata;
  } catch (const ValidationError& error) {
    connection_.fail_to_understand(operation, response, error.what());
  }
}

CloudListPage GoogleCloudClient::Impl::list(const std::string& prefix,
                                            const std::string& start_after, unsigned max_keys) {
  const std::string full_prefix = cloud::full_key_part(connection_.prefix(), prefix);
  const std::string full_start = cloud::full_key_part(connection_.prefix(), start_after);
  cloud::check_max_keys(max_keys);
  cloud::QueryParameters query = {
      {"fields", "nextPageToken,items(" + std::string(kObjectFields) + ")"}};
  if (!full_prefix.empty()) query.emplace_back("prefix", full_prefix);
  if (!full_start.empty()) {
    query.emplace_back("startOffset", full_start);  // from there on; ours begins behind it
    query.emplace_back("maxResults", std::to_string(std::min(max_keys + 1, cloud::kMaxListedKeys)));
  } else {
    query.emplace_back("maxResults", std::to_string(max_keys));
  }
  CloudListPage page;
  std::string token;
  for (int asked = 0; asked < kMaxEmptyPages; ++asked) {
    cloud::QueryParameters this_query = query;
    if (!token.empty()) this_query.emplace_back("pageToken", token);
    auto [objects, next] = list_page(this_query);
    std::erase_if(objects, [&](const auto& object) { return object.key <= start_after; });
    token = std::move(next);
    page.is_truncated = !token.empty() || objects.size() > max_keys;
    if (objects.size() > max_keys) objects.resize(max_keys);
    page.objects = std::move(objects);
    if (!page.objects.empty() || token.empty()) return page;
  }
  connection_.fail({"list", "", true}, CloudFailure::kNotNow, kOK,
                   std::to_string(kMaxEmptyPages) + " empty pages, and no end of them");
}

cloud::GoogleListPage GoogleCloudClient::Impl::list_page(const cloud::QueryParameters& query) {
  const cloud::GoogleOperation operation{"list", "", true};
  os::HTTPRequest request;
  request.url = connection_.object_url("", query);
  request.max_response_bytes = kMaxListBytes;
  const auto response = connection_.send(operation, cloud::RequestKind::kList, std::move(request));
  if (response.status != kOK) connection_.fail(operation, response);
  try {
    cloud::GoogleListPage page = cloud::parse_google_list(response.text(), connection_.prefix());
    const auto is_before = [](const auto& a, const auto& b) { return a.key < b.key; };
    if (!std::is_sorted(page.objects.begin(), page.objects.end(), is_before) ||
        page.objects.size() > cloud::kMaxListedKeys) {
      throw ValidationError("a page out of order");
    }
    return page;
  } catch (const ValidationError& error) {
    connection_.fail_to_understand(operation, response, error.what());
  }
}

void GoogleCloudClient::Impl::remove(std::span<const std::string> keys) {
  std::vector<std::string> full;
  for (const auto& key : keys) full.push_back(cloud::full_key(connection_.prefix(), key));
  cloud::run_parallel(full.size(), options_.max_parallel_deletes,
                      [&](std::size_t i) { remove_one(keys[i], full[i]); });
}

void GoogleCloudClient::Impl::remove_one(const std::string& key, const std::string& full_key) {
  const cloud::GoogleOperation operation{"delete", key};
  os::HTTPRequest request;
  request.method = "DELETE";
  request.url = connection_.object_url(full_key, {});
  const auto response =
      connection_.send(operation, cloud::RequestKind::kDelete, std::move(request));
  if (response.status == kNotFound) return connection_.expect_bucket(operation, response);
  if (response.status != kOK && response.status != kNoContent) {
    connection_.fail(operation, response);
  }
}

GoogleCloudClient::GoogleCloudClient(GoogleCloudClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

GoogleCloudClient::~GoogleCloudClient() = default;

CloudGetResult GoogleCloudClient::get(const std::string& key, const CloudGetOptions& options,
                                      const std::string& known_version) {
  return impl_->get(key, options, known_version);
}

CloudPutResult GoogleCloudClient::put(const std::string& key,
                                      std::span<const std::span<const std::byte>> parts,
                                      const CloudPutCondition& condition) {
  return impl_->put(key, parts, condition);
}

std::optional<CloudObjectMetadata> GoogleCloudClient::head(const std::string& key) {
  return impl_->head(key);
}

CloudListPage GoogleCloudClient::list(const std::string& prefix, const std::string& start_after,
                                      unsigned max_keys) {
  return impl_->list(prefix, start_after, max_keys);
}

void GoogleCloudClient::remove(std::span<const std::string> keys) { impl_->remove(keys); }

CloudRequestCounts GoogleCloudClient::counts() const { return impl_->connection().counts(); }

std::string GoogleCloudClient::location() const { return impl_->connection().location(); }

}  // namespace protobase
