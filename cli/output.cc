// See output.h.
#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "cli/exit_status.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr std::size_t kLargestWrite = std::size_t{1} << 30;  // Linux takes at most 2 GiB at once

[[noreturn]] void throw_write_error(int error) {
  const std::string reason = std::generic_category().message(error);
  if (error == EPIPE) throw OutputClosedError(reason);
  throw UnexpectedError("standard output: " + reason + "; what was printed is not complete");
}

}  // namespace

void Output::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() > kBufferBytes) {
    write_through(bytes);
  } else {
    buffer_.append(bytes);
  }
}

void Output::write_line(std::string_view text) {
  write(text);
  write("\n");
}

void Output::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void Output::write_through(std::string_view bytes) {
  if (failed_) return;
  while (!bytes.empty()) {
    const ssize_t written =
        ::write(descriptor_, bytes.data(), std::min(bytes.size(), kLargestWrite));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      failed_ = true;
      throw_write_error(errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace protobase::cli
