// Atom to JSON text: one pass, appending to one buffer.
#include "format/json_encoder.h"

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
/// Or not ASCII.
bool may_be_special(std::uint64_t word) noexcept {
  return ((escaped_bytes(word) | word) & kHighBits) != 0;
}

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

class Writer {
 public:
  Writer(NonFinite non_finite, std::string& out) : non_finite_(non_finite), out_(out) {}

  void finish() { out_.finish(); }

  /// `depth`: containers around this atom.
  void write(const Atom& atom, std::size_t depth) {
    switch (atom.kind()) {
      case AtomKind::kNull: out_.put("null"); break;
      case AtomKind::kBool: out_.put(atom.as_bool() ? "true" : "false"); break;
      case AtomKind::kInteger: write_integer(atom); break;
      case AtomKind::kDouble: write_double(atom.as_double()); break;
      case AtomKind::kString: write_string(atom.as_string()); break;
      case AtomKind::kBytes: write_bytes(atom.as_bytes()); break;
      case AtomKind::kArray: write_array(atom.as_array(), depth + 1); break;
      case AtomKind::kObject: write_object(atom.as_object(), depth + 1); break;
    }
  }

 private:
  void write_integer(const Atom& atom) {
    if (!atom.fits_int64()) {
      out_.put(atom.integer_text());
      return;
    }
    char text[24];
    const char* end = std::to_chars(text, text + sizeof text, atom.as_int64()).ptr;
    out_.put({text, static_cast<std::size_t>(end - text)});
  }

  void write_double(double value) {
    if (!std::isfinite(value)) return write_non_finite(value);
    // Plain notation where people expect it; both notations are the shortest that read back
    // exactly.
    const double magnitude = std::fabs(value);
    const bool plain = value == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
    const auto notation = plain ? std::chars_format::fixed : std::chars_format::scientific;
    char text[40];
    const char* end = std::to_chars(text, text + sizeof text, value, notation).ptr;
    const std::string_view digits(text, static_cast<std::size_t>(end - text));
    out_.put(digits);
    if (plain && digits.find('.') == std::string_view::npos) out_.put(".0");
  }

  void write_non_finite(double value) {
    if (non_finite_ == NonFinite::kRefuse) {
      throw ValidationError(
          "JSON has no NaN and no infinity: push this atom as MessagePack (push_atom_msgpack)");
    }
    out_.put(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  }

  void write_string(std::string_view text) {
    if (write_plain(text)) return;
    out_.put('"');
    write_escaped(text);
    out_.put('"');
  }

  /// Most strings: check, copy and quotes in one go. False, with nothing written, for others.
  bool write_plain(std::string_view text) {
    bool special = false;
    char* const to = out_.room(text.size() + 2);
    copy_looking(text, to + 1, [&](std::uint64_t word) { special |= may_be_special(word); });
    if (special) return false;
    to[0] = '"';
    to[text.size() + 1] = '"';
    out_.advance(text.size() + 2);
    return true;
  }

  void write_escaped(std::string_view text) {
    if (const auto bad = base::find_invalid_utf8(text)) {
      throw ValidationError("string is not valid UTF-8 at its byte " + std::to_string(*bad) +
                            ": put binary data into an atom of kind bytes");
    }
    std::size_t i = 0;
    while (i < text.size()) {
      const std::size_t end = i + plain_length(text.substr(i));
      out_.put(text.substr(i, end - i));
      if (end < text.size()) write_escape(text[end]);
      i = end + 1;
    }
  }

  void write_escape(char c) {
    switch (c) {
      case '"': out_.put("\\\""); break;
      case '\\': out_.put("\\\\"); break;
      case '\b': out_.put("\\b"); break;
      case '\t': out_.put("\\t"); break;
      case '\n': out_.put("\\n"); break;
      case '\f': out_.put("\\f"); break;
      case '\r': out_.put("\\r"); break;
      default: out_.put(c < 0x10 ? "\\u000" : "\\u001"); out_.put("0123456789abcdef"[c & 0xF]);
    }
  }

  void write_bytes(const Bytes& bytes) {
    out_.put(R"({"$bytes":")");
    out_.put_with([&bytes](std::string& out) { base::append_base64(bytes, out); });
    out_.put("\"}");
  }

  void write_array(const Atom::Array& elements, std::size_t depth) {
    check_depth(depth);
    char separator = '[';
    for (const Atom& element : elements) {
      out_.put(separator);
      write(element, depth);
      separator = ',';
    }
    out_.put(elements.empty() ? "[]" : "]");
  }

  void write_object(const Atom::Object& members, std::size_t depth) {
    check_depth(depth);
    out_.put('{');
    if (members.size() == 1 && is_bytes_key(members[0].key)) {
      write_member("$" + members[0].key, members[0].value, depth);
    } else {
      for (const AtomMember& member : members) {
        if (&member != members.data()) out_.put(',');
        write_member(member.key, member.value, depth);
      }
    }
    out_.put('}');
  }

  void write_member(std::string_view key, const Atom& value, std::size_t depth) {
    write_string(key);
    out_.put(':');
    write(value, depth);
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
  Writer writer(non_finite, out);
  writer.write(atom, 0);
  writer.finish();
}

}  // namespace protobase::format
