// S3Client: Amazon S3 and everything that speaks its API.
#pragma once

#include <memory>
#include <string>

#include "protobase/cloud_storage_client.h"
#include "protobase/export.h"
#include "protobase/options.h"

namespace protobase {

namespace os {
class Clock;
class Environment;
class FileSystem;
class HTTPClient;
}  // namespace os

/// Where and as whom. Empty fields are looked for as Amazon's own tools do.
struct PROTOBASE_EXPORT S3ClientOptions {
  std::string bucket;
  /// In front of every key: "" or without a slash at its beginning; one is put behind it.
  std::string prefix;
  /// `http(s)://host[:port]`. Empty: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, endpoint_url of the
  /// profile or its services, else Amazon. Then the profile's addressing_style counts too.
  std::string endpoint_url;
  /// Empty: AWS_REGION, AWS_DEFAULT_REGION, the profile's, else us-east-1.
  std::string region;
  /// Empty: environment, web identity, profile files, container, instance metadata (IMDSv2), in
  /// the order of Amazon's own tools. Not done: credential_process, single sign-on, roles assumed
  /// with the keys of another profile.
  std::string access_key;
  std::string secret_key;
  std::string session_token;
  /// Empty: AWS_PROFILE, else "default". One that is named here goes before the environment.
  std::string profile;
  /// `endpoint/bucket/key` instead of `bucket.endpoint/key`; for most stores but Amazon. Always so
  /// where the endpoint is an address, or the bucket's name cannot be part of a host's.
  bool path_style = false;
  /// A larger put is sent in parts of this size, max_parallel_parts at a time. 5 MiB - 5 GiB.
  std::uint64_t part_size = std::uint64_t{16} << 20;
  /// But a conditional put up to this size is one request, because not every store heeds the
  /// condition of an upload in parts (Ceph 16 does not). Every slot and checkpoint of a store is
  /// smaller than this. 0 - 5 GiB.
  std::uint64_t max_whole_conditional_put = std::uint64_t{65} << 20;
  unsigned max_parallel_parts = 4;           ///< 1 - 64
  std::uint64_t connect_timeout_ms = 5'000;  ///< 1 - 600,000
  /// A request that has not ended by then has failed; part_size and
  /// max_whole_conditional_put bytes must get through. 1 - 3,600,000.
  std::uint64_t request_timeout_ms = 60'000;
  /// A get, head or list of which less than 1 KiB/s came for so long has failed: who answers not at
  /// all is told from who answers slowly. Rounded up to seconds. 1 - 3,600,000.
  std::uint64_t read_stall_timeout_ms = 10'000;
  std::string ca_file;  ///< of certificates to trust; empty: AWS_CA_BUNDLE, else the system's
  Logger logger{};      ///< silent when empty; never hears a secret

  std::shared_ptr<os::HTTPClient> http{};          ///< null: libcurl
  std::shared_ptr<os::Clock> clock{};              ///< null: the machine's
  std::shared_ptr<os::Environment> environment{};  ///< null: the process's
  std::shared_ptr<os::FileSystem> file_system{};   ///< null: the machine's

  /// Throws ValidationError naming the first field that is out of range.
  void validate() const;
};

/// Signature Version 4, every payload signed. The ETag is the version of an object; whether a store
/// wants it quoted in If-Match (Amazon) or bare (Ceph) is found out once, by one more head and put
/// after a put that did not match, and remembered. The first head() that finds nothing looks for
/// the bucket too. An upload in parts keeps the XXH3 of its bytes as metadata of the object, by
/// which one without a condition is looked for by a head when the answer to its end is lost. What
/// is left of an upload in parts whose end got no answer stays in the bucket: give that a lifecycle
/// rule.
class PROTOBASE_EXPORT S3Client final : public CloudStorageClient {
 public:
  /// Makes no request.
  explicit S3Client(S3ClientOptions options);
  ~S3Client() override;

  CloudGetResult get(const std::string& key, const CloudGetOptions& options = {},
                     const std::string& known_version = {}) override;
  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition) override;
  std::optional<CloudObjectMetadata> head(const std::string& key) override;
  CloudListPage list(const std::string& prefix, const std::string& start_after,
                     unsigned max_keys) override;
  void remove(std::span<const std::string> keys) override;
  CloudRequestCounts counts() const override;
  std::string location() const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace protobase
