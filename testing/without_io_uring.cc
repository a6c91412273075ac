#include "testing/without_io_uring.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <future>
#include <system_error>
#include <thread>

namespace protobase::testing {
namespace {

void refuse_io_uring(int error) {
  std::array<sock_filter, 4> steps = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter = {steps.size(), steps.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    throw std::system_error(errno, std::generic_category(), "no filter for system calls");
  }
}

}  // namespace

void run_without_io_uring(int error, const std::function<void()>& body) {
  std::packaged_task<void()> task([&] {
    refuse_io_uring(error);
    body();
  });
  auto ended = task.get_future();
  std::thread(std::move(task)).join();
  ended.get();
}

}  // namespace protobase::testing
