// `protobase log`: the roots there were.
#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/open_space.h"
#include "cli/text.h"

namespace protobase::cli {
namespace {

struct LogOptions {
  std::string space;
  std::size_t limit = std::numeric_limits<std::size_t>::max();
};

void print_log(const LogOptions& options, Output& out) {
  const auto storage = open_for_reading(parse_location(options.space));
  for (const RootVersion& version : storage->root_history(options.limit)) {
    out.write_line(fmt::format("{} {} {}", version.sequence, rfc3339(version.time_us),
                               version.root.to_string()));
  }
  storage->close();
}

constexpr auto kFooter =
    R"text(One line per commit, newest first: SEQUENCE TIME POINTER. The time is UTC. Prints nothing
when there is no root yet. Sequence 0 is a root set by ProtoBase's Python storage.

Example:
  protobase log people --limit 10)text";

}  // namespace

void add_log_command(CommandLine& line) {
  auto options = std::make_shared<LogOptions>();
  line.add_command("log", "Print the history of the root, newest first",
                   [options](Output& out) { print_log(*options, out); })
      .positional("SPACE", options->space, "The directory or bucket to read")
      .option("--limit", "N", options->limit, "At most so many lines; all by default")
      .footer(kFooter);
}

}  // namespace protobase::cli
