// What both encoders write into: a std::string that is kept longer than its content, for a check of
// capacity, a call of memcpy and an end zero for every few bytes take half the time of encoding.
// (A buffer of our own, copied at the end, is slower: the copy waits for the stores before it.)
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace protobase::format {

/// Copies `text` to `to` and gives all its bytes, eight a word, to `look`; a last word may hold
/// bytes twice, or 'x' where there are none. Precondition: text.size() bytes of room at `to`.
template <typename Look>
void copy_looking(std::string_view text, char* to, Look look) noexcept {
  const char* from = text.data();
  const std::size_t size = text.size();
  std::uint64_t word = 0x7878787878787878u;
  if (size >= 8) {
    const auto copy_word = [&](std::size_t at) {
      std::memcpy(&word, from + at, 8);
      std::memcpy(to + at, &word, 8);
      look(word);
    };
    for (std::size_t at = 0; at + 8 < size; at += 8) copy_word(at);
    return copy_word(size - 8);
  }
  if (size >= 4) {
    std::uint32_t first, last;
    std::memcpy(&first, from, 4);
    std::memcpy(&last, from + size - 4, 4);
    std::memcpy(to, &first, 4);
    std::memcpy(to + size - 4, &last, 4);
    return look(std::uint64_t{first} << 32 | last);
  }
  for (std::size_t at = 0; at < size; ++at) {
    to[at] = from[at];
    word = word << 8 | static_cast<std::uint8_t>(from[at]);
  }
  look(word);
}

/// Not thread-safe. Before finish() the string holds zeros behind what was put.
class OutputBuffer final {
 public:
  explicit OutputBuffer(std::string& out) noexcept : out_(out) { look_at(out.size()); }
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;

  void put(std::string_view text) {
    copy_looking(text, room(text.size()), [](std::uint64_t) {});
    advance(text.size());
  }

  /// At least `size` bytes to write to, until the next call.
  char* room(std::size_t size) { return at_ = room(at_, size); }
  /// So many of them were written.
  void advance(std::size_t size) noexcept { at_ += size; }
  void finish() { finish(at_); }

  // For who keeps the place to write at by himself, from begin() on: all before `at` was written.
  char* begin() noexcept { return at_; }
  /// The same place, perhaps elsewhere, with `size` bytes to write to until the next call.
  char* room(char* at, std::size_t size) {
    return static_cast<std::size_t>(end_ - at) < size ? grow(at, size) : at;
  }
  /// Lets `append` append to the string itself.
  template <typename Append>
  char* append_with(char* at, Append append) {
    finish(at);
    append(out_);
    look_at(out_.size());
    return at_;
  }
  void finish(const char* at) { out_.resize(static_cast<std::size_t>(at - out_.data())); }

 private:
  static constexpr std::size_t kStep = 256;

  [[gnu::noinline]] char* grow(const char* at, std::size_t size) {
    const auto used = static_cast<std::size_t>(at - out_.data());
    out_.resize(std::max(used + size + kStep, 2 * out_.size()));
    look_at(used);
    return at_;
  }
  void look_at(std::size_t used) noexcept {
    at_ = out_.data() + used;
    end_ = out_.data() + out_.size();
  }

  std::string& out_;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace protobase::format
