// Atom to JSON text: one pass, appending to one buffer.
#include "format/json_encoder.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/base64.h"
#include "base/utf8.h"
#include "format/json_dialect.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

bool is_plain(char c) noexcept {
  return static_cast<std::uint8_t>(c) >= 0x20 && c != '"' && c != '\\';
}

/// Whether a byte of this word is a control character, '"' or '\\', or not ASCII. May only be wrong
/// in saying yes.
bool may_be_special(std::uint64_t word) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  const auto below = [word](std::uint64_t limit) { return (word - kOnes * limit) & ~word; };
  const auto has = [word](char c) {
    const std::uint64_t x = word ^ (kOnes * static_cast<std::uint8_t>(c));
    return (x - kOnes) & ~x;
  };
  return ((word | below(0x20) | has('"') | has('\\')) & (kOnes * 0x80)) != 0;
}

/// Length of the leading part that is ASCII and needs no escape.
std::size_t plain_ascii_length(std::string_view text) noexcept {
  std::size_t i = 0;
  std::uint64_t word;
  for (; i + sizeof word <= text.size(); i += sizeof word) {
    std::memcpy(&word, text.data() + i, sizeof word);
    if (may_be_special(word)) break;
  }
  while (i < text.size() && is_plain(text[i]) && static_cast<std::uint8_t>(text[i]) < 0x80) ++i;
  return i;
}

class Writer {
 public:
  Writer(NonFinite non_finite, std::string& out) : non_finite_(non_finite), out_(out) {}

  /// `depth`: containers around this atom.
  void write(const Atom& atom, std::size_t depth) {
    switch (atom.kind()) {
      case AtomKind::kNull: out_ += "null"; break;
      case AtomKind::kBool: out_ += atom.as_bool() ? "true" : "false"; break;
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
      out_ += atom.integer_text();
      return;
    }
    char text[24];
    out_.append(text, std::to_chars(text, text + sizeof text, atom.as_int64()).ptr);
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
    out_ += digits;
    if (plain && digits.find('.') == std::string_view::npos) out_ += ".0";
  }

  void write_non_finite(double value) {
    if (non_finite_ == NonFinite::kRefuse) {
      throw ValidationError(
          "JSON has no NaN and no infinity: push this atom as MessagePack (push_atom_msgpack)");
    }
    out_ += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  }

  void write_string(std::string_view text) {
    const std::size_t plain = plain_ascii_length(text);
    out_ += '"';
    out_.append(text.data(), plain);
    if (plain != text.size()) write_escaped(text, plain);
    out_ += '"';
  }

  void write_escaped(std::string_view text, std::size_t i) {
    if (const auto bad = base::find_invalid_utf8(text)) {
      throw ValidationError("string is not valid UTF-8 at its byte " + std::to_string(*bad) +
                            ": put binary data into an atom of kind bytes");
    }
    while (i < text.size()) {
      std::size_t end = i;
      while (end < text.size() && is_plain(text[end])) ++end;
      out_.append(text.data() + i, end - i);
      if (end < text.size()) write_escape(text[end]);
      i = end + 1;
    }
  }

  void write_escape(char c) {
    switch (c) {
      case '"': out_ += "\\\""; break;
      case '\\': out_ += "\\\\"; break;
      case '\b': out_ += "\\b"; break;
      case '\t': out_ += "\\t"; break;
      case '\n': out_ += "\\n"; break;
      case '\f': out_ += "\\f"; break;
      case '\r': out_ += "\\r"; break;
      default: out_ += c < 0x10 ? "\\u000" : "\\u001"; out_ += "0123456789abcdef"[c & 0xF];
    }
  }

  void write_bytes(const Bytes& bytes) {
    out_ += R"({"$bytes":")";
    base::append_base64(bytes, out_);
    out_ += "\"}";
  }

  void write_array(const Atom::Array& elements, std::size_t depth) {
    check_depth(depth);
    char separator = '[';
    for (const Atom& element : elements) {
      out_ += separator;
      write(element, depth);
      separator = ',';
    }
    out_ += elements.empty() ? "[]" : "]";
  }

  void write_object(const Atom::Object& members, std::size_t depth) {
    check_depth(depth);
    out_ += '{';
    if (members.size() == 1 && is_bytes_key(members[0].key)) {
      write_member("$" + members[0].key, members[0].value, depth);
    } else {
      for (const AtomMember& member : members) {
        if (&member != members.data()) out_ += ',';
        write_member(member.key, member.value, depth);
      }
    }
    out_ += '}';
  }

  void write_member(std::string_view key, const Atom& value, std::size_t depth) {
    write_string(key);
    out_ += ':';
    write(value, depth);
  }

  static void check_depth(std::size_t depth) {
    if (depth > kMaxAtomDepth) {
      throw ValidationError("atom is nested deeper than " + std::to_string(kMaxAtomDepth) +
                            " levels");
    }
  }

  NonFinite non_finite_;
  std::string& out_;
};

}  // namespace

void encode_json(const Atom& atom, NonFinite non_finite, std::string& out) {
  Writer(non_finite, out).write(atom, 0);
}

}  // namespace protobase::format
