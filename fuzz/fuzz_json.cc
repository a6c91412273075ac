// JSON: simdjson's way and the exact parser must agree on every input, and what was read must
// survive being written and read again.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "format/json_decoder.h"
#include "format/json_encoder.h"
#include "format/json_exact_parser.h"
#include "fuzz/fuzzing.h"
#include "protobase/errors.h"

namespace {

using protobase::Atom;
using protobase::format::JSONDialect;
using protobase::format::NonFinite;
using protobase::fuzz::require;

template <typename Read>
std::optional<Atom> read(Read read_text, std::string_view text, JSONDialect dialect) {
  try {
    return read_text(text, dialect);
  } catch (const protobase::ValidationError&) {
    return std::nullopt;
  }
}

void check(std::string_view text, JSONDialect dialect) {
  const std::optional<Atom> exact = read(protobase::format::parse_json_exact, text, dialect);
  const std::optional<Atom> fast = protobase::format::try_decode_json_fast(text, dialect);
  if (fast) require(exact && *fast == *exact);
  require(read(protobase::format::decode_json, text, dialect) == exact);
  if (!exact) return;
  require(exact->depth() <= protobase::kMaxAtomDepth);
  std::string again;
  protobase::format::encode_json(*exact, NonFinite::kPrint, again);
  require(protobase::format::decode_json(again, JSONDialect::kVersion1) == *exact);
  require(protobase::format::parse_json_exact(again, JSONDialect::kVersion1) == *exact);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text, JSONDialect::kVersion1);
  check(text, JSONDialect::kLegacy);
  return 0;
}
