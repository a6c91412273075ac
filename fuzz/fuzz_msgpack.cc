// MessagePack: whatever can be read survives being written and read again, in both formats.
#include <cstdint>
#include <span>
#include <string>

#include "format/json_decoder.h"
#include "format/msgpack_codec.h"
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
  Atom atom;
  try {
    atom = protobase::format::decode_msgpack(std::as_bytes(std::span(data, size)));
  } catch (const protobase::ValidationError&) {
    return 0;
  }
  check(atom);
  return 0;
}
