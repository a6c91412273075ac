// The commands of the program: each file command_X.cc adds one to the parser. A command returns
// when it is done and throws otherwise; exit_status.h turns what it throws into the status and the
// error line.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "cli/output.h"

namespace protobase::cli {

/// `run` is called at most once, after the arguments were parsed.
struct Command {
  CLI::App* app = nullptr;
  std::function<void(Output& out)> run;
};

Command add_push_command(CLI::App& app);
Command add_get_command(CLI::App& app);
Command add_root_command(CLI::App& app);
Command add_set_root_command(CLI::App& app);
Command add_log_command(CLI::App& app);
Command add_stat_command(CLI::App& app);
Command add_verify_command(CLI::App& app);
Command add_dump_command(CLI::App& app);
Command add_copy_command(CLI::App& app);
Command add_salvage_command(CLI::App& app);
Command add_bench_command(CLI::App& app);

}  // namespace protobase::cli
