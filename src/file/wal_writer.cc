#include "file/wal_writer.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/planted_bug.h"
#include "protobase/errors.h"

namespace protobase::file {
namespace {

// Opening reads at most this much behind the newest checkpoint, plus what was not synced.
constexpr std::uint64_t kCheckpointInterval = 4 << 20;
// Zeros written ahead, so that a small commit overwrites blocks that exist and its fdatasync has no
// metadata to write. A quarter of the log, between these bounds: a small store stays small.
constexpr std::uint64_t kMinReady = 64 << 10;
constexpr std::uint64_t kMaxReady = 4 << 20;
// From this size on the operation itself extends the file: writing zeros first would cost more.
constexpr std::uint64_t kLargeWrite = 256 << 10;
constexpr std::uint64_t kBlock = 4096;

}  // namespace

std::shared_ptr<WALWriter> WALWriter::create(const SpaceDirectory& directory, const UUID& id,
                                             os::Clock& clock,
                                             const std::optional<AtomPointer>& predecessor) {
  auto file = directory.file_system().open(directory.wal_path(id), os::OpenMode::kCreateNew);
  if (!file) throw UnexpectedError(directory.wal_path(id) + " exists already: a WAL id was reused");
  // Another process that lists the directory may look into the file for a moment.
  for (int tries = 0; !file->try_lock(kWriterLock, true); ++tries) {
    if (tries == 1000)
      throw LockingError(directory.wal_path(id) + " stays locked by another process");
    clock.sleep_us(1000);
  }
  WALHead head;
  head.state = format::WALHeaderState::kValid;
  head.file_size = format::kWALHeaderSize;
  head.predecessor = predecessor;
  return std::make_shared<WALWriter>(std::move(file), id, head, &directory);
}

WALWriter::WALWriter(std::unique_ptr<os::File> file, const UUID& id, const WALHead& head,
                     const SpaceDirectory* unbegun)
    : file_(std::move(file)),
      id_(id),
      head_(head),
      unbegun_(unbegun),
      ready_(head.file_size),
      written_commit_{head.checkpoint.commit_sequence, head.checkpoint.commit_offset},
      durable_commit_(written_commit_),
      written_records_(head.checkpoint.records),
      written_(head.checkpoint.durable_offset),
      durable_(head.checkpoint.durable_offset),
      records_(head.checkpoint.records) {}

void WALWriter::begin() {
  const std::lock_guard lock(mutex_);
  throw_if_poisoned();
  begin_locked();
}

void WALWriter::write(const WALWriteOperation& operation) {
  const std::lock_guard lock(mutex_);
  throw_if_poisoned();
  const std::uint64_t end = operation.offset + operation.size();
  const std::uint64_t written = written_.load(std::memory_order_relaxed);
  if (end <= durable()) return;  // the same operation once more
  if (operation.offset > written || operation.offset < durable()) {
    throw UnexpectedError("WAL " + id_.to_string() + ": a write at " +
                          std::to_string(operation.offset) + " where the log stands at " +
                          std::to_string(written));
  }
  begin_locked();
  make_room(operation);  // NoSpaceError leaves everything as it was
  try {
    checkpoint_if_due();
    std::vector<std::span<const std::byte>> parts;
    parts.reserve(operation.segments.size());
    for (const SharedBytes& segment : operation.segments) parts.push_back(segment.span());
    file_->write(operation.offset, parts);
  } catch (const ProtoBaseError& error) {
    poison("a write failed half way", error);
  }
  ready_ = std::max(ready_, end);
  if (end <= written) return;  // the same operation once more
  written_.store(end, std::memory_order_release);
  written_records_ += operation.records;
  if (operation.newest_commit) written_commit_ = *operation.newest_commit;
}

void WALWriter::sync() {
  const std::lock_guard lock(mutex_);
  throw_if_poisoned();
  try {
    if (!base::is_planted(base::PlantedBug::kNoDataSync)) file_->sync_data();
  } catch (const ProtoBaseError& error) {
    if (base::is_planted(base::PlantedBug::kRetryAfterFailedSync)) {
      file_->sync_data();
    } else {
      poison("a sync failed", error);
    }
  }
  durable_commit_ = written_commit_;
  records_.store(written_records_, std::memory_order_relaxed);
  durable_.store(written_.load(std::memory_order_relaxed), std::memory_order_release);
}

void WALWriter::close(bool sealed) {
  const std::lock_guard lock(mutex_);
  throw_if_poisoned();
  if (unbegun_ != nullptr) return;  // nothing was ever written
  if (ready_ > durable()) file_->truncate(durable());
  format::Checkpoint checkpoint = current_checkpoint();
  checkpoint.closed = true;
  checkpoint.sealed = sealed;
  write_checkpoint(*file_, id_, head_, checkpoint);
  if (sealed) file_->sync_data();
  poison_ = "it is closed";
}

void WALWriter::throw_if_poisoned() const {
  if (poison_.empty()) return;
  throw UnexpectedError("WAL " + id_.to_string() + " takes no more writes: " + poison_);
}

void WALWriter::poison(const std::string& what, const std::exception& error) {
  poison_ = what + ": " + error.what();
  throw UnexpectedError("WAL " + id_.to_string() + ": " + poison_);
}

void WALWriter::begin_locked() {
  if (unbegun_ == nullptr) return;
  const auto header = format::make_wal_header(id_, head_.predecessor);
  const std::span<const std::byte> part(header);
  file_->write(0, {&part, 1});
  try {
    file_->sync_data();
    if (!base::is_planted(base::PlantedBug::kNoDirectorySync))
      unbegun_->file_system().sync_directory(unbegun_->path());
  } catch (const ProtoBaseError& error) {
    poison("a sync failed", error);
  }
  unbegun_ = nullptr;
}

void WALWriter::make_room(const WALWriteOperation& operation) {
  const std::uint64_t end = operation.offset + operation.size();
  if (end <= ready_) return;
  if (operation.size() >= kLargeWrite) {
    file_->allocate(operation.offset, operation.size());
    return;
  }
  const std::uint64_t ahead = std::clamp(end / 4, kMinReady, kMaxReady);
  extend_with_zeros((end + ahead + kBlock - 1) / kBlock * kBlock);
}

void WALWriter::extend_with_zeros(std::uint64_t end) {
  const std::vector<std::byte> zeros(static_cast<std::size_t>(end - ready_));
  const std::span<const std::byte> part(zeros);
  file_->write(ready_, {&part, 1});
  ready_ = end;
}

void WALWriter::checkpoint_if_due() {
  const bool grown = durable() - head_.checkpoint.durable_offset >= kCheckpointInterval;
  // The first write behind a closing checkpoint takes it back before anything else is written.
  if (grown || head_.checkpoint.closed) {
    write_checkpoint(*file_, id_, head_, current_checkpoint());
  }
}

format::Checkpoint WALWriter::current_checkpoint() const noexcept {
  format::Checkpoint checkpoint;
  checkpoint.durable_offset = durable();
  checkpoint.commit_sequence = durable_commit_.sequence;
  checkpoint.commit_offset = durable_commit_.offset;
  checkpoint.records = records();
  return checkpoint;
}

}  // namespace protobase::file
