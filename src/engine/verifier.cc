#include "engine/verifier.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "engine/legacy_scan.h"
#include "format/commit_record.h"
#include "os/file_system.h"
#include "protobase/errors.h"

namespace protobase::engine {
namespace {

constexpr std::size_t kMaxListed = 1000;
constexpr std::uint64_t kProgressStep = 1 << 20;

/// Reads up to the end of `wal`. ReadError: what is there cannot be read.
wal::ReadSome reader_of(BlockProvider& provider, const WALDescription& wal) {
  return [&provider, wal](std::uint64_t offset, std::span<std::byte> out) -> std::size_t {
    if (offset >= wal.end) return 0;
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), wal.end - offset));
    try {
      return provider.read(wal.transaction_id, offset, out.first(count), 0);
    } catch (const CorruptionError& error) {  // an object of a bucket is missing or cut
      throw os::ReadError(error.what());
    }
  };
}

void scan_version1(BlockProvider& provider, const WALDescription& wal, std::uint64_t begin,
                   const wal::VisitRecord& visit) {
  wal::WindowReader window(reader_of(provider, wal), wal::OnReadError::kPassOver);
  wal::scan_records({wal.transaction_id, begin, wal.end, wal.durable}, window, visit);
}

/// Fewer, or nothing, where something behind what was asked for cannot be read.
std::span<const std::byte> read_ahead(wal::WindowReader& window, std::uint64_t offset,
                                      std::size_t size) {
  try {
    return window.at(offset, size);
  } catch (const os::ReadError&) {
    return {};
  }
}

void scan_legacy(BlockProvider& provider, const WALDescription& wal,
                 const wal::VisitRecord& visit) {
  const wal::ReadSome read_some = reader_of(provider, wal);
  wal::WindowReader window(read_some);
  const auto read = [&](std::uint64_t offset, std::span<std::byte> out) {
    const auto found = read_ahead(window, offset, out.size());
    if (found.size() == out.size()) {
      std::ranges::copy(found, out.begin());
    } else if (read_some(offset, out) < out.size()) {
      throw NotFoundError("WAL " + wal.transaction_id.to_string() + " became shorter");
    }
  };
  scan_legacy_wal(wal.transaction_id, wal.end, read, visit);
}

/// The commit records of one WAL up to the root at the start: how many, which, where the first is.
struct Commits {
  std::uint64_t count = 0;
  std::uint64_t fingerprint = 0;
  AtomPointer first{};

  friend bool operator==(const Commits& a, const Commits& b) noexcept {
    return a.count == b.count && a.fingerprint == b.fingerprint;
  }

  void add(const AtomPointer& commit) {
    if (count++ == 0) first = commit;
    fingerprint ^= std::hash<AtomPointer>()(commit);
  }
};
using CommitsByWAL = std::map<UUID, Commits>;

class Verification {
 public:
  Verification(BlockProvider& provider, RecordReader& reader,
               const std::function<void(std::uint64_t, std::uint64_t)>& progress)
      : provider_(provider), reader_(reader), progress_(progress) {}

  VerifyReport run(const std::vector<WALDescription>& wals) {
    for (const auto& wal : wals) total_ += wal.end;
    newest_at_start_ = newest_sequence();
    for (const BadPlace& place : provider_.find_damage()) add_bad(place.pointer, place.reason);
    for (const auto& wal : wals) check_wal(wal);
    check_roots();
    tell(total_);
    return std::move(report_);
  }

 private:
  void check_wal(const WALDescription& wal) {
    ++report_.wals;
    const UUID& id = wal.transaction_id;
    scan_wal(provider_, id, [&](const RecordInfo& info, std::span<const std::byte> payload) {
      add(info);
      if (info.kind == RecordKind::kBad) note_range(info);
      if (info.kind == RecordKind::kCommit) note_commit(info.pointer, payload);
      tell(done_ + info.pointer.offset);
      return true;
    });
    done_ += wal.end;
  }

  void add(const RecordInfo& info) {
    switch (info.kind) {
      case RecordKind::kData:
        ++report_.records;
        report_.payload_bytes += info.payload_size;
        return;
      case RecordKind::kCommit: ++report_.commits; return;
      case RecordKind::kMark:
      case RecordKind::kVoid: return;
      case RecordKind::kBad: add_bad(info.pointer, info.reason); return;
      case RecordKind::kTorn: report_.torn_tails.push_back({info.pointer, info.reason}); return;
    }
  }

  void add_bad(const AtomPointer& where, const std::string& reason) {
    ++report_.bad_places;
    if (report_.bad.size() < kMaxListed) report_.bad.push_back({where, reason});
  }

