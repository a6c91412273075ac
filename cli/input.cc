// See input.h.
#include "cli/input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "cli/human_text.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kLargestRead = std::size_t{1} << 30;  // Linux gives at most 2 GiB at once

std::string system_message(int error) { return std::generic_category().message(error); }

}  // namespace

Input::Input(const std::string& file) : name_(file == "-" ? "standard input" : file) {
  descriptor_ = file == "-" ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) throw UnexpectedError(name_ + ": " + system_message(errno));
  struct stat status {};
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (known && S_ISREG(status.st_mode)) size_hint_ = static_cast<std::size_t>(status.st_size);
  if (known && S_ISDIR(status.st_mode)) {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
    throw UnexpectedError(name_ + ": is a directory; name the files in it");
  }
}

Input::~Input() {
  if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
}

std::string Input::read_all(std::size_t max_bytes) {
  std::string all;
  std::size_t used = 0;
  // One byte more than the size, so that the end of a file of that size is seen without growing.
  std::size_t wanted = std::max(std::min(size_hint_, max_bytes) + 1, kReadBytes);
  while (true) {
    if (used == all.size()) all.resize(std::max(wanted, all.size() + all.size() / 2));
    const std::size_t count = read_some(all.data() + used, all.size() - used);
    if (count == 0) break;
    used += count;
    if (used > max_bytes) {
      throw ValidationError(fmt::format("{}: larger than {}, the limit of one record", name_,
                                        human_bytes(max_bytes)));
    }
  }
  all.resize(used);
  return all;
}

bool Input::read_line(std::string& line, std::size_t max_bytes) {
  line.clear();
  if (buffer_at_ == buffer_.size() && !fill_buffer()) return false;
  ++line_number_;
  do {
    const std::size_t end = buffer_.find('\n', buffer_at_);
    const std::size_t stop = std::min(end, buffer_.size());
    line.append(buffer_, buffer_at_, stop - buffer_at_);
    buffer_at_ = end == std::string::npos ? stop : end + 1;
    if (line.size() > max_bytes) {
      throw ValidationError(fmt::format("{}, line {}: longer than {}, the limit of one record",
                                        name_, line_number_, human_bytes(max_bytes)));
    }
    if (end != std::string::npos) return true;
  } while (fill_buffer());
  return true;
}

bool Input::fill_buffer() {
  buffer_.resize(kReadBytes);
  buffer_.resize(read_some(buffer_.data(), buffer_.size()));
  buffer_at_ = 0;
  return !buffer_.empty();
}

std::size_t Input::read_some(char* to, std::size_t size) {
  while (true) {
    const ssize_t count = ::read(descriptor_, to, std::min(size, kLargestRead));
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) throw UnexpectedError(name_ + ": " + system_message(errno));
  }
}

}  // namespace protobase::cli
