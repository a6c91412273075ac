// A user of the library in ten lines: built against every way to get hold of it, and run.
#include <protobase/protobase.h>
#include <protobase/version.h>

int main() {
  protobase::MemoryStorage storage;
  const auto greeting = protobase::Atom::object({{"className", "Greeting"}, {"text", "hello"}});
  const protobase::AtomPointer pointer = storage.push_atom(greeting);
  storage.set_current_root(pointer);
  return *storage.get_atom(*storage.read_current_root()) == greeting ? 0 : 1;
}
