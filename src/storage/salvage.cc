// salvage_space: what can be read of a damaged space, at its old addresses, in a healthy one.
//
// The source is read once, since a failing disk may give less the next time: every record that can
// be read goes to its old address, void records over what is between. Then, in the target, the
// commits are joined to a history in which every root can be read and every commit names one that
// is there; those that have no place in it become void too. So no lost address is ever given to
// another record, and what the report says is what the target holds.
#include "protobase/salvage.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "file/space_damage.h"
#include "file/space_tails.h"
#include "file/wal_tail.h"
#include "format/commit_record.h"
#include "format/record.h"
#include "format/root_file.h"
#include "os/file_system.h"
#include "protobase/errors.h"
#include "storage/legacy_remains.h"
#include "storage/salvage_source.h"
#include "storage/salvaged_history.h"
#include "storage/space_transfer.h"
#include "storage/wal_remains.h"

namespace protobase {
namespace {

using file::SpaceDirectory;
using format::kRecordHeaderSize;
using storage::RecordWriter;
using storage::SalvagedHistory;

constexpr std::size_t kMaxListed = 1000;
constexpr std::size_t kMaxOpenFiles = 64;
constexpr const char* kUnsure = ", perhaps never acknowledged";

/// A WAL of the source, and what became of it in the target.
struct SalvagedWAL {
  UUID id;
  std::string path;  ///< in the source
  file::WALHead head;
  std::uint64_t end = kWALFirstRecordOffset;  ///< behind the last record that was kept
  std::uint64_t records = 0;
  const RootVersion* newest_commit = nullptr;
};

class Salvage {
 public:
  Salvage(storage::SalvageSource& from, const SpaceDirectory& target,
          const storage::Progress& progress)
      : from_(from), source_(from.space()), target_(target), progress_(progress) {}

  SalvageReport run() {
    const file::SpaceListing listing = source_.list();
    if (!listing.is_space) throw NotFoundError("no space at " + source_.path());
    from_.check_apart(target_);
    const auto name = from_.name();
    storage::check_target(name, target_, "salvage");
    find_wals(listing);
    storage::begin_target(name, target_, "salvage");
    clear_target();
    for (SalvagedWAL& wal : wals_) copy_wal(wal);
    for (const UUID& id : listing.legacy_wals) copy_legacy_wal(id);
    for (const BadPlace& place : chain_.lost()) note_loss(place);
    history_.settle([this](const AtomPointer& root) { return is_readable(root); });
    for (const BadPlace& place : history_.lost()) note_loss(place);
    compare_with_published();
    for (const BadPlace& place : from_.other_losses()) note_loss(place);
    for (const RootVersion& commit : history_.all()) mend_commit(commit);
    opened_.clear();
    for (const SalvagedWAL& wal : wals_) close_wal(wal);
    if (listing.legacy_root) copy_legacy_root();
    if (const auto newest = history_.newest()) report_.root = newest->root;
    storage::finish_target(target_);
    report_.wals = wals_.size() + legacy_wals_.size();
    report_.commits = history_.size();
    return std::move(report_);
  }

 private:
  /// What an interrupted salvage left may be of an earlier state of the source.
  void clear_target() {
    const file::SpaceListing listing = target_.list();
    os::FileSystem& files = target_.file_system();
    for (const UUID& id : listing.wals) files.remove(target_.wal_path(id));
    for (const UUID& id : listing.legacy_wals) files.remove(target_.legacy_wal_path(id));
    files.remove(target_.root_path());
    files.remove(target_.legacy_root_path());
  }

  /// Fixes what is read: the WALs of one moment, in which nobody commits.
  void find_wals(const file::SpaceListing& listing) {
    const auto root_lock = storage::hold_root(source_);
    published_ = read_published();
    chain_ =
        from_.has_log() ? file::WALChain(published_) : file::read_tails(source_, published_).chain;
    std::set<UUID> taken;
    for (const UUID& id : listing.wals) add_wal(id, id, taken);
    // A file under another WAL's name is that WAL, unless that one is there too.
    for (const auto& [name, id] : misplaced_) add_wal(name, id, taken);
    for (SalvagedWAL& wal : wals_) {
      by_id_.emplace(wal.id, &wal);
      total_ += wal.head.file_size;
    }
    for (const UUID& id : listing.legacy_wals) {
      total_ += open(source_.legacy_wal_path(id))->size();
    }
  }

