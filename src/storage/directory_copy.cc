#include "storage/directory_copy.h"

#include <algorithm>
#include <utility>

#include "file/wal_tail.h"
#include "format/commit_record.h"
#include "format/record.h"
#include "protobase/errors.h"
#include "protobase/file_block_provider.h"

namespace protobase::storage {

// --- source

DirectoryCopySource::DirectoryCopySource(const std::shared_ptr<os::FileSystem>& files,
                                         const std::string& path)
    : file_system_(files), directory_(files, path), name_(SourceName::of(directory_)) {
  if (!directory_.list().is_space) throw NotFoundError("no space at " + directory_.path());
  read_state();
}

void DirectoryCopySource::read_state() {
  FileBlockProviderOptions options;
  options.access = SpaceAccess::kReadOnly;
  options.file_system = file_system_;
  FileBlockProvider provider(directory_.path(), options);
  const auto lock = hold_root(directory_);
  const auto root = provider.root_register().read();
  if (root && root->sequence > 0) state_.root = root;
  state_.inherited_root = provider.root_register().inherited_root();
  chain_ = file::read_chain(directory_, root);
  for (const UUID& id : provider.list_wals()) add_wal(provider.describe(id));
  for (const BadPlace& loss : chain_.lost()) throw CorruptionError(loss.pointer, loss.reason);
}

void DirectoryCopySource::add_wal(const WALDescription& description) {
  CopiedWAL wal{description.transaction_id, description.layout, description.end};
  if (wal.layout == WALLayout::kVersion1) {
    const auto file = file_system_->open(directory_.wal_path(wal.id), os::OpenMode::kRead);
    if (!file) throw NotFoundError(directory_.wal_path(wal.id) + " vanished during the copy");
    const auto head = file::read_wal_head(*file, wal.id);
    if (head.is_unborn) return;
    const auto tail = file::read_wal_tail(*file, wal.id, head, chain_.proven(wal.id));
    if (!tail.damage.empty()) throw CorruptionError(tail.damage.front());
    if (tail.lost_commit) {
      throw CorruptionError({wal.id, tail.lost_commit->commit_offset},
                            "the newest commit record of the WAL cannot be read");
    }
    wal.end = tail.end;
    wal.sealed = head.checkpoint.sealed;
    wal.predecessor = head.predecessor;
    // A process may have died between making a commit durable and publishing it: it counts, as it
    // will for whoever opens the files.
    const auto& commit = tail.newest_commit;
    if (commit && (!state_.root || commit->sequence > state_.root->sequence)) state_.root = commit;
  }
  state_.wals.push_back(wal);
}

wal::ReadSome DirectoryCopySource::open(const CopiedWAL& wal) {
  const std::string path = wal.layout == WALLayout::kVersion1 ? directory_.wal_path(wal.id)
                                                              : directory_.legacy_wal_path(wal.id);
  const std::shared_ptr<os::File> file = file_system_->open(path, os::OpenMode::kRead);
  if (!file) throw NotFoundError(path + " vanished during the copy");
  return [file](std::uint64_t offset, std::span<std::byte> out) { return file->read(offset, out); };
}

void DirectoryCopySource::copy_python_files(const file::SpaceDirectory& target) {
  for (const char* name : {"/space_root", "/space.config"}) {
    const std::string path = directory_.path() + name;
    const auto file = file_system_->open(path, os::OpenMode::kRead);
    if (!file) continue;
    copy_file(target.file_system(), path, target.path() + name, file->size(), [](std::uint64_t) {});
  }
}

// --- target

namespace {

class DirectoryCopy {
 public:
  DirectoryCopy(CopySource& source, const file::SpaceDirectory& target, const Progress& progress)
      : source_(source),
        target_(target),
        files_(target.file_system()),
        progress_(progress),
        total_(source.state().bytes()) {}

  CopyReport run() {
    begin();
    for (const CopiedWAL& wal : source_.state().wals) {
      if (wal.layout == WALLayout::kVersion1) {
        copy_wal(wal);
      } else {
        copy_bytes(files_, "WAL " + wal.id.to_string(), source_.open(wal),
                   target_.legacy_wal_path(wal.id), wal.end,
                   [this](std::uint64_t at) { tell(at); });
      }
      done_ += wal.end;
      tell(0);
    }
    source_.copy_python_files(target_);
    finish_target(target_);
    report_.wals = source_.state().wals.size();
    report_.bytes = total_;
    report_.root = source_.state().current_root();
    return report_;
  }

