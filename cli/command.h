// The commands of the program: each file command_X.cc adds one to the command line. A command
// returns when it is done and throws otherwise; exit_status.h turns what it throws into the status
// and the error line.
#pragma once

#include "cli/arguments.h"

namespace protobase::cli {

void add_push_command(CommandLine& line);
void add_get_command(CommandLine& line);
void add_root_command(CommandLine& line);
void add_set_root_command(CommandLine& line);
void add_log_command(CommandLine& line);
void add_stat_command(CommandLine& line);
void add_verify_command(CommandLine& line);
void add_dump_command(CommandLine& line);
void add_copy_command(CommandLine& line);
void add_merge_command(CommandLine& line);
void add_salvage_command(CommandLine& line);
void add_bench_command(CommandLine& line);
void add_doctor_command(CommandLine& line);

}  // namespace protobase::cli
