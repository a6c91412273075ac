// Atom to JSON text: one pass, appending to one buffer.
#include "format/json_encoder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/base64.h"
#include "base/utf8.h"
#include "format/json_dialect.h"
#include "format/output_buffer.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

bool is_plain(char c) noexcept {
  return static_cast<std::uint8_t>(c) >= 0x20 && c != '"' && c != '\\';
}

/// The highest bit of each byte that is a control character, '"' or '\\'; perhaps of other bytes.
std::uint64_t escaped_bytes(std::uint64_t word) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  const auto below = [word](std::uint64_t limit) { return (word - kOnes * limit) & ~word; };
  const auto has = [word](char c) {
    const std::uint64_t x = word ^ (kOnes * static_cast<std::uint8_t>(c));
    return (x - kOnes) & ~x;
  };
  return below(0x20) | has('"') | has('\\');
}

constexpr std::uint64_t kHighBits = 0x8080808080808080u;

bool may_be_escaped(std::uint64_t word) noexcept { return (escaped_bytes(word) & kHighBits) != 0; }

/// Length of the leading part that needs no escape, eight bytes a step.
std::size_t plain_length(std::string_view text) noexcept {
  std::size_t i = 0;
  std::uint64_t word;
  for (; i + sizeof word <= text.size(); i += sizeof word) {
    std::memcpy(&word, text.data() + i, sizeof word);
    if (may_be_escaped(word)) break;
  }
  while (i < text.size() && is_plain(text[i])) ++i;
  return i;
}

/// Sixteen characters, which the compiler keeps in one register where there are such.
using Block [[gnu::vector_size(16)]] = signed char;
constexpr std::size_t kBlock = sizeof(Block);

/// So much may be read behind the data of any std::string, however short: it lies in the string
/// itself, or in a block that is larger.
bool has_block(const std::string& text) noexcept { return text.capacity() + 1 >= kBlock; }

/// -1 where a byte is a control character, '"', '\\' or not ASCII.
Block special_bytes(Block block) noexcept {
  return (block < 0x20) | (block == '"') | (block == '\\');
}

