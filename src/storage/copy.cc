// copy_space: every WAL of a directory into another one, record by record, so that damage is not
// spread.
//
// A WAL of the target is whatever prefix of the source's WAL its records make up, which is how an
// interrupted copy goes on.
#include "protobase/copy.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "file/space_damage.h"
#include "file/space_directory.h"
#include "file/space_recovery.h"
#include "file/wal_tail.h"
#include "format/record.h"
#include "os/file_system.h"
#include "protobase/errors.h"
#include "protobase/file_block_provider.h"
#include "storage/space_transfer.h"
#include "wal/scanner.h"

namespace protobase {
namespace {

using file::SpaceDirectory;

using storage::RecordWriter;

/// A WAL of the source and where it ended when the state to copy was fixed.
struct SourceWAL {
  UUID id;
  WALLayout layout = WALLayout::kVersion1;
  std::uint64_t end = 0;
  bool sealed = false;
  std::optional<RootVersion> newest_commit{};
  std::optional<AtomPointer> predecessor{};
};

class Copy {
 public:
  Copy(const std::shared_ptr<os::FileSystem>& files, const std::string& from, const std::string& to,
       const storage::Progress& progress)
      : file_system_(files),
        source_(file_system_, from),
        target_(file_system_, to),
        progress_(progress) {}

  CopyReport run() {
    if (!source_.list().is_space) throw NotFoundError("no space at " + source_.path());
    read_source();
    begin_target();
    for (const SourceWAL& wal : wals_) {
      if (wal.layout == WALLayout::kVersion1) {
        copy_wal(wal);
      } else {
        copy_file(source_.legacy_wal_path(wal.id), target_.legacy_wal_path(wal.id), wal.end);
      }
      done_ += wal.end;
      tell(0);
    }
    finish_target();
    report_.wals = wals_.size();
    report_.bytes = total_;
    return report_;
  }

 private:
  /// Fixes what is copied: root and WAL ends of one moment, in which nobody commits.
  void read_source() {
    FileBlockProviderOptions options;
    options.access = SpaceAccess::kReadOnly;
    options.file_system = file_system_;
    FileBlockProvider provider(source_.path(), options);
    const auto lock = storage::hold_root(source_);
    const auto root = provider.root_register().read();
    if (root) report_.root = root->root;
    chain_ = file::read_chain(source_, root);
    for (const UUID& id : provider.list_wals()) add_wal(provider.describe(id));
    for (const BadPlace& loss : chain_.lost()) throw CorruptionError(loss.pointer, loss.reason);
    for (const SourceWAL& wal : wals_) total_ += wal.end;
  }

  void add_wal(const WALDescription& description) {
    SourceWAL wal{description.transaction_id, description.layout, description.end};
    if (wal.layout == WALLayout::kVersion1) {
      const auto file = file_system_->open(source_.wal_path(wal.id), os::OpenMode::kRead);
      if (!file) throw NotFoundError(source_.wal_path(wal.id) + " vanished during the copy");
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
      wal.newest_commit = tail.newest_commit;
    }
    wals_.push_back(wal);
  }

  void begin_target() {
    storage::check_target(source_, target_, "copy");
    const file::SpaceListing listing = target_.list();
    const auto is_ours = [&](const UUID& id) {
      return std::any_of(wals_.begin(), wals_.end(), [&](const auto& wal) { return wal.id == id; });
    };
    if (!std::all_of(listing.wals.begin(), listing.wals.end(), is_ours)) {
      throw ValidationError(target_.path() + " holds an unfinished copy of another space");
    }
    storage::begin_target(source_, target_, "copy");
  }

  void finish_target() {
    for (const char* name : {"/space_root", "/space.config"}) {
      const auto file = file_system_->open(source_.path() + name, os::OpenMode::kRead);
      if (file) copy_file(source_.path() + name, target_.path() + name, file->size());
    }
    storage::finish_target(target_);
  }

