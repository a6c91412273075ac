// The program `protobase`: parses the command line, runs one command, and is the one place where
// errors end.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "protobase/version.h"

namespace protobase::cli {
namespace {

constexpr auto kFooter = R"text(SPACE is a directory: a path, or file:PATH. POINTER is UUID:OFFSET.

Examples:
  echo '{"name": "Ada"}' | protobase push people --root
  protobase get people "$(protobase root people)"
  protobase verify people

Exit status: 0 done; 1 failed (I/O, input that cannot be stored, internal); 2 wrong usage; 3 not
there (no root, no such pointer or space); 4 corruption found; 5 lost a race or locked.
Reading commands change nothing. A command ended by Ctrl-C leaves a valid space.)text";

/// A descriptor closed by the caller must not become a file of the space: a message would be
/// written into it. It is opened the wrong way round, so that using it still fails.
void occupy_standard_descriptors() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) >= 0) continue;
    if (::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY) != descriptor) {
      std::abort();
    }
  }
}

/// A closed pipe and a file size limit are errors of the call that met them, not the end of the
/// process.
void turn_signals_into_errors() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

std::vector<Command> add_commands(CLI::App& app) {
  return {add_push_command(app),     add_get_command(app),  add_root_command(app),
          add_set_root_command(app), add_log_command(app),  add_stat_command(app),
          add_verify_command(app),   add_dump_command(app), add_copy_command(app),
          add_salvage_command(app),  add_bench_command(app)};
}

/// The arguments, last one first as the parser wants them. A name like "[a,b]" would be split into
/// two by it, "./[a,b]" is the same file.
std::vector<std::string> reversed_arguments(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    std::string argument = argv[i];
    if (argument.starts_with('[') && argument.ends_with(']')) argument.insert(0, "./");
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

std::string command_name(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? std::string{} : chosen.front()->get_name();
}

/// False when the command line asked for help or the version, which is then printed.
bool parse(CLI::App& app, int argc, char** argv, Output& out) {
  try {
    app.parse(reversed_arguments(argc, argv));
    if (app.get_subcommands().empty()) {
      throw UsageError("no command given; see protobase --help");
    }
    return true;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      const std::string command = command_name(app);
      throw UsageError(fmt::format("{}; see protobase {}{}--help", error.what(), command,
                                   command.empty() ? "" : " "));
    }
    std::ostringstream text;
    app.exit(error, text, text);
    out.write(text.str());
    return false;
  }
}

void run_chosen(const std::vector<Command>& commands, Output& out) {
  for (const Command& command : commands) {
    if (command.app->parsed()) command.run(out);
  }
}

/// What was printed before the failure is complete and stays valid, so it goes out first.
void flush_quietly(Output& out) {
  try {
    out.flush();
  } catch (const std::exception&) {
    // The first failure is the one to report, and it decides the exit status.
    return;
  }
}

ExitStatus report(const std::exception& error, const std::string& command, Output& out) {
  flush_quietly(out);
  const ExitStatus status = exit_status_of(error);
  if (status != ExitStatus::kOutputClosed) {
    std::fputs(error_line(command, error.what()).c_str(), stderr);
  }
  return status;
}

ExitStatus run(int argc, char** argv) {
  CLI::App app("ProtoBase storage: an embedded, durable store of immutable atoms.", "protobase");
  Output out(STDOUT_FILENO);
  try {
    app.set_version_flag("--version", "protobase " PROTOBASE_VERSION, "Print the version");
    app.require_subcommand(0, 1);  // none at all gets a message of our own
    app.footer(kFooter);
    const std::vector<Command> commands = add_commands(app);
    if (parse(app, argc, argv, out)) run_chosen(commands, out);
    out.flush();
    return ExitStatus::kDone;
  } catch (const std::exception& error) {
    return report(error, command_name(app), out);
  }
}

}  // namespace
}  // namespace protobase::cli

int main(int argc, char** argv) {
  protobase::cli::occupy_standard_descriptors();
  protobase::cli::turn_signals_into_errors();
  return static_cast<int>(protobase::cli::run(argc, argv));
}