 private:
  void begin() {
    check_target(source_.name(), target_, "copy");
    const file::SpaceListing listing = target_.list();
    const auto is_ours = [&](const UUID& id) { return source_.state().has(id); };
    if (!std::all_of(listing.wals.begin(), listing.wals.end(), is_ours)) {
      throw ValidationError(target_.path() + " holds an unfinished copy of another space");
    }
    begin_target(source_.name(), target_, "copy");
  }

  void copy_wal(const CopiedWAL& wal) {
    const wal::ReadSome from = source_.open(wal);
    const auto to = files_.open(target_.wal_path(wal.id), os::OpenMode::kCreate);
    file::WALHead head = file::read_wal_head(*to, wal.id);
    if (!head.is_whole) {
      to->truncate(0);
      const auto header = format::make_wal_header(wal.id, wal.predecessor);
      const std::span<const std::byte> part(header);
      to->write(0, {&part, 1});
      to->sync_data();
      head = file::read_wal_head(*to, wal.id);
    }
    format::Checkpoint closing = head.checkpoint;
    closing.records = 0;
    const std::uint64_t there = keep_whole_prefix(wal.id, *to, head.file_size, closing);
    report_.resumed_bytes += there - kWALFirstRecordOffset;
    copy_records(wal, from, *to, there, closing);
    to->sync_data();
    closing.durable_offset = wal.end;
    closing.closed = true;
    closing.sealed = wal.sealed;
    file::write_checkpoint(*to, wal.id, head, closing);
    to->sync_data();
  }

  /// What an interrupted copy left and can be kept: the records up to the first bad place. Behind
  /// it there may be more, written to the disk out of order; it is cut off. Returns where that is.
  static std::uint64_t keep_whole_prefix(const UUID& id, os::File& file, std::uint64_t size,
                                         format::Checkpoint& closing) {
    auto window = window_of(file);
    std::uint64_t end = kWALFirstRecordOffset;
    wal::scan_records({id, kWALFirstRecordOffset, size, 0}, window,
                      [&](const RecordInfo& info, std::span<const std::byte> payload) {
                        if (info.kind == RecordKind::kBad || info.kind == RecordKind::kTorn) {
                          return false;
                        }
                        end = info.pointer.offset + info.stored_size;
                        count(info, payload, closing);
                        return true;
                      });
    file.truncate(end);
    return end;
  }

  void copy_records(const CopiedWAL& wal, const wal::ReadSome& from, os::File& to,
                    std::uint64_t begin, format::Checkpoint& closing) {
    wal::WindowReader window(from);
    RecordWriter writer(to, wal.id, begin);
    visit_records(wal, begin, window,
                  [&](const RecordInfo& info, std::span<const std::byte> payload) {
                    writer.add(info, payload);
                    count(info, payload, closing);
                    tell(info.pointer.offset);
                  });
    writer.flush();
  }

  /// For the checkpoint behind it.
  static void count(const RecordInfo& info, std::span<const std::byte> payload,
                    format::Checkpoint& closing) {
    ++closing.records;
    if (info.kind != RecordKind::kCommit) return;
    const auto commit =
        format::read_commit_payload(payload.first<format::kCommitPayloadSize>(), info.pointer);
    closing.commit_sequence = commit.version.sequence;
    closing.commit_offset = info.pointer.offset;
  }

  void tell(std::uint64_t within) {
    if (progress_) progress_(std::min(done_ + within, total_), total_);
  }

  CopySource& source_;
  const file::SpaceDirectory& target_;
  os::FileSystem& files_;
  const Progress& progress_;
  CopyReport report_;
  const std::uint64_t total_;
  std::uint64_t done_ = 0;
};

}  // namespace

CopyReport copy_to_directory(CopySource& source, const file::SpaceDirectory& target,
                             const Progress& progress) {
  return DirectoryCopy(source, target, progress).run();
}

}  // namespace protobase::storage
