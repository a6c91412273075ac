#include "storage/space_transfer.h"

#include <algorithm>

#include "os/clock.h"
#include "protobase/errors.h"

namespace protobase::storage {
namespace {

constexpr std::size_t kBatch = 1 << 20;
// Who reads a WAL has a record in memory. One of these takes a block of the disk.
constexpr std::uint64_t kLongestVoid = 16 << 20;
constexpr std::uint64_t kLockPollUs = 1000;
constexpr int kLockPolls = 30'000;
constexpr std::uint64_t kMaxMarker = 8192;

void write_bytes(os::File& file, std::uint64_t offset, std::span<const std::byte> bytes) {
  file.write(offset, {&bytes, 1});
}

std::string marker_of(const std::string& source, const std::string& kind) {
  return "unfinished " + kind + " of " + source;
}

std::string read_marker(const file::SpaceDirectory& target) {
  const auto marker = target.file_system().open(target.copy_path(), os::OpenMode::kRead);
  std::string text(marker ? std::min<std::uint64_t>(marker->size(), kMaxMarker) : 0, '\0');
  if (marker) marker->read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

bool is_marker_of(const std::string& text, const SourceName& source, const std::string& kind) {
  const std::string before = marker_of("", kind);
  if (!text.starts_with(before)) return false;
  const std::string name = text.substr(before.size());
  return name == source.text || source.is_also(name);
}

/// Whether `path`, which need not be there, would lie anywhere below `directory`.
bool lies_within(std::string path, const std::string& directory) {
  const auto is_there = [](const std::string& p) { return os::is_same_directory(p, p); };
  while (!is_there(path)) {
    const std::string parent = os::parent_directory(path);
    if (parent == path) return false;
    path = parent;
  }
  // From here on the parents that the system sees, whatever links led here.
  while (is_there(path) && !os::is_same_directory(path, path + "/..")) {
    if (os::is_same_directory(path, directory)) return true;
    path += "/..";
  }
  return false;
}

}  // namespace

format::RecordType type_of(RecordKind kind) noexcept {
  switch (kind) {
    case RecordKind::kCommit: return format::RecordType::kCommit;
    case RecordKind::kMark: return format::RecordType::kMark;
    case RecordKind::kVoid: return format::RecordType::kVoid;
    default: return format::RecordType::kData;
  }
}

void RecordWriter::add(const RecordInfo& info, std::span<const std::byte> payload) {
  const AtomPointer where{wal_, position()};
  format::write_record(extend(format::stored_size(payload.size())), type_of(info.kind), info.format,
                       payload, where);
}

void RecordWriter::fill_to(std::uint64_t end) {
  Bytes record;
  std::uint64_t payload_hash = 0;
  while (position() < end) {
    const std::uint64_t left = end - position();
    if (left < format::kRecordHeaderSize) return;  // no room for a record: nothing is there either
    // What is left behind a full step has room for a record of its own.
    const std::uint64_t size = left < 2 * kLongestVoid ? left : kLongestVoid;
    const auto payload_size = static_cast<std::size_t>(size) - format::kRecordHeaderSize;
    if (record.size() != size) {
      record.assign(static_cast<std::size_t>(size), std::byte{0});
      payload_hash = format::hash_payload(std::span(record).last(payload_size));
    }
    flush();
    format::seal_record(record, format::RecordType::kVoid, RecordFormat::kRaw, payload_size,
                        payload_hash, {wal_, offset_});
    write_bytes(file_, offset_, std::span(record).first(format::kRecordHeaderSize));
    offset_ += size;
    ++records_;
  }
}

std::span<std::byte> RecordWriter::extend(std::uint64_t size) {
  if (!buffer_.empty() && buffer_.size() + size > kBatch) flush();
  ++records_;
  const std::size_t at = buffer_.size();
  buffer_.resize(at + static_cast<std::size_t>(size));
  return std::span(buffer_).subspan(at);
}

void RecordWriter::flush() {
  write_bytes(file_, offset_, buffer_);
  offset_ += buffer_.size();
  buffer_.clear();
}

std::unique_ptr<os::File> hold_root(const file::SpaceDirectory& space) {
  std::unique_ptr<os::File> file;
  const auto kind = space.file_system().kind_of(space.lock_path());
  if (kind && kind != os::FileKind::kRegular) return nullptr;  // nobody can hold a lock in it
  try {
    file = space.file_system().open(space.lock_path(), os::OpenMode::kReadWrite);
  } catch (const NotAuthorizedError&) {
    return nullptr;  // where it cannot be written, nobody can commit
  }
  if (!file) return nullptr;
  const auto clock = os::system_clock();
  for (int polls = 0; !file->try_lock(file::kRootLock, /*exclusive=*/true); ++polls) {
    if (polls == kLockPolls) {
      throw LockingError(space.path() + ": another process held the root lock for 30 s");
    }
    clock->sleep_us(kLockPollUs);
  }
  return file;
}

wal::WindowReader window_of(os::File& file, wal::OnReadError on_error) {
  return wal::WindowReader(
      [&file](std::uint64_t offset, std::span<std::byte> out) { return file.read(offset, out); },
      on_error, [&file](std::uint64_t offset) { return file.next_hole(offset); });
}

SourceName SourceName::of(const file::SpaceDirectory& source) {
  const std::string path = source.path();
  return {path, [path](const std::string& other) { return os::is_same_directory(other, path); }};
}

void check_apart(const file::SpaceDirectory& source, const file::SpaceDirectory& target) {
  if (os::is_same_directory(source.path(), target.path())) {
    throw ValidationError(target.path() + " is the source itself");
  }
  if (lies_within(target.path(), source.path())) {
    throw ValidationError(target.path() + " lies within the source: choose another directory");
  }
}

void check_target(const SourceName& source, const file::SpaceDirectory& target,
                  const std::string& kind) {
  const file::SpaceListing listing = target.list();
  if (!listing.is_space) return;
  if (!listing.unfinished_copy) {
    throw ValidationError(target.path() + " is a space already: choose a new directory");
  }
  std::string found = read_marker(target);
  const bool is_whole = found.ends_with('\n');
  while (found.ends_with('\n')) found.pop_back();
  // One that was cut short is the first thing there.
  const bool is_fresh = !is_whole && listing.wals.empty() && listing.legacy_wals.empty();
  if (!is_fresh && !is_marker_of(found, source, kind)) {
    throw ValidationError(target.path() + " holds an " + found + ", not an " +
                          marker_of(source.text, kind) +
                          ": finish that, or choose a new directory");
  }
}

void begin_target(const SourceName& source, const file::SpaceDirectory& target,
                  const std::string& kind) {
  target.create();
  const auto marker = target.file_system().open(target.copy_path(), os::OpenMode::kCreate);
  const std::string what = marker_of(source.text, kind);
  write_bytes(*marker, 0, as_bytes(what + "\n"));
  marker->truncate(what.size() + 1);
  marker->sync_data();
  target.sync();
}

void finish_target(const file::SpaceDirectory& target) {
  os::FileSystem& files = target.file_system();
  files.open(target.lock_path(), os::OpenMode::kCreate);
  target.sync();
  files.remove(target.copy_path());
  target.sync();
}

void copy_file(os::FileSystem& files, const std::string& from, const std::string& to,
               std::uint64_t size, const std::function<void(std::uint64_t)>& progress) {
  const auto source = files.open(from, os::OpenMode::kRead);
  if (!source) throw NotFoundError(from + " vanished during the copy");
  const auto read = [&](std::uint64_t offset, std::span<std::byte> out) {
    return source->read(offset, out);
  };
  copy_bytes(files, from, read, to, size, progress);
}

void copy_bytes(os::FileSystem& files, const std::string& name, const wal::ReadSome& read,
                const std::string& to, std::uint64_t size,
                const std::function<void(std::uint64_t)>& progress) {
  const auto target = files.open(to, os::OpenMode::kCreate);
  std::vector<std::byte> buffer(kBatch);
  for (std::uint64_t at = 0; at < size;) {
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(kBatch, size - at));
    const std::span<std::byte> bytes(buffer.data(), step);
    if (read(at, bytes) != step) throw CorruptionError(name + " became shorter");
    write_bytes(*target, at, bytes);
    at += step;
    progress(at);
  }
  target->truncate(size);
  target->sync_data();
}

}  // namespace protobase::storage
