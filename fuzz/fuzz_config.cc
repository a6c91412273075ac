// space.config of the Python storage: only the documented error is thrown, the answer is bounded by
// the text, and every value that was read can be written as one section and one line again.
#include <map>
#include <string>

#include "format/legacy_space.h"
#include "fuzz/fuzzing.h"
#include "protobase/errors.h"

namespace {

using protobase::format::parse_space_config;
using protobase::fuzz::require;
using Values = std::map<std::string, std::string>;

std::optional<Values> read(std::string_view text) {
  return protobase::fuzz::result_unless<protobase::CorruptionError>(
      [&] { return parse_space_config(text); });
}

/// Section and key are joined by a dot, and either may hold more of them: one way to cut must do.
bool can_be_written(const std::string& name, const std::string& value) {
  const Values expected{{name, value}};
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    const std::string section = name.substr(0, dot);
    const std::string key = name.substr(dot + 1);
    for (const char* equals : {" = ", " : "}) {
      if (read("[" + section + "]\n" + key + equals + value + "\n") == expected) return true;
    }
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto values = read(text);
  if (!values) return 0;
  require(values->size() <= size / 2);
  for (const auto& [name, value] : *values) require(can_be_written(name, value));
  require(read(std::string(text) + "\n# a comment\n") == values);
  return 0;
}
