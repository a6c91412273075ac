// `protobase dump`: one line for every record, the damaged ones included.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/open_space.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

struct DumpOptions {
  std::string space;
  std::string wal;
  bool json = false;
};

std::string_view state_text(RecordKind kind) {
  switch (kind) {
    case RecordKind::kData: return "ok";
    case RecordKind::kCommit: return "commit";
    case RecordKind::kMark: return "mark";
    case RecordKind::kVoid: return "void";
    case RecordKind::kBad: return "bad";
    case RecordKind::kTorn: return "torn";
  }
  throw UnexpectedError("a record of a kind this program does not know");
}

std::string_view format_text(const RecordInfo& record) {
  return record.kind == RecordKind::kData ? to_text(record.format) : "-";
}

/// Of what is no valid record nothing but its extent is known.
std::uint64_t length_of(const RecordInfo& record) {
  return record.reason.empty() ? record.payload_size : record.stored_size;
}

Atom to_atom(const RecordInfo& record) {
  Atom atom = Atom::object({{"pointer", record.pointer.to_string()},
                            {"format", format_text(record)},
                            {"length", length_of(record)},
                            {"stored", record.stored_size},
                            {"state", state_text(record.kind)}});
  if (!record.reason.empty()) atom.set("reason", record.reason);
  return atom;
}

void print_record(const RecordInfo& record, bool json, Output& out) {
  if (json) {
    out.write_line(to_atom(record).to_json());
  } else {
    out.write_line(fmt::format("{} {} {} {}", record.pointer.to_string(), format_text(record),
                               length_of(record), state_text(record.kind)));
  }
}

std::vector<UUID> wals_to_dump(SharedStorage& storage, const DumpOptions& options) {
  if (!options.wal.empty()) return {parse_wal_id(options.wal)};
  std::vector<UUID> ids;
  for (const WALDescription& wal : storage.list_wals()) ids.push_back(wal.transaction_id);
  return ids;
}

void dump(const DumpOptions& options, Output& out) {
  const Location location = parse_location(options.space);
  if (!options.wal.empty()) parse_wal_id(options.wal);
  const auto storage = open_for_reading(location);
  std::uint64_t bad_places = 0;
  for (const UUID& wal : wals_to_dump(*storage, options)) {
    storage->scan_wal(wal, [&](const RecordInfo& record) {
      if (record.kind == RecordKind::kBad) ++bad_places;
      print_record(record, options.json, out);
      return true;
    });
  }
  if (options.wal.empty()) storage->read_current_root();  // CorruptionError when a part is missing
  storage->close();
  if (bad_places > 0) {
    throw CorruptionError(
        fmt::format("{}: {} bad place(s); `protobase verify` says what is wrong with them",
                    options.space, bad_places));
  }
}

constexpr auto kFooter =
    R"text(A line is: POINTER FORMAT LENGTH STATE. FORMAT is json, msgpack or raw, and - for what is
no atom; STATE is ok, commit, mark, void, torn (the rest of a write that was never
acknowledged; harmless) or bad. LENGTH is that of the payload; of a bad record, the bytes
passed over. With --json: one object per line, with the reason of a bad record. Exit
status 4 when a record is bad.

Examples:
  protobase dump people
  protobase dump people --json | grep '"state":"bad"')text";

}  // namespace

void add_dump_command(CommandLine& line) {
  auto options = std::make_shared<DumpOptions>();
  line.add_command("dump", "List all records", [options](Output& out) { dump(*options, out); })
      .positional("SPACE", options->space, "The directory or bucket to read")
      .option("--wal", "UUID", options->wal, "Only the records of this WAL")
      .flag("--json", options->json, "Print one JSON object per line")
      .footer(kFooter);
}

}  // namespace protobase::cli
