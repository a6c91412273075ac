// `protobase push`: files, standard input or lines of JSON become records.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/exit_status.h"
#include "cli/input.h"
#include "cli/open_space.h"
#include "cli/push_batch.h"
#include "format/codec.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

struct PushOptions {
  std::string space;
  std::vector<std::string> files;
  std::string format = "json";
  bool jsonl = false;
  bool root = false;
};

constexpr std::size_t kMaxInputBytes = std::size_t{1} << 31;  // the default blob_max_size

/// The payload that stores this JSON text. `where` names the input for the message.
std::string payload_of_json(std::string_view json, RecordFormat format, const std::string& where) {
  try {
    std::string payload;
    format::encode(Atom::parse_json(json), format, payload);
    return payload;
  } catch (const ValidationError& error) {
    throw ValidationError(where + ": " + error.what());
  }
}

void push_whole(Input& input, RecordFormat format, PushBatch& batch) {
  std::string content = input.read_all(kMaxInputBytes);
  if (format != RecordFormat::kRaw) {
    batch.add(payload_of_json(content, format, input.name()), format);
    return;
  }
  if (content.empty()) {
    throw ValidationError(input.name() + ": is empty; a record holds at least one byte");
  }
  batch.add(std::move(content), format);
}

bool is_blank(const std::string& line) {
  return line.find_first_not_of(" \t\r\n") == std::string::npos;
}

void push_lines(Input& input, RecordFormat format, PushBatch& batch) {
  std::string line;
  while (input.read_line(line, kMaxInputBytes)) {
    if (is_blank(line)) continue;
    const std::string where = fmt::format("{}, line {}", input.name(), input.line_number());
    batch.add(payload_of_json(line, format, where), format);
  }
}

RecordFormat parse_format(const std::string& text) {
  for (const auto format : {RecordFormat::kJSON, RecordFormat::kMsgPack, RecordFormat::kRaw}) {
    if (text == to_text(format)) return format;
  }
  throw UsageError(fmt::format("--format is json, msgpack or raw, not \"{}\"", text));
}

void check(const PushOptions& options, RecordFormat format) {
  if (options.jsonl && format == RecordFormat::kRaw) {
    throw UsageError("--jsonl reads JSON, so it cannot store --format raw; take json or msgpack");
  }
  if (std::ranges::count(options.files, "-") > 1) {
    throw UsageError("standard input (-) can be pushed once only");
  }
}

void push(const PushOptions& options, Output& out) {
  const RecordFormat format = parse_format(options.format);
  check(options, format);
  const auto storage = open_for_writing(parse_location(options.space));
  PushBatch batch(*storage, out);
  for (const std::string& file : options.files) {
    Input input(file);
    if (options.jsonl) {
      push_lines(input, format, batch);
    } else {
      push_whole(input, format, batch);
    }
  }
  batch.finish(options.root);
  storage->close();
}

constexpr auto kFooter =
    R"text(Prints one pointer a line, in input order, when what it points at is durable. Creates the
space if it is new. Inputs are checked first: if one of the first 16 MiB is bad, nothing
is pushed; later on, what was printed is durable and the rest is not pushed. Blank lines
of --jsonl are skipped; input with nothing in it is an error (exit status 1).

In JSON, integers of any size stay as they are; other numbers become the nearest double. The
object {"$bytes": "BASE64"} is bytes; any other value under that key alone is given back
under "$$bytes".

Examples:
  echo '{"name": "Ada"}' | protobase push people
  protobase push people a.json b.json --root
  protobase push people --jsonl --format msgpack < people.jsonl
  protobase push media photo.jpg --format raw)text";

}  // namespace

void add_push_command(CommandLine& line) {
  auto options = std::make_shared<PushOptions>();
  options->files = {"-"};
  line.add_command("push", "Store files or standard input; print pointers",
                   [options](Output& out) { push(*options, out); })
      .positional("SPACE", options->space, "The directory or bucket to store into")
      .optional_positionals("FILE", options->files,
                            "Files to push; - (the default) is standard input")
      .option("--format", "FORMAT", options->format,
              "How to store: json (default), msgpack (from JSON) or raw")
      .flag("--jsonl", options->jsonl, "Each line of input is one atom")
      .flag("--root", options->root, "Make the last one pushed the root")
      .footer(kFooter);
}

}  // namespace protobase::cli
