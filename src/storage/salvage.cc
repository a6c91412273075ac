// salvage_space: what can be read of a damaged space, at its old addresses, in a healthy one.
//
// Two passes. The first reads every WAL, notes what is lost, and collects the commits; from them a
// history is made in which every root can be read and every commit names one that is there. The
// second writes: kept records as they are, commits as that history has them, and void records over
// everything else, so that no lost address is ever given to another record.
#include "protobase/salvage.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "file/space_damage.h"
#include "file/wal_tail.h"
#include "format/commit_record.h"
#include "format/legacy_record.h"
#include "format/record.h"
#include "format/root_file.h"
#include "protobase/errors.h"
#include "storage/salvaged_history.h"
#include "storage/space_transfer.h"

namespace protobase {
namespace {

using file::SpaceDirectory;
using format::kRecordHeaderSize;
using storage::RecordWriter;
using storage::SalvagedHistory;

constexpr std::size_t kMaxListed = 1000;

/// A WAL of the source: which one it really is, and how much of it there is.
struct SourceWAL {
  UUID id;
  std::string path;
  file::WALHead head;
  std::uint64_t proven = 0;                   ///< everything below was durable once
  std::uint64_t end = kWALFirstRecordOffset;  ///< behind the last record that can be read
};

class Salvage {
 public:
  Salvage(const std::string& from, const std::string& to, const storage::Progress& progress)
      : files_(os::posix_file_system()),
        source_(files_, from),
        target_(files_, to),
        progress_(progress) {}

  SalvageReport run() {
    const file::SpaceListing listing = source_.list();
    if (!listing.is_space) throw NotFoundError("no space at " + source_.path());
    const std::string what = "unfinished salvage of " + source_.path();
    storage::check_target(source_, target_, what);
    find_wals(listing);
    for (SourceWAL& wal : wals_) survey(wal);
    for (const UUID& id : listing.legacy_wals) survey_legacy(id);
    for (const BadPlace& place : chain_.lost()) note_loss(place);
    history_.settle([this](const AtomPointer& root) { return is_readable(root); });
    for (const BadPlace& place : history_.lost()) note_loss(place);
    compare_with_published();
    storage::begin_target(target_, what);
    clear_target();
    for (const SourceWAL& wal : wals_) write_wal(wal);
    for (const auto& [id, end] : legacy_ends_) write_legacy(id, end);
    if (listing.legacy_root) write_legacy_root();
    if (const auto newest = history_.newest()) report_.root = newest->root;
    storage::finish_target(target_);
    report_.wals = wals_.size() + legacy_ends_.size();
    report_.commits = history_.size();
    return std::move(report_);
  }

 private:
  /// What an interrupted salvage left may be of an earlier state of the source.
  void clear_target() {
    const file::SpaceListing listing = target_.list();
    for (const UUID& id : listing.wals) files_->remove(target_.wal_path(id));
    for (const UUID& id : listing.legacy_wals) files_->remove(target_.legacy_wal_path(id));
    files_->remove(target_.root_path());
    files_->remove(target_.legacy_root_path());
  }

  /// Fixes what is read: the WALs of one moment, in which nobody commits.
  void find_wals(const file::SpaceListing& listing) {
    const auto root_lock = storage::hold_root(source_);
    published_ = read_published();
    chain_ = file::WALChain(published_);
    std::set<UUID> taken;
    for (const UUID& id : listing.wals) add_wal(id, id, taken);
    // A file under another WAL's name is that WAL, unless that one is there too.
    for (const auto& [name, id] : misplaced_) add_wal(name, id, taken);
    for (SourceWAL& wal : wals_) {
      wal.proven = std::max(wal.head.checkpoint.durable_offset, chain_.proven(wal.id));
      total_ += 2 * wal.head.file_size;
    }
    for (const UUID& id : listing.legacy_wals) {
      total_ += 2 * open(source_.legacy_wal_path(id))->size();
    }
  }

  void add_wal(const UUID& name, const UUID& id, std::set<UUID>& taken) {
    SourceWAL wal{id, source_.wal_path(name), {}};
    const auto file = open(wal.path);
    wal.head = read_head(*file, id);
    if (wal.head.is_unborn) return;
    if (wal.head.state == format::WALHeaderState::kMisplaced && name == id) {
      misplaced_.emplace_back(name, real_id(*file));
      note_loss({{name, 0}, "the file of this WAL is that of another one"});
      return;
    }
    if (!taken.insert(id).second) return;
    chain_.add(id, wal.head);
    wals_.push_back(std::move(wal));
  }

