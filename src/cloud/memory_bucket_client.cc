#include "cloud/memory_bucket_client.h"

#include <algorithm>
#include <utility>

#include "cloud/client_arguments.h"
#include "protobase/errors.h"

namespace protobase::cloud {

namespace {

constexpr int kOK = 200;
constexpr std::size_t kS3KeysPerDelete = 1000;

Bytes joined(std::span<const std::span<const std::byte>> parts) {
  Bytes bytes;
  for (const auto part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

SharedBytes cut(const std::shared_ptr<const Bytes>& bytes, const std::optional<CloudRange>& range) {
  std::span<const std::byte> view = *bytes;
  if (range) {
    view = view.subspan(std::min<std::uint64_t>(range->offset, view.size()));
    view = view.first(std::min<std::uint64_t>(range->length, view.size()));
  }
  return {bytes, view};
}

constexpr std::uint64_t divided_up(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

}  // namespace

MemoryBucketClient::MemoryBucketClient(StoreKind kind, std::shared_ptr<MemoryBucket> bucket,
                                       const std::string& prefix, std::uint64_t part_size)
    : kind_(kind),
      bucket_(bucket ? std::move(bucket) : std::make_shared<MemoryBucket>()),
      prefix_(checked_prefix(prefix)),
      part_size_(part_size) {
  if (part_size == 0) throw ValidationError("part_size is 0");
}

CloudGetResult MemoryBucketClient::get(const std::string& key, const CloudGetOptions& options,
                                       const std::string& known_version) {
  const std::string full = full_key(prefix_, key);
  check_get_options(options);
  check_version(known_version);
  counter_.add(RequestKind::kGet);
  const auto object = bucket_->find(full);
  if (!object) return {CloudGetStatus::kAbsent};
  if (!known_version.empty() && version_of(*object) == known_version) {
    return {CloudGetStatus::kUnchanged};
  }
  SharedBytes bytes = cut(object->bytes, options.range);
  if (bytes.size() > options.max_bytes) {
    throw CloudStorageError(CloudFailure::kRefused, kOK,
                            "get " + location() + ", key " + key + ": the answer has " +
                                std::to_string(bytes.size()) + " bytes, at most " +
                                std::to_string(options.max_bytes) + " were expected");
  }
  counter_.add_received(bytes.size());
  return {CloudGetStatus::kFound, {metadata_of(key, *object), std::move(bytes)}};
}

CloudPutResult MemoryBucketClient::put(const std::string& key,
                                       std::span<const std::span<const std::byte>> parts,
                                       const CloudPutCondition& condition) {
  const std::string full = full_key(prefix_, key);
  check_condition(condition);
  check_version(condition.version);
  Bytes bytes = joined(parts);
  count_put(bytes.size());
  const auto holds = [&](const MemoryObject* there) {
    switch (condition.kind) {
      case CloudPutCondition::Kind::kNone: return true;
      case CloudPutCondition::Kind::kAbsent: return there == nullptr;
      case CloudPutCondition::Kind::kVersion:
        return there != nullptr && version_of(*there) == condition.version;
    }
    throw ValidationError("no such kind of condition");
  };
  const auto stored = bucket_->put(full, std::move(bytes), holds);
  return stored ? CloudPutResult{true, version_of(*stored)} : CloudPutResult{};
}

std::optional<CloudObjectMetadata> MemoryBucketClient::head(const std::string& key) {
  const std::string full = full_key(prefix_, key);
  counter_.add(RequestKind::kGet);
  const auto object = bucket_->find(full);
  return object ? std::optional(metadata_of(key, *object)) : std::nullopt;
}

CloudListPage MemoryBucketClient::list(const std::string& prefix, const std::string& start_after,
                                       unsigned max_keys) {
  const std::string full_prefix = full_key_part(prefix_, prefix);
  // At least behind the prefix itself: some tools put an empty object there to show a folder.
  const std::string full_start = full_key_part(prefix_, start_after);
  check_max_keys(max_keys);
  counter_.add(RequestKind::kList);
  auto found = bucket_->list(full_prefix, full_start, std::size_t{max_keys} + 1);
  CloudListPage page;
  page.is_truncated = found.size() > max_keys;
  if (page.is_truncated) found.pop_back();
  for (const auto& [key, object] : found) {
    page.objects.push_back(metadata_of(key.substr(prefix_.size()), object));
  }
  return page;
}

void MemoryBucketClient::remove(std::span<const std::string> keys) {
  std::vector<std::string> full;
  for (const std::string& key : keys) full.push_back(full_key(prefix_, key));
  const std::size_t at_once = kind_ == StoreKind::kS3 ? kS3KeysPerDelete : 1;
  for (std::size_t i = 0; i < full.size(); ++i) {
    if (i % at_once == 0) counter_.add(RequestKind::kDelete);
    bucket_->remove(full[i]);
  }
}

std::string MemoryBucketClient::location() const {
  std::string text = (kind_ == StoreKind::kS3 ? "s3://" : "gs://") + bucket_->name();
  if (!prefix_.empty()) text += "/" + prefix_.substr(0, prefix_.size() - 1);
  return text;
}

std::string MemoryBucketClient::version_of(const MemoryObject& object) const {
  return kind_ == StoreKind::kS3 ? object.etag : std::to_string(object.generation);
}

CloudObjectMetadata MemoryBucketClient::metadata_of(const std::string& key,
                                                    const MemoryObject& object) const {
  CloudObjectMetadata metadata;
  metadata.key = key;
  metadata.size = object.bytes->size();
  metadata.version = version_of(object);
  metadata.last_modified_us = object.last_modified_us;
  return metadata;
}

void MemoryBucketClient::check_version(const std::string& version) const {
  if (kind_ == StoreKind::kGoogle && !version.empty()) check_generation(version);
}

void MemoryBucketClient::count_put(std::uint64_t size) {
  std::uint64_t requests = 1;
  if (size > part_size_) {  // begun, one for each part, and S3 wants it ended
    requests = 1 + divided_up(size, part_size_) + (kind_ == StoreKind::kS3 ? 1 : 0);
  }
  counter_.add(RequestKind::kPut, size);
  for (std::uint64_t i = 1; i < requests; ++i) counter_.add(RequestKind::kPut);
}

}  // namespace protobase::cloud