  void add_wal(const UUID& name, const UUID& id, std::set<UUID>& taken) {
    SalvagedWAL wal{id, source_.wal_path(name), {}};
    const auto file = open(wal.path);
    wal.head = read_head(*file, id);
    if (wal.head.is_unborn) return;
    if (wal.head.state == format::WALHeaderState::kMisplaced && name == id) {
      misplaced_.emplace_back(name, real_id(*file));
      note_loss({{name, 0}, "the file of this WAL is that of another one"});
      return;
    }
    if (!taken.insert(id).second) return;
    if (!wal.head.is_whole) note_loss({{id, 0}, "the header of the WAL is damaged"});
    chain_.add(id, wal.head);
    wals_.push_back(std::move(wal));
  }

  file::WALHead read_head(os::File& file, const UUID& id) {
    try {
      return storage::read_patiently([&] { return file::read_wal_head(file, id); });
    } catch (const os::ReadError&) {  // its records may be readable all the same
      file::WALHead head;
      head.file_size = file.size();
      return head;
    }
  }

  static UUID real_id(os::File& file) {
    UUID id;
    const std::span<std::uint8_t> bytes(id.bytes);
    file.read(16, std::as_writable_bytes(bytes));
    return id;
  }

  std::optional<RootVersion> read_published() {
    const auto file = source_.file_system().open(source_.root_path(), os::OpenMode::kRead);
    if (!file) return std::nullopt;
    std::array<std::byte, format::kPublishedRootSize> bytes{};
    try {
      storage::read_patiently([&] { return file->read(0, bytes); });
      return format::read_published_root(bytes);
    } catch (const os::ReadError& error) {
      note_loss(
          {{},
           std::string("which root was the newest, as protobase.root says it: ") + error.what()});
      return std::nullopt;
    }
  }

  void copy_wal(SalvagedWAL& wal) {
    const auto from = open(wal.path);
    const auto to = target_.file_system().open(target_.wal_path(wal.id), os::OpenMode::kCreate);
    to->truncate(0);
    RecordWriter writer(*to, wal.id, kWALFirstRecordOffset);
    const std::uint64_t proven =
        std::max(wal.head.checkpoint.durable_offset, chain_.proven(wal.id));
    sure_end_ = from_.has_log() ? proven : wal.head.file_size;
    storage::read_remains({wal.id, *from, wal.head.file_size, proven},
                          [&](const RecordInfo& info, auto payload, bool acknowledged) {
                            take(info, payload, acknowledged, writer);
                            tell(info.pointer.offset);
                          });
    writer.flush();
    wal.end = writer.position();
    wal.records = writer.records();
    advance(wal.head.file_size);
  }

  void take(const RecordInfo& info, std::span<const std::byte> payload, bool acknowledged,
            RecordWriter& writer) {
    if (info.kind == RecordKind::kBad) return note_bad(info, acknowledged);
    if (info.pointer.offset != writer.position()) {
      const bool fits = info.pointer.offset >= writer.position() + kRecordHeaderSize;
      if (!fits) return note_loss({info.pointer, "a record that begins within another one"});
      writer.fill_to(info.pointer.offset);
    }
    if (info.kind == RecordKind::kCommit) {
      const auto commit =
          format::read_commit_payload(payload.first<format::kCommitPayloadSize>(), info.pointer);
      if (!acknowledged) {
        return note_loss({info.pointer, "the commit of sequence " +
                                            std::to_string(commit.version.sequence) + kUnsure});
      }
      history_.add(commit.version, info.pointer.offset < sure_end_);
    }
    if (info.kind == RecordKind::kMark && !acknowledged) return;
    writer.add(info, payload);
    if (info.kind != RecordKind::kData) return;
    ++report_.records;
    report_.payload_bytes += payload.size();
  }

