// `protobase get`: records by their pointers.
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/open_space.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

struct GetOptions {
  std::string space;
  std::vector<std::string> pointers;
  bool raw = false;
};

void print_payload(SharedStorage& storage, const AtomPointer& pointer, Output& out) {
  out.write(storage.get_bytes(pointer).as_text());
}

/// What the log says of the record. Reads the WAL up to it, so only for records that get_atom
/// refused.
bool is_raw(SharedStorage& storage, const AtomPointer& pointer) {
  bool raw = false;
  storage.scan_wal(pointer.transaction_id, [&](const RecordInfo& record) {
    raw = record.pointer == pointer && record.kind == RecordKind::kData &&
          record.format == RecordFormat::kRaw;
    return record.pointer < pointer;
  });
  return raw;
}

void print_record(SharedStorage& storage, const AtomPointer& pointer, Output& out) {
  try {
    out.write_line(storage.get_atom(pointer)->to_json());
  } catch (const ValidationError&) {
    // Either it holds bytes, or an atom nobody can decode: only the first is worth printing.
    if (!is_raw(storage, pointer)) throw;
    print_payload(storage, pointer, out);
  }
}

void get(const GetOptions& options, Output& out) {
  const Location location = parse_location(options.space);
  std::vector<AtomPointer> pointers;
  for (const std::string& text : options.pointers) pointers.push_back(parse_pointer(text));
  const auto storage = open_for_reading(location);
  for (const AtomPointer& pointer : pointers) {
    if (options.raw) {
      print_payload(*storage, pointer, out);
    } else {
      print_record(*storage, pointer, out);
    }
  }
  storage->close();
}

constexpr auto kFooter =
    R"text(Without --raw an atom is printed as one line of compact JSON, bytes inside it as
{"$bytes":"BASE64"}. A raw record is written as it is. Pointers are read in their order;
the first that fails ends the command, and what was printed before is valid.

Examples:
  protobase get people "$(protobase root people)"
  protobase get media 0b3ff0a4-9c5e-4a39-8a56-6f5b8d0f0c11:4096 --raw > photo.jpg)text";

}  // namespace

Command add_get_command(CLI::App& app) {
  auto options = std::make_shared<GetOptions>();
  CLI::App* command = app.add_subcommand("get", "Print what pointers point at");
  command->add_option("SPACE", options->space, "The directory to read")->required();
  command->add_option("POINTER", options->pointers, "UUID:OFFSET, as push prints them")->required();
  command->add_flag("--raw", options->raw, "The stored payload exactly, without a newline");
  command->footer(kFooter);
  return {command, [options](Output& out) { get(*options, out); }};
}

}  // namespace protobase::cli
