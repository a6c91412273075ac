// The program `protobase`: parses the command line, runs one command, and is the one place where
// errors end.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "cli/command.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "protobase/version.h"

namespace protobase::cli {
namespace {

constexpr auto kFooter = R"text(SPACE is a directory: a path, or file:PATH; or a bucket:
  s3://BUCKET/PREFIX?endpoint=URL&region=REGION&path_style=true
  gs://BUCKET/PREFIX?endpoint=URL
What stands behind ? may be left out. Credentials come from the environment and the vendors'
files. PROTOBASE_CACHE_DIR names a directory for blocks read from a bucket; without it they
are kept in memory. POINTER is UUID:OFFSET.

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

void add_commands(CommandLine& line) {
  add_push_command(line);
  add_get_command(line);
  add_root_command(line);
  add_set_root_command(line);
  add_log_command(line);
  add_stat_command(line);
  add_verify_command(line);
  add_dump_command(line);
  add_copy_command(line);
  add_merge_command(line);
  add_salvage_command(line);
  add_bench_command(line);
  add_doctor_command(line);
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
    std::fputs(error_line(command, message_of(error)).c_str(), stderr);
  }
  return status;
}

ExitStatus run(int argc, char** argv) {
  CommandLine line("ProtoBase storage: an embedded, durable store of immutable atoms.", kFooter,
                   "protobase " PROTOBASE_VERSION);
  Output out(STDOUT_FILENO);
  try {
    add_commands(line);
    line.run(argc, argv, out);
    out.flush();
    return ExitStatus::kDone;
  } catch (const std::exception& error) {
    return report(error, line.chosen(), out);
  }
}

}  // namespace
}  // namespace protobase::cli

int main(int argc, char** argv) {
  protobase::cli::occupy_standard_descriptors();
  protobase::cli::turn_signals_into_errors();
  return static_cast<int>(protobase::cli::run(argc, argv));
}