  void note_bad(const RecordInfo& bad, bool acknowledged) {
    for (const RecordInfo& part : from_.explain(bad)) {
      note_loss({part.pointer, std::to_string(part.stored_size) + " bytes" +
                                   (acknowledged ? "" : kUnsure) + ": " + part.reason});
    }
  }

  void copy_legacy_wal(const UUID& id) {
    const auto from = open(source_.legacy_wal_path(id));
    const auto to = target_.file_system().open(target_.legacy_wal_path(id), os::OpenMode::kCreate);
    const auto remains = storage::salvage_legacy_wal(
        id, *from, *to, [this](const BadPlace& place) { note_loss(place); },
        [this](std::uint64_t at) { tell(at); });
    report_.records += remains.records;
    report_.payload_bytes += remains.payload_bytes;
    legacy_wals_.insert(id);
    advance(remains.end);
  }

  /// A file of the target. Valid until the next call.
  os::File& opened(const UUID& id) {
    const auto found = opened_.find(id);
    if (found != opened_.end()) return *found->second;
    if (opened_.size() == kMaxOpenFiles) opened_.clear();
    const bool is_legacy = legacy_wals_.contains(id);
    auto file = reopen_target(is_legacy ? target_.legacy_wal_path(id) : target_.wal_path(id));
    return *opened_.emplace(id, std::move(file)).first->second;
  }

  /// Whether the target holds the record.
  bool is_readable(const AtomPointer& where) {
    const UUID& id = where.transaction_id;
    if (legacy_wals_.contains(id)) return storage::is_legacy_record(opened(id), where);
    const auto wal = by_id_.find(id);
    if (wal == by_id_.end() || where.offset < kWALFirstRecordOffset ||
        where.offset % format::kRecordAlignment != 0) {
      return false;
    }
    const std::uint64_t end = wal->second->end;
    std::vector<std::byte> bytes(kRecordHeaderSize);
    format::RecordHeader header;
    os::File& file = opened(id);
    if (file.read(where.offset, bytes) != bytes.size() ||
        format::parse_header(bytes, header) != format::HeaderState::kValid ||
        header.type != format::RecordType::kData ||
        kRecordHeaderSize + header.payload_size > end - std::min(end, where.offset)) {
      return false;
    }
    bytes.resize(kRecordHeaderSize + header.payload_size);
    return file.read(where.offset, bytes) == bytes.size() && format::verify_record(bytes, where);
  }

  /// protobase.root may know of a newer root than any WAL has left.
  void compare_with_published() {
    const auto newest = history_.newest();
    if (!published_ || (newest && newest->sequence >= published_->sequence)) return;
    if (history_.gave_up(published_->commit)) return;  // said already
    note_loss({published_->commit, "the newest root, of sequence " +
                                       std::to_string(published_->sequence) + ", pointed at " +
                                       published_->root.to_string()});
  }

  /// Makes a commit record of the target what the history says of it.
  void mend_commit(const RootVersion& before) {
    const AtomPointer& where = before.commit;
    const RootVersion* kept = history_.find(where);
    if (kept != nullptr) by_id_.at(where.transaction_id)->newest_commit = kept;
    if (kept != nullptr && *kept == before) return;
    std::array<std::byte, format::stored_size(format::kCommitPayloadSize)> record;
    std::array<std::byte, format::kCommitPayloadSize> payload{};
    os::File& file = opened(where.transaction_id);
    if (kept != nullptr) {
      if (file.read(where.offset + kRecordHeaderSize, payload) != payload.size()) {
        throw CorruptionError(where, "the target became shorter");
      }
      const auto stored = format::read_commit_payload(payload, where);
      format::write_commit_payload(payload, {*kept, stored.durable_offset});
    }
    format::write_record(record, kept ? format::RecordType::kCommit : format::RecordType::kVoid,
                         RecordFormat::kRaw, payload, where);
    const std::span<const std::byte> part(record);
    file.write(where.offset, {&part, 1});
  }

