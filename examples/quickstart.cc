// The first program to read: open a store, push an atom, make it the root, read it back.
// Usage: quickstart DIRECTORY
#include <iostream>

#include "protobase/protobase.h"

int main(int argc, char** argv) {
  using protobase::Atom;
  if (argc != 2) {
    std::cerr << "usage: quickstart DIRECTORY\n";
    return 2;
  }
  try {
    const Atom person = Atom::object({
        {"name", "Ada"},
        {"born", 1815},
        {"interests", Atom::array({"mathematics", "engines"})},
    });

    {
      protobase::StandaloneFileStorage storage(argv[1]);
      const protobase::AtomPointer pointer = storage.push_atom(person);  // known at once
      storage.set_current_root(pointer);                                 // durable on return
      std::cout << "stored at " << pointer << "\n";
      storage.close();
    }

    protobase::StandaloneFileStorage storage(argv[1]);
    const auto root = storage.read_current_root();  // nullopt in a store without a root
    if (!root) return 1;
    const auto found = storage.get_atom(*root);
    std::cout << "read back " << *found << "\n";
    return *found == person ? 0 : 1;
  } catch (const protobase::ProtoBaseError& error) {
    std::cerr << "quickstart: " << error.what() << "\n";
    return 1;
  }
}
