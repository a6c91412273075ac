#include "format/legacy_space.h"

#include <algorithm>
#include <cctype>

#include "protobase/atom.h"
#include "protobase/errors.h"

namespace protobase::format {
namespace {

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

[[noreturn]] void fail(const std::string& what) {
  throw CorruptionError("space_root: expected {\"transaction_id\": UUID, \"offset\": N}; " + what);
}

}  // namespace

AtomPointer parse_space_root(std::string_view text) {
  Atom atom;
  try {
    atom = Atom::parse_json(text);
  } catch (const ValidationError& error) {
    fail(std::string("found bad JSON: ") + error.what());
  }
  if (!atom.is_object()) fail("found no object");
  const Atom* id = atom.find("transaction_id");
  const Atom* offset = atom.find("offset");
  if (id == nullptr || !id->is_string()) fail("found no transaction_id");
  if (offset == nullptr || !offset->is_integer() || !offset->fits_uint64()) fail("found no offset");
  const auto uuid = UUID::parse(id->as_string());
  if (!uuid) fail("found transaction_id \"" + id->as_string().substr(0, 80) + "\"");
  return {*uuid, offset->as_uint64()};
}

std::map<std::string, std::string> parse_space_config(std::string_view text) {
  std::map<std::string, std::string> values;
  std::string section;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line.front() == '[' && line.back() == ']') {
      section = std::string(line.substr(1, line.size() - 2));
      continue;
    }
    const auto equals = line.find_first_of("=:");
    if (equals == std::string_view::npos || section.empty()) {
      throw CorruptionError("space.config: line " + std::to_string(number) +
                            ": expected [section] or key = value");
    }
    values[section + "." + lower_case(trim(line.substr(0, equals)))] =
        std::string(trim(line.substr(equals + 1)));
  }
  return values;
}

}  // namespace protobase::format
