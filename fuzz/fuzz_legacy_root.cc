// space_root of the Python storage: only the documented error is thrown, and a pointer that was
// read is the one that stands there.
#include <string>

#include "format/json_dialect.h"
#include "format/json_exact_parser.h"
#include "format/legacy_space.h"
#include "fuzz/fuzzing.h"
#include "protobase/atom.h"
#include "protobase/errors.h"

namespace {

using protobase::Atom;
using protobase::AtomPointer;
using protobase::format::parse_space_root;
using protobase::fuzz::require;

std::string write(const AtomPointer& pointer) {
  return "{\"transaction_id\": \"" + pointer.transaction_id.to_string() +
         "\", \"offset\": " + std::to_string(pointer.offset) + "}";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto pointer = protobase::fuzz::result_unless<protobase::CorruptionError>(
      [&] { return parse_space_root(text); });
  if (!pointer) return 0;
  const Atom atom =
      protobase::format::parse_json_exact(text, protobase::format::JSONDialect::kVersion1);
  require(atom.find("offset")->as_uint64() == pointer->offset);
  require(protobase::UUID::parse(atom.find("transaction_id")->as_string()) ==
          pointer->transaction_id);
  require(parse_space_root(write(*pointer)) == *pointer);
  return 0;
}
