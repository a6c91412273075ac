// See location.h.
#include "cli/location.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/exit_status.h"
#include "protobase/errors.h"

namespace protobase::cli {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_scheme_character(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/// The scheme by the syntax of RFC 3986 (section 3.1), or empty when the text is a plain path.
std::string_view scheme_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_letter(text[0])) return {};
  const std::string_view scheme = text.substr(0, colon);
  return std::ranges::all_of(scheme, is_scheme_character) ? scheme : std::string_view{};
}

Location directory_at(std::string_view path) {
  if (path.empty()) throw UsageError("SPACE is empty: name a directory");
  return Location{std::string(path)};
}

}  // namespace

Location parse_location(std::string_view text) {
  const std::string_view scheme = scheme_of(text);
  if (scheme.empty()) return directory_at(text);
  if (scheme == "file") return directory_at(text.substr(scheme.size() + 1));
  if (scheme == "s3" || scheme == "gs") {
    throw NotSupportedError(
        fmt::format("{}: buckets are not supported in this build; use a directory", text));
  }
  throw UsageError(fmt::format(
      "{0}: unknown scheme \"{1}:\"; for a directory of that name write file:{0}", text, scheme));
}

AtomPointer parse_pointer(const std::string& text) {
  try {
    return AtomPointer::parse(text);
  } catch (const ValidationError& error) {
    throw UsageError(error.what());
  }
}

UUID parse_wal_id(const std::string& text) {
  const auto id = UUID::parse(text);
  if (!id) throw UsageError(fmt::format("\"{}\" is no WAL id: a UUID is expected", text));
  return *id;
}

}  // namespace protobase::cli
