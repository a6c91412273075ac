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
// Who hears of a part, to hash it, brings it into the processor's caches for the write.
constexpr std::size_t kPlacedAtATime = 512 << 10;

/// Another process that lists the directory may look into the file for a moment.
void lock_new_file(os::File& file, const std::string& path, os::Clock& clock) {
  for (int tries = 0; !file.try_lock(kWriterLock, true); ++tries) {
    if (tries == 1000) throw LockingError(path + " stays locked by another process");
    clock.sleep_us(1000);
  }
}

}  // namespace

std::shared_ptr<WALWriter> WALWriter::create(const SpaceDirectory& directory, const UUID& id,
                                             os::Clock& clock,
                                             const std::optional<AtomPointer>& predecessor) {
  auto file = directory.file_system().open(directory.wal_path(id), os::OpenMode::kCreateNew);
  if (!file) throw UnexpectedError(directory.wal_path(id) + " exists already: a WAL id was reused");
  try {
    lock_new_file(*file, directory.wal_path(id), clock);
  } catch (const ProtoBaseError&) {
    directory.file_system().remove(directory.wal_path(id));  // so that it can be tried again
    throw;
  }
  WALHead head;
  head.state = format::WALHeaderState::kValid;
  head.file_size = format::kWALHeaderSize;
  head.predecessor = predecessor;
  return std::make_shared<WALWriter>(directory, std::move(file), id, head, /*begun=*/false);
}

WALWriter::WALWriter(const SpaceDirectory& directory, std::unique_ptr<os::File> file,
                     const UUID& id, const WALHead& head, bool begun)
    : directory_(directory),
      file_(std::move(file)),
      id_(id),
      head_(head),
      begun_(begun),
      written_commit_{head.checkpoint.commit_sequence, head.checkpoint.commit_offset},
      durable_commit_(written_commit_),
      written_records_(head.checkpoint.records),
      written_(head.checkpoint.durable_offset),
      durable_(head.checkpoint.durable_offset),
      records_(head.checkpoint.records),
      room_(
          *file_, [this] { return open_again(); }, head.file_size) {}

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
  make_room(operation.offset, end);
  std::vector<std::span<const std::byte>> parts;
  parts.reserve(operation.segments.size());
  for (const SharedBytes& segment : operation.segments) parts.push_back(segment.span());
  write_parts(operation.offset, parts);
  if (end <= written) return;  // the same operation once more
  written_.store(end, std::memory_order_release);
  written_records_ += operation.records;
  if (operation.newest_commit) written_commit_ = *operation.newest_commit;
}

void WALWriter::place(std::uint64_t offset, std::span<const std::byte> bytes,
                      const std::function<void(std::span<const std::byte>)>& passes) {
  const std::lock_guard lock(mutex_);
  throw_if_poisoned();
  if (offset < written()) {
    throw UnexpectedError("WAL " + id_.to_string() + ": bytes to be placed at " +
                          std::to_string(offset) + " where the log stands at " +
                          std::to_string(written()));
  }
  make_room(offset, offset + bytes.size());
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(kPlacedAtATime, bytes.size()));
    passes(part);
    write_parts(offset, {&part, 1});
    offset += part.size();
    bytes = bytes.subspan(part.size());
  }
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
  throw_if_poisoned();  // the room's sync may have failed meanwhile
  durable_commit_ = written_commit_;
  records_.store(written_records_, std::memory_order_relaxed);
  durable_.store(written_.load(std::memory_order_relaxed), std::memory_order_release);
}

void WALWriter::reserve(std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    throw_if_poisoned();
    begin_locked();
  }
  room_.reserve(written() + bytes);
}

void WALWriter::close(bool sealed) {
  const std::lock_guard lock(mutex_);
  throw_if_poisoned();
  closed_ = true;
  if (!begun_) {  // nothing was ever written
    poison_ = "it is closed";
    return;
  }
  room_.stop();
  throw_if_poisoned();
  if (room_.ready() > durable()) file_->truncate(durable());
  format::Checkpoint checkpoint = current_checkpoint();
  checkpoint.closed = true;
  checkpoint.sealed = sealed;
  write_checkpoint(*file_, id_, head_, checkpoint);
  if (sealed) {
    try {
      file_->sync_data();
    } catch (const ProtoBaseError& error) {
      poison("a sync failed", error);
    }
  }
  poison_ = "it is closed";
}

void WALWriter::throw_if_poisoned() {
  if (poison_.empty()) poison_ = room_.broken();
  if (poison_.empty()) return;
  throw UnexpectedError("WAL " + id_.to_string() + " takes no more writes: " + poison_);
}

void WALWriter::abandon() { room_.stop(); }

void WALWriter::poison(const std::string& what, const std::exception& error) {
  room_.cancel();
  poison_ = what + ": " + error.what();
  throw UnexpectedError("WAL " + id_.to_string() + ": " + poison_);
}

/// For the thread that prepares room.
std::unique_ptr<os::File> WALWriter::open_again() const {
  auto file = directory_.file_system().open(directory_.wal_path(id_), os::OpenMode::kReadWrite);
  if (!file) throw UnexpectedError(directory_.wal_path(id_) + " is gone while it is written");
  return file;
}

void WALWriter::begin_locked() {
  if (begun_) return;
  const auto header = format::make_wal_header(id_, head_.predecessor);
  const std::span<const std::byte> part(header);
  file_->write(0, {&part, 1});
  try {
    file_->sync_data();
    directory_.sync();
  } catch (const os::OutOfDescriptorsError&) {
    throw;  // before the sync began: it is made when there is one
  } catch (const ProtoBaseError& error) {
    poison("a sync failed", error);
  }
  begun_ = true;
}

void WALWriter::make_room(std::uint64_t begin, std::uint64_t end) {
  begin_locked();
  try {
    room_.make(begin, end);
  } catch (const NoSpaceError&) {
    throw;  // everything is as it was
  } catch (const ProtoBaseError& error) {
    poison("the room for a write could not be made", error);
  }
}

void WALWriter::write_parts(std::uint64_t offset,
                            std::span<const std::span<const std::byte>> parts) {
  try {
    checkpoint_if_due();
    file_->write(offset, parts);
  } catch (const ProtoBaseError& error) {
    poison("a write failed half way", error);
  }
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
