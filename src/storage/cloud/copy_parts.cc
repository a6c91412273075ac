#include "storage/cloud/copy_parts.h"

#include "cloud/slot.h"

namespace protobase::storage {

cloud::RetryParts retry_parts_of(const CloudCopyOptions& options) {
  return {options.clock ? options.clock : os::system_clock(),
          options.random ? options.random : os::system_random(), options.request_timeout_ms};
}

std::optional<cloud::LogCheckpoint> find_checkpoint(CloudStorageClient& client,
                                                    const cloud::RetryParts& retry_parts) {
  CloudGetOptions options;
  options.max_bytes = cloud::kMaxCheckpointSize;
  return cloud::read_twice([&]() -> std::optional<cloud::LogCheckpoint> {
    const CloudGetResult got = cloud::with_retries(
        retry_parts, [&] { return client.get(cloud::kCheckpointKey, options); });
    if (got.status != CloudGetStatus::kFound) return std::nullopt;
    return cloud::read_checkpoint(got.object.bytes.span(), client.location());
  });
}

}  // namespace protobase::storage