  file::WALHead read_head(os::File& file, const UUID& id) {
    try {
      return file::read_wal_head(file, id);
    } catch (const UnexpectedError&) {  // its records may be readable all the same
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

  /// Everything valid in `wal`, also behind a torn place: visit(info, payload, acknowledged).
  /// Damage comes as kBad.
  template <typename Visit>
  void read_wal(const SourceWAL& wal, os::File& file, Visit visit) {
    std::uint64_t torn_at = wal.head.file_size;
    auto window = storage::window_of(file, wal::OnReadError::kPassOver);
    const auto until_torn = [&](const RecordInfo& info, std::span<const std::byte> payload) {
      if (info.kind == RecordKind::kTorn) {
        torn_at = info.pointer.offset;
        return true;
      }
      return read_place(wal, file, info, payload,
                        [&](const auto& i, const auto& p) { visit(i, p, /*acknowledged=*/true); });
    };
    const std::uint64_t size = wal.head.file_size;
    wal::scan_records({wal.id, kWALFirstRecordOffset, size, wal.proven}, window, until_torn);
    if (torn_at >= size) return;
    const auto behind = [&](const RecordInfo& info, std::span<const std::byte> payload) {
      if (info.kind == RecordKind::kData) visit(info, payload, /*acknowledged=*/false);
      return true;
    };
    wal::scan_records({wal.id, torn_at, size, size}, window, behind);
  }

  /// Damage that is only in the padding costs nothing: the record is still what was written.
  template <typename Visit>
  bool read_place(const SourceWAL& wal, os::File& file, const RecordInfo& info,
                  std::span<const std::byte> payload, Visit visit) {
    if (info.kind == RecordKind::kBad) {
      RecordInfo found = info;
      std::vector<std::byte> bytes;
      if (read_data({wal.id, info.pointer.offset}, file, wal.head.file_size, found, bytes)) {
        visit(found, std::span<const std::byte>(bytes).subspan(kRecordHeaderSize));
        return true;
      }
    }
    visit(info, payload);
    return true;
  }

  /// Whether a data record can be read at `where`, whatever its padding; sets the rest then.
  static bool read_data(const AtomPointer& where, os::File& file, std::uint64_t end,
                        RecordInfo& info, std::vector<std::byte>& bytes) {
    try {
      bytes.resize(kRecordHeaderSize);
      format::RecordHeader header;
      if (where.offset < kWALFirstRecordOffset || file.read(where.offset, bytes) != bytes.size() ||
          format::parse_header(bytes, header) != format::HeaderState::kValid ||
          header.type != format::RecordType::kData ||
          kRecordHeaderSize + header.payload_size > end - std::min(end, where.offset)) {
        return false;
      }
      bytes.resize(kRecordHeaderSize + header.payload_size);
      if (file.read(where.offset, bytes) != bytes.size() || !format::verify_record(bytes, where)) {
        return false;
      }
      info = {where,
              RecordKind::kData,
              header.format,
              header.payload_size,
              format::stored_size(header.payload_size),
              {}};
      return true;
    } catch (const UnexpectedError&) {
      return false;  // the disk does not give it; where, the scan of the WAL says
    }
  }

  void survey(SourceWAL& wal) {
    const auto file = open(wal.path);
    if (!wal.head.is_whole) note_loss({{wal.id, 0}, "the header of the WAL is damaged"});
    read_wal(wal, *file, [&](const RecordInfo& info, auto payload, bool) {
      if (info.kind == RecordKind::kBad) {
        note_loss({info.pointer, std::to_string(info.stored_size) + " bytes: " + info.reason});
      } else {
        wal.end = info.pointer.offset + info.stored_size;
      }
      if (info.kind == RecordKind::kCommit) {
        history_.add(format::read_commit_payload(
                         payload.template first<format::kCommitPayloadSize>(), info.pointer)
                         .version);
      }
      tell(info.pointer.offset);
    });
    advance(wal.head.file_size);
  }

  void survey_legacy(const UUID& id) {
    const auto file = open(source_.legacy_wal_path(id));
    const std::uint64_t size = file->size();
    std::uint64_t at = 0;
    try {
      while (at < size) {
        const auto record = format::parse_legacy_record(exact_reader(*file), size, {id, at});
        at += record.stored_size();
        ++report_.records;
        report_.payload_bytes += record.payload_size;
        tell(at);
      }
    } catch (const CorruptionError& error) {
      // Nothing marks the start of a record in this layout: the rest cannot be told.
      note_loss({{id, at}, std::to_string(size - at) + " bytes: " + error.what()});
    }
    legacy_ends_.emplace(id, at);
    advance(size);
  }

  static format::ReadExactly exact_reader(os::File& file) {
    return [&file](std::uint64_t offset, std::span<std::byte> out) { file.read(offset, out); };
  }

  bool is_readable(const AtomPointer& pointer) {
    const auto legacy = legacy_ends_.find(pointer.transaction_id);
    if (legacy != legacy_ends_.end()) return pointer.offset < legacy->second;
    const auto wal = std::find_if(wals_.begin(), wals_.end(), [&](const SourceWAL& candidate) {
      return candidate.id == pointer.transaction_id;
    });
    if (wal == wals_.end()) return false;
    RecordInfo info;
    std::vector<std::byte> bytes;
    return read_data(pointer, *open(wal->path), wal->head.file_size, info, bytes);
  }

  std::optional<RootVersion> read_published() {
    const auto file = files_->open(source_.root_path(), os::OpenMode::kRead);
    std::array<std::byte, format::kPublishedRootSize> bytes{};
    if (!file || file->read(0, bytes) != bytes.size()) return std::nullopt;
    return format::read_published_root(bytes);
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

  void write_wal(const SourceWAL& wal) {
    const auto from = open(wal.path);
    const auto to = files_->open(target_.wal_path(wal.id), os::OpenMode::kCreate);
    const auto header = format::make_wal_header(wal.id, kept_predecessor(wal));
    const std::span<const std::byte> part(header);
    to->truncate(0);
    to->write(0, {&part, 1});
    RecordWriter writer(*to, wal.id, kWALFirstRecordOffset);
    format::Checkpoint closing;
    read_wal(wal, *from, [&](const RecordInfo& info, auto payload, bool) {
      write_record(info, payload, writer, closing);
      tell(info.pointer.offset);
    });
    if (writer.position() < wal.end) writer.fill_to(wal.end);
    writer.flush();
    to->sync_data();
    closing.durable_offset = writer.position();
    closing.records = writer.records();
    closing.closed = true;
    closing.sealed =
        true;  // a pointer to what was lost at the end must never lead to another record
    file::WALHead head = file::read_wal_head(*to, wal.id);
    file::write_checkpoint(*to, wal.id, head, closing);
    to->sync_data();
    advance(wal.head.file_size);
  }

  void write_record(const RecordInfo& info, std::span<const std::byte> payload,
                    RecordWriter& writer, format::Checkpoint& closing) {
    if (info.kind == RecordKind::kBad) return;
    std::array<std::byte, format::kCommitPayloadSize> commit;
    if (info.kind == RecordKind::kCommit) {
      const RootVersion* version = history_.find(info.pointer);
      if (version == nullptr) return;
      const auto stored =
          format::read_commit_payload(payload.first<format::kCommitPayloadSize>(), info.pointer);
      format::write_commit_payload(commit, {*version, stored.durable_offset});
      payload = commit;
      closing.commit_sequence = version->sequence;
      closing.commit_offset = info.pointer.offset;
    }
    if (info.pointer.offset != writer.position()) {
      const bool fits = info.pointer.offset >= writer.position() + kRecordHeaderSize;
      if (!fits) return note_loss({info.pointer, "a record that begins within another one"});
      writer.fill_to(info.pointer.offset);
    }
    writer.add(info, payload);
    if (info.kind != RecordKind::kData) return;
    ++report_.records;
    report_.payload_bytes += payload.size();
  }

  /// One that is lost is named no more, or the target would be damaged too.
  std::optional<AtomPointer> kept_predecessor(const SourceWAL& wal) const {
    const auto& predecessor = wal.head.predecessor;
    const bool kept =
        predecessor && std::any_of(wals_.begin(), wals_.end(), [&](const auto& other) {
          return other.id == predecessor->transaction_id && other.end >= predecessor->offset;
        });
    return kept ? predecessor : std::nullopt;
  }

  void write_legacy(const UUID& id, std::uint64_t end) {
    storage::copy_file(*files_, source_.legacy_wal_path(id), target_.legacy_wal_path(id), end,
                       [this](std::uint64_t at) { tell(at); });
    advance(end);
  }

  void write_legacy_root() {
    try {
      report_.root = source_.read_legacy_root();
    } catch (const CorruptionError& error) {
      return note_loss({{}, error.what()});
    }
    if (report_.root && !is_readable(*report_.root)) {
      note_loss({*report_.root, "the root that the Python storage set"});
      report_.root.reset();
      return;
    }
    const std::string path = source_.legacy_root_path();
    storage::copy_file(*files_, path, target_.legacy_root_path(), open(path)->size(),
                       [](std::uint64_t) {});
  }

  std::unique_ptr<os::File> open(const std::string& path) {
    auto file = files_->open(path, os::OpenMode::kRead);
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

  const std::shared_ptr<os::FileSystem> files_;
  const SpaceDirectory source_;
  const SpaceDirectory target_;
  const storage::Progress& progress_;
  std::vector<SourceWAL> wals_;
  std::vector<std::pair<UUID, UUID>> misplaced_;  // name, real id
  std::map<UUID, std::uint64_t> legacy_ends_;     // how much of each can be listed
  std::optional<RootVersion> published_;
  file::WALChain chain_;
  SalvagedHistory history_;
  SalvageReport report_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

SalvageReport salvage_space(
    const std::string& from, const std::string& to,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
  return Salvage(from, to, progress).run();
}

}  // namespace protobase