  void close_wal(const SalvagedWAL& wal) {
    const auto file = reopen_target(target_.wal_path(wal.id));
    const auto header = format::make_wal_header(wal.id, kept_predecessor(wal));
    const std::span<const std::byte> part(header);
    file->write(0, {&part, 1});
    format::Checkpoint closing;
    closing.durable_offset = wal.end;
    closing.records = wal.records;
    closing.closed = true;
    // A pointer to what was lost at the end must never lead to another record.
    closing.sealed = true;
    if (wal.newest_commit != nullptr) {
      closing.commit_sequence = wal.newest_commit->sequence;
      closing.commit_offset = wal.newest_commit->commit.offset;
    }
    file::WALHead head = file::read_wal_head(*file, wal.id);
    file::write_checkpoint(*file, wal.id, head, closing);
    file->sync_data();
  }

  /// One that is lost is named no more, or the target would be damaged too.
  std::optional<AtomPointer> kept_predecessor(const SalvagedWAL& wal) const {
    const auto& predecessor = wal.head.predecessor;
    if (!predecessor) return std::nullopt;
    const auto found = by_id_.find(predecessor->transaction_id);
    const bool kept = found != by_id_.end() && found->second->end >= predecessor->offset;
    return kept ? predecessor : std::nullopt;
  }

  void copy_legacy_root() {
    std::optional<AtomPointer> root;
    try {
      root = storage::read_patiently([&] { return source_.read_legacy_root(); });
    } catch (const CorruptionError& error) {
      return note_loss({{}, error.what()});
    } catch (const os::ReadError& error) {
      return note_loss({{}, std::string("cannot be read: ") + error.what()});
    }
    if (root && !is_readable(*root)) {
      return note_loss({*root, "the root that the Python storage set"});
    }
    report_.root = root;
    const auto file = open(source_.legacy_root_path());
    const auto read = [&](std::uint64_t offset, std::span<std::byte> out) {
      return file->read(offset, out);
    };
    storage::copy_bytes(target_.file_system(), "the root", read, target_.legacy_root_path(),
                        file->size(), [](std::uint64_t) {});
  }

  /// A file of the source.
  std::unique_ptr<os::File> open(const std::string& path) {
    return existing(source_.file_system().open(path, os::OpenMode::kRead), path);
  }
  std::unique_ptr<os::File> reopen_target(const std::string& path) {
    return existing(target_.file_system().open(path, os::OpenMode::kReadWrite), path);
  }
  static std::unique_ptr<os::File> existing(std::unique_ptr<os::File> file,
                                            const std::string& path) {
    if (!file) throw NotFoundError(path + " vanished");
    return file;
  }

  void note_loss(const BadPlace& place) {
    ++report_.lost_places;
    if (report_.lost.size() < kMaxListed) report_.lost.push_back(place);
  }

  void advance(std::uint64_t bytes) {
    done_ += bytes;
    tell(0);
  }
  void tell(std::uint64_t within) {
    if (progress_) progress_(std::min(done_ + within, total_), total_);
  }

  storage::SalvageSource& from_;
  const SpaceDirectory& source_;
  const SpaceDirectory& target_;
  const storage::Progress& progress_;
  std::vector<SalvagedWAL> wals_;
  std::map<UUID, SalvagedWAL*> by_id_;
  std::set<UUID> legacy_wals_;
  std::vector<std::pair<UUID, UUID>> misplaced_;  // name, real id
  std::map<UUID, std::unique_ptr<os::File>> opened_;
  std::optional<RootVersion> published_;
  file::WALChain chain_;
  SalvagedHistory history_;
  std::uint64_t sure_end_ = 0;  ///< of the WAL being copied: commits behind are in doubt
  SalvageReport report_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

SalvageReport storage::salvage_space(SalvageSource& source, const SpaceDirectory& target,
                                     const Progress& progress) {
  return Salvage(source, target, progress).run();
}

}  // namespace protobase
