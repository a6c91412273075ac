#include "engine/verifier.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "format/legacy_record.h"
#include "protobase/errors.h"

namespace protobase::engine {
namespace {

constexpr std::size_t kMaxListed = 1000;
constexpr std::uint64_t kProgressStep = 1 << 20;

void scan_version1(BlockProvider& provider, const WALDescription& wal,
                   const wal::VisitRecord& visit) {
  wal::WindowReader window([&](std::uint64_t offset, std::span<std::byte> out) -> std::size_t {
    if (offset >= wal.end) return 0;
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), wal.end - offset));
    return provider.read(wal.transaction_id, offset, out.first(count), 0);
  });
  wal::scan_records({wal.transaction_id, kWALFirstRecordOffset, wal.end, wal.durable}, window,
                    visit);
}

void scan_legacy(BlockProvider& provider, const WALDescription& wal,
                 const wal::VisitRecord& visit) {
  const auto read = [&](std::uint64_t offset, std::span<std::byte> out) {
    provider.read(wal.transaction_id, offset, out, out.size());
  };
  AtomPointer at{wal.transaction_id, 0};
  while (at.offset < wal.end) {
    RecordInfo info{at, RecordKind::kData, RecordFormat::kRaw, 0, 0, {}};
    try {
      const auto record = format::parse_legacy_record(read, wal.end, at);
      info.format = record.format;
      info.payload_size = record.payload_size;
      info.stored_size = record.stored_size();
    } catch (const CorruptionError& error) {
      // Nothing marks the start of a record in this layout: the rest cannot be told.
      info.kind = RecordKind::kBad;
      info.stored_size = wal.end - at.offset;
      info.reason = error.what();
    }
    if (!visit(info, {})) return;
    at.offset += info.stored_size;
  }
}

class Verification {
 public:
  Verification(BlockProvider& provider, RecordReader& reader,
               const std::function<void(std::uint64_t, std::uint64_t)>& progress)
      : provider_(provider), reader_(reader), progress_(progress) {}

  VerifyReport run(const std::vector<WALDescription>& wals) {
    for (const auto& wal : wals) total_ += wal.end;
    for (const auto& wal : wals) check_wal(wal);
    check_roots();
    tell(total_);
    return std::move(report_);
  }

 private:
  void check_wal(const WALDescription& wal) {
    ++report_.wals;
    const UUID& id = wal.transaction_id;
    if (const auto damage = provider_.find_damage(id)) add_bad({id, 0}, *damage);
    scan_wal(provider_, id, [&](const RecordInfo& info, std::span<const std::byte>) {
      add(info);
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

  /// The newest root must be there, and the chain of commits behind it without a gap.
  void check_roots() {
    AtomPointer at;
    try {
      auto version = provider_.root_register().read();
      if (version) {
        at = version->root;
        reader_.read(at);
      }
      while (version && !version->previous_commit.transaction_id.is_nil()) {
        at = version->previous_commit;
        version = reader_.read_previous(*version);
      }
    } catch (const CorruptionError& error) {
      const AtomPointer where = error.where().value_or(at);
      if (!is_listed(where)) add_bad(where, error.what());
    } catch (const NotFoundError& error) {
      add_bad(at, std::string("a root or commit record is missing: ") + error.what());
    }
  }

  bool is_listed(const AtomPointer& where) const {
    return std::any_of(report_.bad.begin(), report_.bad.end(),
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
    scan_version1(provider, description, visit);
  }
}

VerifyReport verify_store(
    BlockProvider& provider, RecordReader& reader, const std::vector<WALDescription>& wals,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
  return Verification(provider, reader, progress).run(wals);
}

}  // namespace protobase::engine
