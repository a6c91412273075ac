#include "storage/cloud/bucket_salvage_source.h"

#include <algorithm>
#include <string>
#include <utility>

#include "cloud/log_remains.h"
#include "storage/cloud/copy_parts.h"

namespace protobase::storage {
namespace {

/// The id of the store tells it from another one at the same place.
SourceName name_of(const std::string& location, const std::optional<UUID>& store) {
  if (!store) return {location, [](const std::string&) { return false; }};
  const std::string id = ", store " + store->to_string();
  return {location + id, [id](const std::string& other) { return other.ends_with(id); }};
}

}  // namespace

BucketSalvageSource::BucketSalvageSource(const std::shared_ptr<CloudStorageClient>& client,
                                         const CloudCopyOptions& options)
    : bucket_(bucket_of(client, options)),
      pool_(options.max_parallel_requests - 1),  // and the calling thread
      shown_([&] {
        cloud::LogRemains remains = cloud::find_remains(bucket_, pool_);
        name_ = name_of(client->location(), remains.store);
        return std::make_shared<BucketSpace>(BucketParts{bucket_, pool_}, std::move(remains));
      }()),
      space_(shown_, "/" + client->location()) {}

std::vector<BadPlace> BucketSalvageSource::other_losses() const {
  bucket_.expect_any_given();
  return shown_->other_losses();
}

std::vector<RecordInfo> BucketSalvageSource::explain(const RecordInfo& bad) const {
  const UUID& id = bad.pointer.transaction_id;
  const RemainingWAL* const wal = shown_->find(id);
  if (wal == nullptr) return {bad};
  std::vector<RecordInfo> parts;
  std::uint64_t at = bad.pointer.offset;
  const std::uint64_t end = at + bad.stored_size;
  const auto add = [&](std::uint64_t until, const std::string& reason) {
    if (until <= at) return;
    parts.push_back({{id, at}, RecordKind::kBad, bad.format, 0, until - at, reason});
    at = until;
  };
  const auto add_damaged = [&](std::uint64_t until) {
    const std::string& reason = parts.empty() ? bad.reason : "no record can be read";
    add(until, reason + ", in object " + wal->key_at(at));
  };
  for (const cloud::LostRange& range : wal->remains().lost) {
    if (range.end <= at || range.begin >= end) continue;
    add_damaged(range.begin);
    add(std::min(range.end, end), range.reason);
  }
  add_damaged(end);
  return parts;
}

}  // namespace protobase::storage
