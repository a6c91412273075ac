// One bucket behind Google's JSON API, as requests: URLs, authorization, counting, and what an
// answer means. Above it stands GoogleCloudClient, which knows objects.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/google_credentials.h"
#include "cloud/request_counter.h"
#include "cloud/url.h"
#include "os/net/http.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/google_cloud_client.h"

namespace protobase::cloud {

/// What is asked for, in words for messages.
struct GoogleOperation {
  std::string_view name;  ///< "get", "put" ...
  std::string key{};      ///< as the caller gave it; "" of the whole bucket
  /// A request that failed without an answer, or with 5xx, had no effect for sure.
  bool is_harmless = false;
};

/// Thread-safe.
class GoogleConnection final {
 public:
  /// Resolves what is empty in `options`, which have been validated.
  explicit GoogleConnection(const GoogleCloudClientOptions& options);

  /// `endpoint/storage/v1/b/bucket/o[/key]?query`
  std::string object_url(std::string_view full_key, QueryParameters query) const;
  /// `endpoint/upload/storage/v1/b/bucket/o?query`
  std::string upload_url(QueryParameters query) const;
  /// The path and query of a URL that the store gave, at our endpoint: nothing is ever sent to
  /// another.
  std::string at_endpoint(std::string_view url) const;

  /// Whatever the answer is. Sent a second time after 401, with another token. Throws
  /// CloudStorageError and what GoogleCredentials::authorization() does.
  os::HTTPResponse send(const GoogleOperation& operation, RequestKind kind,
                        os::HTTPRequest request);

  /// For every answer that is none of those the operation expects.
  [[noreturn]] void fail(const GoogleOperation& operation, const os::HTTPResponse& response) const;
  /// An answer came, but it cannot be used.
  [[noreturn]] void fail(const GoogleOperation& operation, CloudFailure failure, int status,
                         const std::string& words) const;
  /// What only reads was answered by `response`, which is no JSON object of the kind; kRefused when
  /// it is no JSON object at all.
  [[noreturn]] void fail_to_understand(const GoogleOperation& operation,
                                       const os::HTTPResponse& response,
                                       const std::string& why) const;
  /// Whether a 404 means the object, not its bucket: NotFoundError for that.
  void expect_bucket(const GoogleOperation& operation, const os::HTTPResponse& response) const;

  const std::string& prefix() const noexcept { return prefix_; }
  std::string location() const;
  CloudRequestCounts counts() const noexcept { return counter_.counts(); }

 private:
  std::string where(const GoogleOperation& operation) const;
  std::string endpoint_advice() const;
  os::HTTPResponse send_once(const GoogleOperation& operation, RequestKind kind,
                             const os::HTTPRequest& request);
  QueryParameters with_project(QueryParameters query) const;

  const std::string bucket_;
  const std::string prefix_;
  const std::string endpoint_;
  const std::string project_id_;
  const std::uint64_t connect_timeout_ms_;
  const std::uint64_t request_timeout_ms_;
  const std::uint64_t read_stall_timeout_ms_;
  const std::shared_ptr<os::HTTPClient> http_;
  RequestCounter counter_;
  GoogleCredentials credentials_;
};

}  // namespace protobase::cloud
