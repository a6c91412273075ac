// What is typed as SPACE, POINTER and WAL on the command line: wrong text is wrong usage and
// nothing else, a path stays the path it is, and `file:` names every path.
#include <string>

#include "cli/exit_status.h"
#include "cli/location.h"
#include "fuzz/fuzzing.h"
#include "protobase/errors.h"

namespace {

using protobase::NotSupportedError;
using protobase::ValidationError;
using protobase::cli::Location;
using protobase::cli::parse_location;
using protobase::cli::UsageError;
using protobase::fuzz::require;
using protobase::fuzz::result_unless;

void check_location(std::string_view text) {
  const auto location =
      result_unless<UsageError, NotSupportedError>([&] { return parse_location(text); });
  const bool may_have_scheme = text.find(':') != std::string_view::npos;
  if (!may_have_scheme) require(location.has_value() == !text.empty());
  if (!location) return;
  const std::string& directory = location->directory;
  require(!directory.empty());
  require(text == directory || text.substr(text.find(':') + 1) == directory);
  require(parse_location("file:" + directory).directory == directory);
}

void check_pointer(const std::string& text) {
  const auto typed = result_unless<UsageError>([&] { return protobase::cli::parse_pointer(text); });
  require(typed ==
          result_unless<ValidationError>([&] { return protobase::AtomPointer::parse(text); }));
  const auto id = result_unless<UsageError>([&] { return protobase::cli::parse_wal_id(text); });
  require(id == protobase::UUID::parse(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_location(text);
  check_pointer(text);
  return 0;
}
