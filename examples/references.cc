// Atoms that point at atoms: a family tree is pushed from the leaves up, because a pointer is known
// only after the push, and walked from the root down. A change pushes the changed atom and its
// ancestors again; everything else is shared with the old tree, which stays readable.
// Usage: references DIRECTORY
#include <iostream>
#include <string>
#include <vector>

#include "protobase/protobase.h"

namespace {

using protobase::Atom;
using protobase::AtomPointer;
using protobase::SharedStorage;

AtomPointer push_person(SharedStorage& storage, const char* name,
                        const std::vector<AtomPointer>& children) {
  Atom references = Atom::array();
  for (const AtomPointer& child : children) references.push_back(Atom::reference("Person", child));
  return storage.push_atom(Atom::object({{"name", name}, {"children", references}}));
}

/// Depth first: the name, then the children in brackets.
std::string describe(SharedStorage& storage, const AtomPointer& pointer) {
  const auto person = storage.get_atom(pointer);
  std::string text = person->at("name").as_string();
  const auto children = person->at("children").elements();
  if (children.empty()) return text;
  text += "(";
  for (const Atom& child : children) {
    text += " " + describe(storage, child.as_reference().value());
  }
  return text + " )";
}

bool run(const char* directory) {
  protobase::StandaloneFileStorage storage(directory);
  const AtomPointer ada = push_person(storage, "Ada", {});
  const AtomPointer annabella = push_person(storage, "Annabella", {ada});
  storage.set_current_root(annabella);

  // Immutable: "add a child to Ada" makes a new Ada and a new Annabella.
  const AtomPointer byron = push_person(storage, "Byron", {});
  const AtomPointer ralph = push_person(storage, "Ralph", {});
  const AtomPointer new_ada = push_person(storage, "Ada", {byron, ralph});
  storage.set_current_root(push_person(storage, "Annabella", {new_ada}));

  const std::string now = describe(storage, storage.read_current_root().value());
  const std::string before = describe(storage, storage.root_history(2).at(1).root);
  std::cout << "now:    " << now << "\nbefore: " << before << "\n";
  return now == "Annabella( Ada( Byron Ralph ) )" && before == "Annabella( Ada )";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: references DIRECTORY\n";
    return 2;
  }
  try {
    return run(argv[1]) ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "references: " << error.what() << "\n";
    return 1;
  }
}
