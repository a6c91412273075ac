// `protobase set-root`: publishes a pointer as the root.
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/exit_status.h"
#include "cli/open_space.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

struct SetRootOptions {
  std::string space;
  std::string pointer;
  std::optional<std::string> expect;
};

constexpr auto kNone = "none";

std::optional<AtomPointer> parse_expected(const std::string& text) {
  if (text == kNone) return std::nullopt;
  return parse_pointer(text);
}

std::string root_text(const std::optional<AtomPointer>& root) {
  return root ? root->to_string() : kNone;
}

void commit_if_expected(SharedStorage& storage, const std::optional<AtomPointer>& expected,
                        const AtomPointer& root) {
  if (storage.compare_and_set_root(expected, root)) return;
  throw LockingError(
      fmt::format("the root is {}, not {}; nothing was changed: read it and try again",
                  root_text(storage.read_current_root()), root_text(expected)));
}

void set_root(const SetRootOptions& options, Output& out) {
  const Location location = parse_location(options.space);
  const AtomPointer root = parse_pointer(options.pointer);
  std::optional<AtomPointer> expected;
  if (options.expect) expected = parse_expected(*options.expect);

  const auto storage = open_existing_for_writing(location);
  // A root that points nowhere is "not there" on the command line, a ValidationError in the
  // library.
  storage->get_bytes(root);
  if (options.expect) {
    commit_if_expected(*storage, expected, root);
  } else {
    storage->set_current_root(root);
  }
  storage->close();
  out.write_line(root.to_string());
}

constexpr auto kFooter =
    R"text(Durable when it exits 0. With --expect the root is moved only if it is that pointer
(none: if there is no root yet); otherwise nothing changes and the exit status is 5.
Prints the pointer.

Example:
  old=$(protobase root people)
  new=$(echo '{"name": "Grace"}' | protobase push people)
  protobase set-root people "$new" --expect "$old")text";

}  // namespace

void add_set_root_command(CommandLine& line) {
  auto options = std::make_shared<SetRootOptions>();
  line.add_command("set-root", "Make a pointer the root (a commit)",
                   [options](Output& out) { set_root(*options, out); })
      .positional("SPACE", options->space, "The directory or bucket to write")
      .positional("POINTER", options->pointer, "The new root")
      .option("--expect", "POINTER|none", options->expect, "Only if this is the root now")
      .footer(kFooter);
}

}  // namespace protobase::cli
