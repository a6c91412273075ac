// Recursive descent over JSON; recursion is bounded by kMaxAtomDepth.
#include "format/json_exact_parser.h"

#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_high_surrogate(std::uint32_t unit) noexcept { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(std::uint32_t unit) noexcept { return unit >= 0xDC00 && unit < 0xE000; }

/// Whether a decimal that from_chars found out of range is too small, not too large: its first
/// non-zero digit then stands behind the point.
bool is_underflow(std::string_view token) noexcept {
  const std::size_t e = token.find_first_of("eE");
  if (e == std::string_view::npos) return token.find_first_of("123456789") > token.find('.');
  std::string_view exponent = token.substr(e + 1);
  if (exponent.starts_with('-')) return true;
  if (exponent.starts_with('+')) exponent.remove_prefix(1);
  // A positive exponent makes it too small only when more zeros than that follow the point.
  const std::size_t first = token.find_first_of("123456789");
  const std::size_t point = token.find('.');
  if (point == std::string_view::npos || first < point) return false;
  std::uint64_t shift = 0;
  const auto parsed = std::from_chars(exponent.data(), exponent.data() + exponent.size(), shift);
  return parsed.ec == std::errc{} && first - point > shift;
}

class Parser {
 public:
  Parser(std::string_view text, JSONDialect dialect) : text_(text), dialect_(dialect) {}

  Atom parse() {
    if (text_.starts_with("\xEF\xBB\xBF")) fail(0, "byte order mark before the text");
    if (const auto bad = base::find_invalid_utf8(text_)) fail(*bad, "invalid UTF-8");
    skip_white_space();
    Atom atom = parse_value(0);
    skip_white_space();
    if (at_ != text_.size()) fail(at_, "something follows the value");
    return atom;
  }

 private:
  [[noreturn]] static void fail(std::size_t where, const std::string& what) {
    throw ValidationError("JSON at byte " + std::to_string(where) + ": " + what);
  }

  /// The next character; '\0', which is nowhere valid outside strings, at the end.
  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_white_space() noexcept {
    while (at_ < text_.size() &&
           std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    }
  }

