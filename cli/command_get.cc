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

void print_record(SharedStorage& storage, const AtomPointer& pointer, Output& out) {
  if (storage.get_format(pointer) == RecordFormat::kRaw) {
    print_payload(storage, pointer, out);
  } else {
    out.write_line(storage.get_atom(pointer)->to_json());
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

void add_get_command(CommandLine& line) {
  auto options = std::make_shared<GetOptions>();
  line.add_command("get", "Print what pointers point at",
                   [options](Output& out) { get(*options, out); })
      .positional("SPACE", options->space, "The directory or bucket to read")
      .positionals("POINTER", options->pointers, "UUID:OFFSET, as push prints them")
      .flag("--raw", options->raw, "The stored payload exactly, without a newline")
      .footer(kFooter);
}

}  // namespace protobase::cli
