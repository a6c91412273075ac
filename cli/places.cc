#include "cli/places.h"

#include <fmt/format.h>

#include <utility>

#include "cli/text.h"

namespace protobase::cli {

void print_places(std::string_view word, const std::vector<BadPlace>& places, Output& out) {
  for (const auto& place : places) {
    out.write_line(fmt::format("{} {} {}: {}", word, place.pointer.transaction_id.to_string(),
                               place.pointer.offset, one_line(place.reason)));
  }
}

Atom places_to_atom(const std::vector<BadPlace>& places) {
  Atom::Array atoms;
  for (const auto& place : places) {
    atoms.push_back(Atom::object({{"wal", place.pointer.transaction_id.to_string()},
                                  {"offset", place.pointer.offset},
                                  {"reason", place.reason}}));
  }
  return Atom::array(std::move(atoms));
}

}  // namespace protobase::cli
