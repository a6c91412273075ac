// JSON, MessagePack and raw bytes side by side in one store: what each is for, how it is read back.
// Usage: formats DIRECTORY
#include <iostream>
#include <limits>
#include <string_view>

#include "protobase/protobase.h"

namespace {

using protobase::Atom;

bool run(const char* directory) {
  protobase::StandaloneFileStorage storage(directory);

  // JSON: readable with any tool, integers of any size.
  const Atom big =
      Atom::object({{"key", Atom::integer("340282366920938463463374607431768211456")}});
  const auto json = storage.push_atom(big);

  // MessagePack: smaller and faster, bytes as they are, NaN and infinities; integers up to 64 bits.
  const Atom sample = Atom::object({{"limit", std::numeric_limits<double>::infinity()},
                                    {"digest", Atom::bytes(protobase::as_bytes("\x01\x02\x03"))}});
  const auto msgpack = storage.push_atom_msgpack(sample);

  // Raw: bytes that are nobody's business, up to 2 GiB.
  constexpr std::string_view kImage = "not really an image";
  const auto raw = storage.push_bytes(protobase::as_bytes(kImage));
  storage.flush_wal();  // durable, without a new root

  // One call reads atoms of both formats; get_bytes gives the payload of any record, exactly.
  bool right = *storage.get_atom(json) == big && *storage.get_atom(msgpack) == sample &&
               storage.get_bytes(raw).as_text() == kImage &&
               storage.get_bytes(json).as_text() == big.to_json();
  std::cout << *storage.get_atom(json) << "\n" << *storage.get_atom(msgpack) << "\n";

  // Nothing is ever rounded: what a format cannot hold is refused.
  try {
    storage.push_atom_msgpack(big);
    right = false;
  } catch (const protobase::ValidationError& error) {
    std::cout << "refused: " << error.what() << "\n";
  }
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: formats DIRECTORY\n";
    return 2;
  }
  try {
    return run(argv[1]) ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "formats: " << error.what() << "\n";
    return 1;
  }
}
