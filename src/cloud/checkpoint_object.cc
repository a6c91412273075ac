#include "cloud/checkpoint_object.h"

#include <fmt/format.h>

#include <utility>

#include "cloud/slot.h"
#include "protobase/errors.h"

namespace protobase::cloud {

CheckpointObject::Look CheckpointObject::get(bool anew,
                                             const std::function<void(LogCheckpoint)>& take,
                                             std::string* version) {
  return read_twice([&] {
    const CloudGetResult got = get_object(anew ? std::string() : version_);
    if (got.status == CloudGetStatus::kAbsent) return Look::kAbsent;
    if (got.status == CloudGetStatus::kUnchanged) return Look::kUnchanged;
    const std::string& found = got.object.metadata.version;
    if (version != nullptr) *version = found;
    LogCheckpoint read = read_checkpoint(got.object.bytes.span(), bucket_.location());
    const std::uint64_t slot = read.slot;
    take(std::move(read));
    set_known(found, slot);
    size_ = got.object.bytes.size();
    return Look::kRead;
  });
}

CloudGetResult CheckpointObject::get_object(const std::string& known_version) {
  CloudGetOptions options;
  options.max_bytes = max_size_;
  try {
    return bucket_.get(kCheckpointKey, options, known_version);
  } catch (const CloudStorageError& error) {
    const bool may_be_too_large = !error.may_retry() && error.http_status() < 300;
    if (!may_be_too_large) throw;
    const auto found = bucket_.head(kCheckpointKey);
    if (!found || found->size <= max_size_) throw;
    throw ForeignCheckpointError(
        fmt::format("{}: object {}: {} bytes are too many for a checkpoint", bucket_.location(),
                    kCheckpointKey, found->size));
  }
}

bool CheckpointObject::put(const LogCheckpoint& checkpoint) {
  const Bytes object = write_checkpoint(checkpoint);
  if (object.size() > max_size_) {
    slot_ = checkpoint.slot;
    throw UnexpectedError(
        fmt::format("{}: the object {} would have {} bytes, {} are the limit: the old one stays. "
                    "Merge the store; when merging says this, begin a new one",
                    bucket_.location(), kCheckpointKey, object.size(), max_size_));
  }
  const std::span<const std::byte> part(object);
  const CloudPutResult put = bucket_.client().put(
      kCheckpointKey, {&part, 1},
      version_.empty() ? CloudPutCondition::if_absent() : CloudPutCondition::if_version(version_));
  if (!put.stored) return false;
  set_known(put.version, checkpoint.slot);
  size_ = object.size();
  return true;
}

void CheckpointObject::set_known(std::string version, std::uint64_t slot) {
  version_ = std::move(version);
  slot_ = slot;
}

}  // namespace protobase::cloud