  void note_range(const RecordInfo& bad) {
    if (ranges_.size() < kMaxListed) ranges_.emplace_back(bad.pointer, bad.stored_size);
  }

  /// 0 when there is no commit, or it is lost: check_roots() says so.
  std::uint64_t newest_sequence() {
    try {
      const auto newest = provider_.root_register().read();
      return newest ? newest->sequence : 0;
    } catch (const CorruptionError&) {
      return 0;
    } catch (const os::ReadError&) {
      return 0;
    }
  }

  void note_commit(const AtomPointer& where, std::span<const std::byte> payload) {
    const auto commit =
        format::read_commit_payload(payload.first<format::kCommitPayloadSize>(), where);
    if (commit.version.sequence > newest_at_start_) return;  // still being made, perhaps
    found_[where.transaction_id].add(where);
  }

  /// The newest root must be there, the chain of commits behind it without a gap, and behind that
  /// the root that the Python storage left.
  void check_roots() {
    AtomPointer at;
    CommitsByWAL history;
    try {
      auto version = provider_.root_register().read();
      if (version) {
        at = version->root;
        reader_.read(at);
      }
      while (version && !version->commit.transaction_id.is_nil()) {
        if (version->sequence <= newest_at_start_) {
          history[version->commit.transaction_id].add(version->commit);
        }
        at = version->previous_commit;
        version = reader_.read_previous(*version);
      }
      at = {};
      if (const auto inherited = provider_.root_register().inherited_root()) {
        at = *inherited;
        reader_.read(at);
      }
      check_history(history);
    } catch (const CorruptionError& error) {
      const AtomPointer where = error.where().value_or(at);
      if (!is_listed(where)) add_bad(where, error.what());
    } catch (const NotFoundError& error) {
      add_bad(at, std::string("a root or commit record is missing: ") + error.what());
    } catch (const os::ReadError& error) {
      if (!is_listed(at)) add_bad(at, std::string("cannot be read: ") + error.what());
    }
  }

  /// Every commit of a space is on the chain of its root. A file of another space is not.
  void check_history(const CommitsByWAL& history) {
    for (const auto& [wal, commits] : found_) {
      const auto there = history.find(wal);
      if (there != history.end() && there->second == commits) continue;
      const std::uint64_t named = there == history.end() ? 0 : there->second.count;
      add_bad(commits.first,
              "this WAL has " + std::to_string(commits.count) +
                  " commit records, but the history of the root leads to " + std::to_string(named) +
                  " in it: " +
                  (commits.count < named ? "the others cannot be read"
                                         : "files of two spaces lie in one directory"));
    }
  }

  /// Whether a place reported before begins there or covers it.
  bool is_listed(const AtomPointer& where) const {
    const auto covers = [&](const auto& range) {
      const auto& [begin, size] = range;
      return begin.transaction_id == where.transaction_id && begin.offset <= where.offset &&
             where.offset - begin.offset < size;
    };
    return std::ranges::any_of(ranges_, covers) ||
           std::ranges::any_of(report_.bad,
                               [&](const auto& place) { return place.pointer == where; });
  }

  void tell(std::uint64_t done) {
    if (!progress_ || (done < told_ + kProgressStep && done != total_)) return;
    told_ = done;
    progress_(done, total_);
  }

  BlockProvider& provider_;
  RecordReader& reader_;
  const std::function<void(std::uint64_t, std::uint64_t)>& progress_;
  VerifyReport report_;
  std::uint64_t newest_at_start_ = 0;
  std::vector<std::pair<AtomPointer, std::uint64_t>> ranges_;  ///< bad, with their sizes
  CommitsByWAL found_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t told_ = 0;
};

}  // namespace

void scan_wal(BlockProvider& provider, const UUID& wal, const wal::VisitRecord& visit) {
  const WALDescription description = provider.describe(wal);
  if (description.layout == WALLayout::kLegacyPython) {
    scan_legacy(provider, description, visit);
  } else {
    scan_version1(provider, description, kWALFirstRecordOffset, visit);
  }
}

void scan_wal_around(BlockProvider& provider, const AtomPointer& place,
                     const wal::VisitRecord& visit) {
  const WALDescription description = provider.describe(place.transaction_id);
  if (description.layout == WALLayout::kLegacyPython) {
    scan_legacy(provider, description, visit);
  } else {
    const auto begin = provider.record_begin_before(place.transaction_id, place.offset);
    scan_version1(provider, description, begin, visit);
  }
}

VerifyReport verify_store(
    BlockProvider& provider, RecordReader& reader, const std::vector<WALDescription>& wals,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
  return Verification(provider, reader, progress).run(wals);
}

}  // namespace protobase::engine
