// For libraries that write to sockets as they like: a broken connection is to be an error.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <ctime>

namespace protobase::os {

/// Blocks SIGPIPE in this thread, so that a connection that broke is an error and not the end of
/// the process; a library may not change that for the whole process.
class NoSIGPIPE final {
 public:
  NoSIGPIPE() {
    sigset_t pending;
    was_pending_ = ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGPIPE) == 1;
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    blocked_ = !was_pending_ && ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_) == 0;
  }
  ~NoSIGPIPE() {
    if (!blocked_) return;
    const std::timespec no_time{};
    ::sigtimedwait(&pipe_, nullptr, &no_time);  // takes the one that came, if one did
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSIGPIPE(const NoSIGPIPE&) = delete;
  NoSIGPIPE& operator=(const NoSIGPIPE&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
  bool blocked_ = false;
};

}  // namespace protobase::os
