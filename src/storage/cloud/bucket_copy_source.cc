#include "storage/cloud/bucket_copy_source.h"

#include <string>

#include "cloud/commit_log.h"
#include "cloud/slot.h"
#include "protobase/errors.h"
#include "storage/cloud/copy_parts.h"
#include "storage/cloud/legacy_read_ahead.h"
#include "storage/cloud/read_ahead.h"

namespace protobase::storage {
namespace {

CloudStorageOptions provider_options(const CloudCopyOptions& options) {
  CloudStorageOptions cloud;
  cloud.access = SpaceAccess::kReadOnly;
  cloud.cache_size = 0;  // everything is read once
  cloud.max_parallel_requests = options.max_parallel_requests;
  cloud.commit_timeout_ms = options.request_timeout_ms;
  cloud.clock = options.clock;
  cloud.random = options.random;
  return cloud;
}

/// The id of the store tells it from another one that took its place.
SourceName name_of(const std::string& location, const UUID& store) {
  const std::string id = ", store " + store.to_string();
  return {location + id, [id](const std::string& other) { return other.ends_with(id); }};
}

}  // namespace

BucketCopySource::BucketCopySource(const std::shared_ptr<CloudStorageClient>& client,
                                   const CloudCopyOptions& options)
    : bucket_(bucket_of(client, options)),
      provider_(client, provider_options(options)),
      pool_(options.max_parallel_requests),
      name_(name_of(client->location(), provider_.store_id())) {
  expect_newest_checkpoint();
  read_state();
}

/// A copy of an older state than the newest would be taken for a whole one.
void BucketCopySource::expect_newest_checkpoint() {
  cloud::CommitLog log(bucket_, pool_, [](const auto&...) {});
  log.open();
  log.expect_newest_checkpoint();
}

/// Nothing but reading the root asks the bucket for news, so all that is read behind it is of one
/// moment.
void BucketCopySource::read_state() {
  const auto root = provider_.root_register().read();
  if (root && root->sequence > 0) state_.root = root;
  state_.inherited_root = provider_.root_register().inherited_root();
  std::optional<AtomPointer> predecessor;
  for (const UUID& id : provider_.list_wals()) {
    const WALDescription description = provider_.describe(id);
    // A writer of a bucket never takes up a WAL of another one, and no writer of the copy may: its
    // addresses may be given out in the bucket meanwhile. So each is sealed, and named by the next
    // one, which must not be there alone.
    CopiedWAL wal{id, description.layout, description.end, /*sealed=*/true};
    if (wal.layout == WALLayout::kVersion1) {
      wal.predecessor = predecessor;
      predecessor = AtomPointer{id, wal.end};
    }
    state_.wals.push_back(wal);
  }
}

wal::ReadSome BucketCopySource::open(const CopiedWAL& wal) {
  if (wal.layout == WALLayout::kLegacyPython) return open_legacy(wal);
  const auto reader = std::make_shared<ReadAhead>(provider_, pool_, wal.id, wal.end);
  return [reader](std::uint64_t offset, std::span<std::byte> out) {
    return reader->read(offset, out);
  };
}

/// Legacy WALs are in the checkpoint from the first one on, and never change.
wal::ReadSome BucketCopySource::open_legacy(const CopiedWAL& wal) {
  if (!checkpoint_) checkpoint_ = find_checkpoint(bucket_);
  const cloud::IndexedWAL* const indexed = checkpoint_ ? checkpoint_->index.find(wal.id) : nullptr;
  if (indexed == nullptr || indexed->end() != wal.end) {
    throw CorruptionError({wal.id, 0},
                          bucket_.location() + ": the checkpoint does not name this WAL any more");
  }
  const auto reader = std::make_shared<LegacyReadAhead>(bucket_, pool_, *indexed);
  return [reader](std::uint64_t offset, std::span<std::byte> out) {
    return reader->read(offset, out);
  };
}

void BucketCopySource::copy_python_files(const file::SpaceDirectory& target) {
  if (!state_.inherited_root) return;
  const std::string text = space_root_text(*state_.inherited_root);
  const auto read = [&](std::uint64_t offset, std::span<std::byte> out) {
    return text.copy(reinterpret_cast<char*>(out.data()), out.size(), offset);
  };
  copy_bytes(target.file_system(), "the root", read, target.legacy_root_path(), text.size(),
             [](std::uint64_t) {});
}

}  // namespace protobase::storage
