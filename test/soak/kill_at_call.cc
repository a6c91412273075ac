// kill_at_call N PROGRAM [ARGUMENT]...: runs the program and kills it with SIGKILL at the N-th
// system call of all its threads, before the kernel does anything of that call. Calls are counted
// from the program's first write to standard output on; 0 counts only. Says on standard error which
// call that was ("killed at <name>") or how many there were ("calls <count>").
// Exit status: 137 when killed, else the program's own.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <system_error>

namespace {

constexpr int kKilled = 137;
constexpr int kSyscallStop = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD

struct CallName {
  std::uint64_t number;
  const char* name;
};
// Those whose turn a test wants to see.
constexpr CallName kNames[] = {{SYS_openat, "openat"},       {SYS_pwritev, "pwritev"},
                               {SYS_pread64, "pread64"},     {SYS_fdatasync, "fdatasync"},
                               {SYS_fsync, "fsync"},         {SYS_fallocate, "fallocate"},
                               {SYS_ftruncate, "ftruncate"}, {SYS_fcntl, "fcntl"},
                               {SYS_close, "close"},         {SYS_write, "write"}};

const char* name_of(std::uint64_t call) {
  for (const CallName& known : kNames) {
    if (known.number == call) return known.name;
  }
  return "other";
}

void check(long result, const char* call) {
  if (result == -1) throw std::system_error(errno, std::generic_category(), call);
}

pid_t start(char** command) {
  const pid_t child = ::fork();
  check(child, "fork");
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0) {
    ::raise(SIGSTOP);
    ::execv(command[0], command);
  }
  std::perror(command[0]);
  ::_exit(127);
}

class Tracer {
 public:
  Tracer(pid_t program, std::uint64_t kill_at) : program_(program), kill_at_(kill_at) {}

  int run() {
    int status = 0;
    check(::waitpid(program_, &status, 0), "waitpid");
    check(::ptrace(
              PTRACE_SETOPTIONS, program_, nullptr,
              PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL),
          "ptrace");
    go_on(program_, 0);
    while (true) {
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread == -1 && errno == EINTR) continue;
      check(thread, "waitpid");
      if (WIFSTOPPED(status)) {
        stopped(thread, status);
      } else if (thread == program_) {
        return report(status);
      }
    }
  }

 private:
  void stopped(pid_t thread, int status) {
    const int signal = WSTOPSIG(status);
    const bool is_event = (status >> 16) != 0;
    if (signal == kSyscallStop) at_call(thread);
    // A new thread's first stop is none of the program's own signals.
    const bool is_own = !is_event && signal != kSyscallStop && signal != SIGSTOP;
    go_on(thread, is_own ? signal : 0);
  }

  void at_call(pid_t thread) {
    __ptrace_syscall_info info{};
    if (killed_ || ::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return;
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
    const bool is_report = info.entry.nr == SYS_write && info.entry.args[0] == STDOUT_FILENO;
    counting_ = counting_ || is_report;
    if (!counting_ || ++calls_ != kill_at_) return;
    check(::kill(program_, SIGKILL), "kill");
    killed_ = true;
    call_ = info.entry.nr;
  }

  /// A thread that is gone by now, because the program was killed, is no error.
  static void go_on(pid_t thread, int signal) {
    if (::ptrace(PTRACE_SYSCALL, thread, nullptr, signal) == -1 && errno != ESRCH) {
      throw std::system_error(errno, std::generic_category(), "ptrace");
    }
  }

  int report(int status) const {
    if (killed_) {
      std::fprintf(stderr, "killed at %s\n", name_of(call_));
      return kKilled;
    }
    std::fprintf(stderr, "calls %llu\n", static_cast<unsigned long long>(calls_));
    return WIFEXITED(status) ? WEXITSTATUS(status) : kKilled + 1;
  }

  const pid_t program_;
  const std::uint64_t kill_at_;
  std::uint64_t calls_ = 0;
  std::uint64_t call_ = 0;
  bool counting_ = false;
  bool killed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: kill_at_call N PROGRAM [ARGUMENT]...\n", stderr);
    return 2;
  }
  try {
    return Tracer(start(argv + 2), std::strtoull(argv[1], nullptr, 10)).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kill_at_call: %s\n", error.what());
    return 1;
  }
}
