// MessagePack: whatever can be read survives being written and read again, in both formats.
#include <cstdint>
#include <span>
#include <string>

#include "format/json_decoder.h"
#include "format/msgpack_codec.h"
#include "format/msgpack_fast_decoder.h"
#include "fuzz/fuzzing.h"
#include "protobase/errors.h"

namespace {

using protobase::Atom;
using protobase::fuzz::require;

void check(const Atom& atom) {
  require(atom.depth() <= protobase::kMaxAtomDepth);
  std::string packed;
  protobase::format::encode_msgpack(atom, packed);
  require(protobase::format::decode_msgpack(protobase::as_bytes(packed)) == atom);
  const std::string text = atom.to_json();
  if (text.find("NaN") != std::string::npos) return;  // JSON has one NaN only
  require(Atom::parse_json(text) == atom);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  Atom atom, fast;
  const bool is_fast = protobase::format::try_decode_msgpack_fast(bytes, fast);
  try {
    atom = protobase::format::parse_msgpack(bytes);
    require(!is_fast || fast == atom);
  } catch (const protobase::ValidationError&) {
    require(!is_fast);  // both read the same, and refuse the same
    return 0;
  }
  check(atom);
  return 0;
}
