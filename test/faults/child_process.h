// A forked process that runs part of a test, and the line by which test and child talk. What the
// child throws ends it with status 1 and is told on standard error.
#pragma once

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>

namespace protobase::faults {

/// One end of a line of text lines. Throws std::runtime_error when the other end is gone.
class Line final {
 public:
  explicit Line(int fd) : fd_(fd) {}
  ~Line() { ::close(fd_); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  void say(const std::string& text) {
    const std::string line = text + "\n";
    if (::send(fd_, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
      throw std::runtime_error("the other process does not listen any more");
    }
  }
  std::string hear() {
    std::string text;
    for (char c = 0; true; text += c) {
      if (::recv(fd_, &c, 1, 0) != 1) throw std::runtime_error("the other process is gone");
      if (c == '\n') return text;
    }
  }

 private:
  const int fd_;
};

/// Runs `work` in a process of its own; killed with the object. Make it before the test starts
/// threads: a child has none but its first.
class ChildProcess final {
 public:
  explicit ChildProcess(const std::function<void(Line&)>& work) : ChildProcess(pair(), work) {}
  ~ChildProcess() {
    if (pid_ > 0) kill();
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  Line& line() noexcept { return line_; }
  /// SIGKILL, as kill -9. Returns as wait().
  int kill() {
    ::kill(pid_, SIGKILL);
    return wait();
  }
  /// The exit status; of one ended by a signal, minus the signal.
  int wait() {
    int status = 0;
    if (::waitpid(std::exchange(pid_, 0), &status, 0) < 0) throw std::runtime_error("no child");
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  static std::pair<int, int> pair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      throw std::runtime_error("no socket pair");
    }
    return {ends[0], ends[1]};
  }

  ChildProcess(std::pair<int, int> ends, const std::function<void(Line&)>& work)
      : line_(ends.first), pid_(::fork()) {
    if (pid_ == 0) run(ends, work);
    ::close(ends.second);
    if (pid_ < 0) throw std::runtime_error("cannot fork");
  }

  [[noreturn]] static void run(std::pair<int, int> ends, const std::function<void(Line&)>& work) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that dies leaves nobody behind
    ::close(ends.first);
    try {
      Line line(ends.second);
      work(line);
    } catch (const std::exception& error) {
      std::cerr << "in the child process: " << error.what() << std::endl;
      ::_exit(1);
    }
    ::_exit(0);
  }

  Line line_;
  pid_t pid_;
};

}  // namespace protobase::faults
