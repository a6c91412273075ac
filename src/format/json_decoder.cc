// The fast way to read JSON: simdjson's document, copied into an Atom. What differs between
// simdjson and the exact parser is kept away from simdjson here, so that both give the same answer;
// fuzz_json checks it.
#include "format/json_decoder.h"

#include <simdjson.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "format/json_exact_parser.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

namespace dom = simdjson::dom;

/// simdjson's working memory is 14 times the text: larger texts are read by the exact parser, which
/// needs none.
constexpr std::size_t kMaxFastText = 64 << 20;
/// Working memory for texts up to this size is kept for the thread's next decode, under 1 MiB in
/// all.
constexpr std::size_t kMaxRetainedText = 64 << 10;

/// simdjson's buffers and a padded copy of the text (it reads up to SIMDJSON_PADDING bytes past the
/// end). Allocating them anew takes longer than parsing a small atom, hence one per thread; nothing
/// in it outlives a call.
class Scratch {
 public:
  dom::parser& parser() noexcept { return parser_; }

  const char* pad(std::string_view text) {
    const std::size_t needed = text.size() + simdjson::SIMDJSON_PADDING;
    if (needed > capacity_) {
      padded_ = std::make_unique_for_overwrite<char[]>(needed);
      capacity_ = needed;
    }
    if (!text.empty()) std::memcpy(padded_.get(), text.data(), text.size());
    std::memset(padded_.get() + text.size(), 0, simdjson::SIMDJSON_PADDING);
    return padded_.get();
  }

 private:
  dom::parser parser_;
  std::unique_ptr<char[]> padded_;
  std::size_t capacity_ = 0;
};

Atom convert(dom::element element, JSONDialect dialect);

Atom convert_array(dom::array source, JSONDialect dialect) {
  Atom::Array elements;
  elements.reserve(source.size());
  for (const dom::element element : source) elements.emplace_back(convert(element, dialect));
  return Atom::array(std::move(elements));
}

Atom convert_object(dom::object source, JSONDialect dialect) {
  Atom::Object members;
  members.reserve(source.size());
  for (const dom::key_value_pair field : source) {
    members.emplace_back(field.key, convert(field.value, dialect));
  }
  return make_json_object(std::move(members), dialect);
}

/// Recursion is bounded by the parser's own depth limit, kMaxAtomDepth.
Atom convert(dom::element element, JSONDialect dialect) {
  switch (element.type()) {
    case dom::element_type::ARRAY:
      return convert_array(element.get_array().value_unsafe(), dialect);
    case dom::element_type::OBJECT:
      return convert_object(element.get_object().value_unsafe(), dialect);
    case dom::element_type::INT64: return element.get_int64().value_unsafe();
    case dom::element_type::UINT64: return element.get_uint64().value_unsafe();
    case dom::element_type::DOUBLE: return element.get_double().value_unsafe();
    case dom::element_type::STRING: return element.get_string().value_unsafe();
    case dom::element_type::BOOL: return element.get_bool().value_unsafe();
    case dom::element_type::NULL_VALUE: break;
  }
  return nullptr;
}

std::optional<Atom> decode_with(Scratch& scratch, std::string_view text, JSONDialect dialect) {
  dom::element root;
  if (scratch.parser().parse(scratch.pad(text), text.size(), false).get(root)) return std::nullopt;
  try {
    return convert(root, dialect);
  } catch (const ValidationError&) {
    return std::nullopt;  // a duplicate key: the exact parser finds it again and says where
  }
}

/// simdjson does not check that surrogates come in pairs.
bool has_surrogate_escape(std::string_view text) noexcept {
  const std::size_t first = text.find('\\');
  if (first == std::string_view::npos) return false;
  return text.find("\\ud", first) != std::string_view::npos ||
         text.find("\\uD", first) != std::string_view::npos;
}

}  // namespace

std::optional<Atom> try_decode_json_fast(std::string_view text, JSONDialect dialect) {
  static_assert(simdjson::DEFAULT_MAX_DEPTH <= kMaxAtomDepth);
  if (text.size() > kMaxFastText || text.starts_with("\xEF\xBB\xBF") ||
      has_surrogate_escape(text)) {
    return std::nullopt;
  }
  if (text.size() > kMaxRetainedText) {
    const auto scratch = std::make_unique<Scratch>();
    return decode_with(*scratch, text, dialect);
  }
  thread_local Scratch scratch;
  return decode_with(scratch, text, dialect);
}

Atom decode_json(std::string_view text, JSONDialect dialect) {
  std::optional<Atom> fast = try_decode_json_fast(text, dialect);
  return fast ? *std::move(fast) : parse_json_exact(text, dialect);
}

}  // namespace protobase::format
