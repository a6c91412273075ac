#include "cloud/wal_uploader.h"

#include <utility>

#include "protobase/block_provider.h"
#include "protobase/errors.h"

namespace protobase::cloud {

void WALUploader::commit_locally(LocalCommitsOptions options, std::function<void()> published) {
  local_ = std::make_unique<LocalCommits>(log_, publisher_, pending_, bucket_.retry_parts(),
                                          std::move(options), std::move(published));
}

AtomPointer WALUploader::claim_wal() {
  return {pending_.claim(bucket_.random()), kWALFirstRecordOffset};
}

std::optional<std::uint64_t> WALUploader::sync(const UUID& wal) {
  const std::lock_guard syncing(sync_mutex_);
  throw_if_closed();
  const auto range = pending_.unsynced(wal);
  if (!range) return std::nullopt;
  if (range->begin == range->end) return range->end;
  try {
    publisher_.claim();
    if (local_) {
      local_->commit(*range, new_root(*range));
    } else {
      publish(*range);
    }
  } catch (const NothingTookEffect&) {
    pending_.give_up_commit(wal);  // its record will be void when these bytes go out
    throw;
  }
  return range->end;
}

void WALUploader::publish(const UnsyncedRange& range) {
  SlotContents contents;
  contents.commit_id = bucket_.random_id();
  contents.wal = range.wal;
  contents.begin = range.begin;
  contents.inline_parts = range.parts;
  contents.records = range.records;
  contents.root = new_root(range);
  publisher_.put_segments(contents);
  publisher_.put_slot(contents);
  pending_.mark_synced(range.wal, range.end);
  pending_.drop(range.wal, range.end);
}

/// The newest commit in the range, if the first of its group replaces the root that is.
std::optional<RootVersion> WALUploader::new_root(const UnsyncedRange& range) const {
  if (!range.newest_commit) return std::nullopt;
  const RootVersion newest = pending_.read_commit(range.wal, range.newest_commit->offset);
  const RootVersion first = pending_.first_of_chain(newest, range.wal, range.begin);
  const auto before = root();
  return first.previous_sequence == (before ? before->sequence : 0) ? std::optional(newest)
                                                                    : std::nullopt;
}

std::optional<RootVersion> WALUploader::root() const {
  const auto logged = log_.known().root();
  const auto own = local_ ? local_->root() : std::nullopt;
  return own && (!logged || own->sequence > logged->sequence) ? own : logged;
}

void WALUploader::release_wal(const UUID& wal) const {
  if (!pending_.end_of(wal)) throw NotFoundError("no WAL of this writer: " + wal.to_string());
}

/// One that was closed must not shut out who wrote since.
void WALUploader::claim_log() {
  if (log_.has_claimed()) return;
  const std::lock_guard syncing(sync_mutex_);
  throw_if_closed();
  publisher_.claim();
}

void WALUploader::close() {
  closed_ = true;
  if (local_) local_->close();                 // a sync may wait for room there
  const std::lock_guard syncing(sync_mutex_);  // what is under way ends
}

void WALUploader::throw_if_closed() const {
  if (closed_) throw ValidationError("the block provider is closed");
}

}  // namespace protobase::cloud
