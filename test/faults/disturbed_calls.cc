#include "test/faults/disturbed_calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <mutex>
#include <utility>

namespace protobase::faults {
namespace {

std::atomic<bool> disturbed{false};
std::mutex ask_mutex;
DisturbedCalls::Ask ask_about;

/// The next definition of a function behind ours: a sanitizer's or the C library's.
template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

Answer answer(FileCall call, std::size_t bytes = 0) {
  if (!disturbed) return {};
  const std::lock_guard lock(ask_mutex);
  return ask_about ? ask_about(call, bytes) : Answer{};
}

/// True when the call is to fail; errno is set.
bool fails(FileCall call) {
  const int error = answer(call).error;
  if (error != 0) errno = error;
  return error != 0;
}

}  // namespace

const char* to_text(FileCall call) noexcept {
  static constexpr const char* kNames[kFileCalls] = {
      "open",      "opendir",   "pread", "pwritev", "fallocate",
      "ftruncate", "fdatasync", "fsync", "fstat",   "fcntl"};
  return kNames[static_cast<std::size_t>(call)];
}

DisturbedCalls::DisturbedCalls(Ask ask) {
  const std::lock_guard lock(ask_mutex);
  ask_about = std::move(ask);
  disturbed = true;
}

DisturbedCalls::~DisturbedCalls() {
  const std::lock_guard lock(ask_mutex);
  disturbed = false;
  ask_about = nullptr;
}

}  // namespace protobase::faults

// The definitions that the linker takes before the C library's.

using protobase::faults::answer;
using protobase::faults::fails;
using protobase::faults::FileCall;
using protobase::faults::next;

extern "C" {

int open(const char* path, int flags, ...) {
  static auto* const real = next<int(const char*, int, ...)>("open");
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  const bool directory = (flags & O_DIRECTORY) != 0;
  return fails(directory ? FileCall::kOpenDirectory : FileCall::kOpen) ? -1
                                                                       : real(path, flags, mode);
}

DIR* opendir(const char* path) {
  static auto* const real = next<DIR*(const char*)>("opendir");
  return fails(FileCall::kOpenDirectory) ? nullptr : real(path);
}

ssize_t pread(int fd, void* out, size_t size, off_t offset) {
  static auto* const real = next<ssize_t(int, void*, size_t, off_t)>("pread");
  const auto what = answer(FileCall::kRead, size);
  if (what.error != 0) errno = what.error;
  return what.error != 0 ? -1 : real(fd, out, std::min(size, what.at_most), offset);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  static auto* const real = next<ssize_t(int, const iovec*, int, off_t)>("pwritev");
  std::array<iovec, 1024> shorter;
  size_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  const auto what = answer(FileCall::kWrite, size);
  if (what.error != 0) errno = what.error;
  if (what.error != 0) return -1;
  size_t left = what.at_most;
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    shorter[at] = {parts[i].iov_base, std::min(parts[i].iov_len, left)};
    left -= shorter[at].iov_len;
  }
  return real(fd, shorter.data(), count, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  static auto* const real = next<int(int, int, off_t, off_t)>("fallocate");
  return fails(FileCall::kAllocate) ? -1 : real(fd, mode, offset, length);
}

int ftruncate(int fd, off_t size) noexcept {
  static auto* const real = next<int(int, off_t)>("ftruncate");
  return fails(FileCall::kTruncate) ? -1 : real(fd, size);
}

int fdatasync(int fd) {
  static auto* const real = next<int(int)>("fdatasync");
  return fails(FileCall::kSyncData) ? -1 : real(fd);
}

int fsync(int fd) {
  static auto* const real = next<int(int)>("fsync");
  return fails(FileCall::kSyncDirectory) ? -1 : real(fd);
}

int fstat(int fd, struct stat* status) noexcept {
  static auto* const real = next<int(int, struct stat*)>("fstat");
  return fails(FileCall::kStatus) ? -1 : real(fd, status);
}

int fcntl(int fd, int command, ...) {
  static auto* const real = next<int(int, int, ...)>("fcntl");
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  const bool locks = command == F_OFD_SETLK || command == F_OFD_GETLK;
  return locks && fails(FileCall::kLock) ? -1 : real(fd, command, argument);
}

}  // extern "C"
