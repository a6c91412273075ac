// What is pushed: files, or standard input, read whole or line by line. Memory is bounded by the
// limit given.
#pragma once

#include <cstddef>
#include <string>

namespace protobase::cli {

/// One FILE argument, open for reading; `-` is standard input. Not thread-safe.
class Input final {
 public:
  /// Throws UnexpectedError when it cannot be opened or is a directory.
  explicit Input(const std::string& file);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// For messages: the file's name, or "standard input".
  const std::string& name() const noexcept { return name_; }

  /// Everything up to the end. Throws ValidationError beyond `max_bytes`.
  std::string read_all(std::size_t max_bytes);

  /// The next line without its line feed; false at the end. Throws ValidationError for a line
  /// beyond `max_bytes`.
  bool read_line(std::string& line, std::size_t max_bytes);
  /// Of the line last read, from 1.
  std::size_t line_number() const noexcept { return line_number_; }

 private:
  std::size_t read_some(char* to, std::size_t size);
  bool fill_buffer();

  std::string name_;
  int descriptor_ = -1;
  std::size_t size_hint_ = 0;
  std::string buffer_;
  std::size_t buffer_at_ = 0;
  std::size_t line_number_ = 0;
};

}  // namespace protobase::cli