/// -1 in the first `size` bytes.
Block first_bytes(std::size_t size) noexcept {
  constexpr Block kPlaces{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return kPlaces < static_cast<signed char>(size);
}

bool is_any_set(Block block) noexcept {
  std::uint64_t halves[2];
  std::memcpy(halves, &block, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

Block copy_block(const char* from, char* to) noexcept {
  Block block;
  std::memcpy(&block, from, kBlock);
  std::memcpy(to, &block, kBlock);
  return block;
}

/// Copies `text` to `to`, where a block more than its size is free; false when it holds what is not
/// written as it is. One block for most strings, whatever their length: branches that depend on it
/// would be guessed wrong.
bool copy_plain(const std::string& text, char* to) noexcept {
  const char* from = text.data();
  const std::size_t size = text.size();
  if (size <= kBlock) {
    return has_block(text) && !is_any_set(special_bytes(copy_block(from, to)) & first_bytes(size));
  }
  Block special{};
  for (std::size_t at = 0; at + kBlock < size; at += kBlock) {
    special |= special_bytes(copy_block(from + at, to + at));
  }
  special |= special_bytes(copy_block(from + size - kBlock, to + size - kBlock));
  return !is_any_set(special);
}

/// Beside its first line, which is read at once: all members of a small object come together. When
/// they are not in the processor's cache that is a seventh of the time.
void fetch_ahead(const Atom::Object& members) noexcept {
  constexpr std::size_t kLine = 64, kMost = 8 * kLine;
  const std::size_t size = std::min(members.size() * sizeof(AtomMember), kMost);
  const char* const bytes = reinterpret_cast<const char*>(members.data());
  for (std::size_t at = kLine; at < size; at += kLine) __builtin_prefetch(bytes + at);
}

/// Where the text goes is handed from function to function and not kept in memory: each write would
/// wait for the one before to have stored it.
class Writer {
 public:
  Writer(NonFinite non_finite, std::string& out) : non_finite_(non_finite), out_(out) {}

  void write_all(const Atom& atom) { out_.finish(write(atom, 0, out_.begin())); }

 private:
  /// `depth`: containers around this atom. Like the others below it writes at `to` and returns
  /// where to go on.
  char* write(const Atom& atom, std::size_t depth, char* to) {
    switch (atom.kind()) {
      case AtomKind::kNull: return put("null", to);
      case AtomKind::kBool: return put(atom.as_bool() ? "true" : "false", to);
      case AtomKind::kInteger: return write_integer(atom, to);
      case AtomKind::kDouble: return write_double(atom.as_double(), to);
      case AtomKind::kString: return write_string(atom.as_string(), to);
      case AtomKind::kBytes: return write_bytes(atom.as_bytes(), to);
      case AtomKind::kArray: return write_array(atom.as_array(), depth + 1, to);
      case AtomKind::kObject: return write_object(atom.as_object(), depth + 1, to);
    }
    return to;
  }

  char* put(std::string_view text, char* to) {
    to = out_.room(to, text.size());
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
  }
  char* put(char c, char* to) {
    to = out_.room(to, 1);
    *to = c;
    return to + 1;
  }

  char* write_integer(const Atom& atom, char* to) {
    if (!atom.fits_int64()) return put(atom.integer_text(), to);
    constexpr std::size_t kLongest = 20;
    to = out_.room(to, kLongest);
    return std::to_chars(to, to + kLongest, atom.as_int64()).ptr;
  }

  char* write_double(double value, char* to) {
    if (!std::isfinite(value)) return write_non_finite(value, to);
    // Plain notation where people expect it; both notations are the shortest that read back
    // exactly.
    const double magnitude = std::fabs(value);
    const bool plain = value == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
    const auto notation = plain ? std::chars_format::fixed : std::chars_format::scientific;
    char text[40];
    const char* end = std::to_chars(text, text + sizeof text, value, notation).ptr;
    const std::string_view digits(text, static_cast<std::size_t>(end - text));
    to = put(digits, to);
    return plain && digits.find('.') == std::string_view::npos ? put(".0", to) : to;
  }

  char* write_non_finite(double value, char* to) {
    if (non_finite_ == NonFinite::kRefuse) {
      throw ValidationError(
          "JSON has no NaN and no infinity: push this atom as MessagePack (push_atom_msgpack)");
    }
    return put(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity", to);
  }

  char* write_string(const std::string& text, char* to) {
    to = out_.room(to, text.size() + kBlock + 2);
    *to = '"';
    if (!copy_plain(text, to + 1)) [[unlikely]]
      return write_escaped(text, to);
    to += text.size() + 1;
    *to = '"';
    return to + 1;
  }

  [[gnu::noinline]] char* write_escaped(std::string_view text, char* to) {
    if (const auto bad = base::find_invalid_utf8(text)) {
      throw ValidationError("string is not valid UTF-8 at its byte " + std::to_string(*bad) +
                            ": put binary data into an atom of kind bytes");
    }
    to = put('"', to);
    std::size_t i = 0;
    while (i < text.size()) {
      const std::size_t end = i + plain_length(text.substr(i));
      to = put(text.substr(i, end - i), to);
      if (end < text.size()) to = write_escape(text[end], to);
      i = end + 1;
    }
    return put('"', to);
  }

  char* write_escape(char c, char* to) {
    switch (c) {
      case '"': return put("\\\"", to);
      case '\\': return put("\\\\", to);
      case '\b': return put("\\b", to);
      case '\t': return put("\\t", to);
      case '\n': return put("\\n", to);
      case '\f': return put("\\f", to);
      case '\r': return put("\\r", to);
      default:
        to = put(c < 0x10 ? "\\u000" : "\\u001", to);
        return put("0123456789abcdef"[c & 0xF], to);
    }
  }

  char* write_bytes(const Bytes& bytes, char* to) {
    to = put(R"({"$bytes":")", to);
    to = out_.append_with(to, [&bytes](std::string& out) { base::append_base64(bytes, out); });
    return put("\"}", to);
  }

  char* write_array(const Atom::Array& elements, std::size_t depth, char* to) {
    check_depth(depth);
    to = put('[', to);
    for (const Atom& element : elements) {
      if (&element != elements.data()) to = put(',', to);
      to = write(element, depth, to);
    }
    return put(']', to);
  }

  char* write_object(const Atom::Object& members, std::size_t depth, char* to) {
    check_depth(depth);
    fetch_ahead(members);
    to = put('{', to);
    if (members.size() == 1 && is_bytes_key(members[0].key)) {
      to = write_member("$" + members[0].key, members[0].value, depth, to);
    } else {
      for (const AtomMember& member : members) {
        if (&member != members.data()) to = put(',', to);
        to = write_member(member.key, member.value, depth, to);
      }
    }
    return put('}', to);
  }

  char* write_member(const std::string& key, const Atom& value, std::size_t depth, char* to) {
    to = put(':', write_string(key, to));
    return write(value, depth, to);
  }

  static void check_depth(std::size_t depth) {
    if (depth > kMaxAtomDepth) {
      throw ValidationError("atom is nested deeper than " + std::to_string(kMaxAtomDepth) +
                            " levels");
    }
  }

  NonFinite non_finite_;
  OutputBuffer out_;
};

}  // namespace

void encode_json(const Atom& atom, NonFinite non_finite, std::string& out) {
  Writer(non_finite, out).write_all(atom);
}

}  // namespace protobase::format