  bool take(char wanted) noexcept {
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  bool take(std::string_view word) noexcept {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  Atom parse_value(std::size_t depth) {
    switch (peek()) {
      case '{': return parse_object(depth + 1);
      case '[': return parse_array(depth + 1);
      case '"': return parse_string();
      default: break;
    }
    if (take("null")) return nullptr;
    if (take("true")) return true;
    if (take("false")) return false;
    if (take("NaN")) return std::numeric_limits<double>::quiet_NaN();
    if (take("Infinity")) return std::numeric_limits<double>::infinity();
    if (take("-Infinity")) return -std::numeric_limits<double>::infinity();
    if (peek() == '-' || is_digit(peek())) return parse_number();
    fail(at_, at_ == text_.size() ? "the text ends where a value is expected" : "no value");
  }

  Atom parse_array(std::size_t depth) {
    if (depth > kMaxAtomDepth) fail_depth(at_);
    ++at_;
    Atom::Array elements;
    skip_white_space();
    if (take(']')) return Atom::array(std::move(elements));
    do {
      skip_white_space();
      elements.push_back(parse_value(depth));
      skip_white_space();
    } while (take(','));
    if (!take(']')) fail(at_, "expected ',' or ']'");
    return Atom::array(std::move(elements));
  }

  Atom parse_object(std::size_t depth) {
    const std::size_t start = at_;
    // The text of bytes is an object that the atom does not have: one level more, checked below.
    const std::size_t text_levels =
        dialect_ == JSONDialect::kVersion1 ? kMaxAtomDepth + 1 : kMaxAtomDepth;
    if (depth > text_levels) fail_depth(at_);
    Atom object = make_object(start, parse_members(depth));
    if (depth > kMaxAtomDepth && !object.is_bytes()) fail_depth(start);
    return object;
  }

  Atom::Object parse_members(std::size_t depth) {
    ++at_;
    Atom::Object members;
    skip_white_space();
    if (take('}')) return members;
    do {
      skip_white_space();
      if (peek() != '"') fail(at_, "expected a key");
      std::string key = parse_string();
      skip_white_space();
      if (!take(':')) fail(at_, "expected ':'");
      skip_white_space();
      members.push_back({std::move(key), parse_value(depth)});
      skip_white_space();
    } while (take(','));
    if (!take('}')) fail(at_, "expected ',' or '}'");
    return members;
  }

  Atom make_object(std::size_t start, Atom::Object members) const {
    try {
      return make_json_object(std::move(members), dialect_);
    } catch (const ValidationError& error) {
      fail(start, error.what());
    }
  }

  [[noreturn]] static void fail_depth(std::size_t where) {
    fail(where, "nested deeper than " + std::to_string(kMaxAtomDepth) + " levels");
  }

  std::string parse_string() {
    const std::size_t start = at_++;
    std::string result;
    for (;;) {
      const std::size_t run = at_;
      while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
      result.append(text_.substr(run, at_ - run));
      if (at_ == text_.size()) fail(start, "string without end");
      if (take('"')) return result;
      if (text_[at_] != '\\') fail(at_, "control character in a string");
      parse_escape(result);
    }
  }

  static bool is_plain(char c) noexcept {
    return static_cast<std::uint8_t>(c) >= 0x20 && c != '"' && c != '\\';
  }

  void parse_escape(std::string& result) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const std::size_t start = at_++;
    if (take('u')) return base::append_utf8(parse_code_point(start), result);
    const std::size_t which =
        at_ < text_.size() ? kLetters.find(text_[at_]) : std::string_view::npos;
    if (which == std::string_view::npos) fail(start, "unknown escape");
    result += kMeanings[which];
    ++at_;
  }

  /// Behind the "\u" that starts at `start`; takes the second half of a pair as well.
  char32_t parse_code_point(std::size_t start) {
    const std::uint32_t unit = parse_hex4();
    if (!is_high_surrogate(unit) && !is_low_surrogate(unit)) return unit;
    if (is_high_surrogate(unit) && take("\\u")) {
      const std::uint32_t low = parse_hex4();
      if (is_low_surrogate(low)) return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    fail(start, "lone surrogate, which no atom can hold (get_bytes still reads the record)");
  }

  std::uint32_t parse_hex4() {
    std::uint32_t value = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 4 || parsed.ec != std::errc{} || parsed.ptr != digits.data() + 4) {
      fail(at_, "expected four hexadecimal digits");
    }
    at_ += 4;
    return value;
  }

  Atom parse_number() {
    const std::size_t start = at_;
    bool is_double = false;
    take('-');
    if (!take('0')) take_digits();
    if (take('.')) {
      is_double = true;
      take_digits();
    }
    if (take('e') || take('E')) {
      is_double = true;
      if (!take('+')) take('-');
      take_digits();
    }
    const std::string_view token = text_.substr(start, at_ - start);
    return is_double ? parse_double(start, token) : parse_integer(start, token);
  }

  void take_digits() {
    const std::size_t start = at_;
    while (is_digit(peek())) ++at_;
    if (at_ == start) fail(at_, "expected a digit");
  }

  static Atom parse_integer(std::size_t start, std::string_view token) {
    try {
      return Atom::integer(token);
    } catch (const ValidationError& error) {
      fail(start, error.what());
    }
  }

  static Atom parse_double(std::size_t start, std::string_view token) {
    double value = 0;
    const auto parsed = std::from_chars(token.data(), token.data() + token.size(), value);
    if (parsed.ec == std::errc::result_out_of_range && is_underflow(token)) {
      return token.starts_with('-') ? -0.0 : 0.0;
    }
    const bool infinite =
        value > std::numeric_limits<double>::max() || value < std::numeric_limits<double>::lowest();
    if (parsed.ec != std::errc{} || infinite) fail(start, "number beyond the range of double");
    return value;
  }

  std::string_view text_;
  JSONDialect dialect_;
  std::size_t at_ = 0;
};

}  // namespace

Atom parse_json_exact(std::string_view text, JSONDialect dialect) {
  return Parser(text, dialect).parse();
}

}  // namespace protobase::format
