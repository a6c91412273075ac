// `protobase root`: which atom is the root.
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/open_space.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

void print_root(const std::string& space, Output& out) {
  const auto storage = open_for_reading(parse_location(space));
  const auto root = storage->read_current_root();
  if (!root) {
    throw NotFoundError(space + ": has no root yet; set one with `protobase set-root`");
  }
  out.write_line(root->to_string());
  storage->close();
}

constexpr auto kFooter = R"text(Exit status 3 when none was ever set.

Example:
  protobase get people "$(protobase root people)")text";

}  // namespace

void add_root_command(CommandLine& line) {
  auto space = std::make_shared<std::string>();
  line.add_command("root", "Print the pointer of the root",
                   [space](Output& out) { print_root(*space, out); })
      .positional("SPACE", *space, "The directory or bucket to read")
      .footer(kFooter);
}

}  // namespace protobase::cli