  void copy_wal(const SourceWAL& wal) {
    const auto from = file_system_->open(source_.wal_path(wal.id), os::OpenMode::kRead);
    if (!from) throw NotFoundError(source_.wal_path(wal.id) + " vanished during the copy");
    const auto to = file_system_->open(target_.wal_path(wal.id), os::OpenMode::kCreate);
    file::WALHead head = file::read_wal_head(*to, wal.id);
    if (!head.is_whole) {
      to->truncate(0);
      const auto header = format::make_wal_header(wal.id, wal.predecessor);
      const std::span<const std::byte> part(header);
      to->write(0, {&part, 1});
      to->sync_data();
      head = file::read_wal_head(*to, wal.id);
    }
    const Prefix there = whole_prefix(wal.id, *to, head.file_size);
    to->truncate(there.end);
    report_.resumed_bytes += there.end - kWALFirstRecordOffset;
    const std::uint64_t records = there.records + copy_records(wal, *from, *to, there.end);
    to->sync_data();
    format::Checkpoint closing = head.checkpoint;
    closing.durable_offset = wal.end;
    closing.records = records;
    closing.closed = true;
    closing.sealed = wal.sealed;
    if (wal.newest_commit) {
      closing.commit_sequence = wal.newest_commit->sequence;
      closing.commit_offset = wal.newest_commit->commit.offset;
    }
    file::write_checkpoint(*to, wal.id, head, closing);
    to->sync_data();
  }

  struct Prefix {
    std::uint64_t end = kWALFirstRecordOffset;
    std::uint64_t records = 0;
  };

  /// What an interrupted copy left that can be kept: the records up to the first bad place. Behind
  /// it there may be more, written to the disk out of order.
  static Prefix whole_prefix(const UUID& id, os::File& file, std::uint64_t size) {
    auto window = storage::window_of(file);
    Prefix prefix;
    const auto visit = [&](const RecordInfo& info, std::span<const std::byte>) {
      if (info.kind == RecordKind::kBad || info.kind == RecordKind::kTorn) return false;
      prefix.end = info.pointer.offset + info.stored_size;
      ++prefix.records;
      return true;
    };
    wal::scan_records({id, kWALFirstRecordOffset, size, 0}, window, visit);
    return prefix;
  }

  /// Copies the records from `begin` to the end of `wal`; returns how many.
  std::uint64_t copy_records(const SourceWAL& wal, os::File& from, os::File& to,
                             std::uint64_t begin) {
    auto window = storage::window_of(from);
    RecordWriter writer(to, wal.id, begin);
    std::uint64_t records = 0;
    const auto visit = [&](const RecordInfo& info, std::span<const std::byte> payload) {
      if (info.kind == RecordKind::kBad || info.kind == RecordKind::kTorn) {
        throw CorruptionError(info.pointer, info.reason);
      }
      writer.add(info, payload);
      ++records;
      tell(info.pointer.offset);
      return true;
    };
    wal::scan_records({wal.id, begin, wal.end, wal.end}, window, visit);
    writer.flush();
    return records;
  }

  void copy_file(const std::string& from, const std::string& to, std::uint64_t size) {
    storage::copy_file(*file_system_, from, to, size, [this](std::uint64_t at) { tell(at); });
  }

  void tell(std::uint64_t within) {
    if (progress_) progress_(std::min(done_ + within, total_), total_);
  }

  const std::shared_ptr<os::FileSystem> file_system_;
  const SpaceDirectory source_;
  const SpaceDirectory target_;
  const storage::Progress& progress_;
  std::vector<SourceWAL> wals_;
  file::WALChain chain_;
  CopyReport report_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

CopyReport storage::copy_space(const std::shared_ptr<os::FileSystem>& files,
                               const std::string& from, const std::string& to,
                               const Progress& progress) {
  return Copy(files, from, to, progress).run();
}

CopyReport copy_space(
    const std::string& from, const std::string& to,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
  return storage::copy_space(os::posix_file_system(), from, to, progress);
}

}  // namespace protobase
