// GoogleCloudClient: Google Cloud Storage by its JSON API.
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

/// Where and as whom. Empty fields are looked for as Google's own tools do.
struct PROTOBASE_EXPORT GoogleCloudClientOptions {
  std::string bucket;
  /// In front of every key: "" or without a slash at its beginning; one is put behind it.
  std::string prefix;
  /// `http(s)://host[:port]`. Empty: STORAGE_EMULATOR_HOST (then without credentials), else Google.
  std::string endpoint_url;
  std::string project_id;  ///< billed for requests, where a bucket wants that
  /// A `service_account` or `authorized_user` file. Empty: GOOGLE_APPLICATION_CREDENTIALS, the
  /// well-known file of gcloud, the metadata server; an http endpoint on this machine is an
  /// emulator, which is asked without any when there is no file. "anonymous": none.
  std::string credentials_path;
  /// A larger put is sent as a resumable upload in pieces of this size, a multiple of 256 KiB.
  std::uint64_t part_size = std::uint64_t{16} << 20;
  unsigned max_parallel_deletes = 8;         ///< 1 - 64
  std::uint64_t connect_timeout_ms = 5'000;  ///< 1 - 600,000
  /// A request that has not ended by then has failed. 1 - 3,600,000.
  std::uint64_t request_timeout_ms = 60'000;
  /// A get, head or list of which less than 1 KiB/s came for so long has failed: who answers not at
  /// all is told from who answers slowly. Rounded up to seconds. 1 - 3,600,000.
  std::uint64_t read_stall_timeout_ms = 10'000;
  /// Of certificates to trust. Empty: CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE, else the system's.
  std::string ca_file;
  Logger logger{};  ///< silent when empty; never hears a secret

  std::shared_ptr<os::HTTPClient> http{};          ///< null: libcurl
  std::shared_ptr<os::Clock> clock{};              ///< null: the machine's
  std::shared_ptr<os::Environment> environment{};  ///< null: the process's
  std::shared_ptr<os::FileSystem> file_system{};   ///< null: the machine's

  /// Throws ValidationError naming the first field that is out of range.
  void validate() const;
};

/// The generation is the version of an object.
class PROTOBASE_EXPORT GoogleCloudClient final : public CloudStorageClient {
 public:
  /// Makes no request.
  explicit GoogleCloudClient(GoogleCloudClientOptions options);
  ~GoogleCloudClient() override;

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
