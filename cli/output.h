// Standard output as a place where failures are noticed: results count only when the system took
// them.
#pragma once

#include <string>
#include <string_view>

namespace protobase::cli {

/// Buffers, so the commands may write small pieces. What is not flushed when destroyed is dropped.
class Output final {
 public:
  explicit Output(int descriptor) : descriptor_(descriptor) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// write, write_line and flush throw OutputClosedError when the reader went away and
  /// UnexpectedError for every other failure. After a failure nothing more is written.
  void write(std::string_view bytes);
  void write_line(std::string_view text);
  /// On return the system has everything written so far.
  void flush();

 private:
  void write_through(std::string_view bytes);

  const int descriptor_;
  std::string buffer_;
  bool failed_ = false;
};

}  // namespace protobase::cli
