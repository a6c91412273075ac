#include "storage/cloud/copy_parts.h"

#include <fmt/format.h>

#include "cloud/other_things.h"
#include "cloud/slot.h"
#include "protobase/errors.h"

namespace protobase::storage {

cloud::Bucket bucket_of(const std::shared_ptr<CloudStorageClient>& client,
                        const CloudCopyOptions& options) {
  return {client,
          {options.clock ? options.clock : os::system_clock(),
           options.random ? options.random : os::system_random(), options.request_timeout_ms}};
}

void check_place(const SpacePlace& place) {
  if (place.directory.empty() == (place.bucket == nullptr)) {
    throw ValidationError("a place of a store is either a directory or a bucket");
  }
}

std::string space_root_text(const AtomPointer& root) {
  return fmt::format("{{\"transaction_id\": \"{}\", \"offset\": {}}}",
                     root.transaction_id.to_string(), root.offset);
}

std::optional<cloud::LogCheckpoint> find_checkpoint(const cloud::Bucket& bucket) {
  CloudGetOptions options;
  options.max_bytes = cloud::kMaxCheckpointSize;
  try {
    return cloud::read_twice([&]() -> std::optional<cloud::LogCheckpoint> {
      const CloudGetResult got = bucket.get(cloud::kCheckpointKey, options);
      if (got.status != CloudGetStatus::kFound) return std::nullopt;
      return cloud::read_checkpoint(got.object.bytes.span(), bucket.location());
    });
  } catch (const cloud::ForeignCheckpointError&) {
    if (cloud::has_slots_or_segments(bucket)) throw;
    cloud::throw_other_things(bucket.location(), cloud::kCheckpointKey);
  }
}

}  // namespace protobase::storage
