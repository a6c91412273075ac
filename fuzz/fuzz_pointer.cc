// The text of a pointer and of a UUID: exactly the documented form is read, and what was read is
// written back as it was, in lower case.
#include <string>

#include "fuzz/fuzzing.h"
#include "protobase/atom_pointer.h"
#include "protobase/errors.h"

namespace {

using protobase::AtomPointer;
using protobase::UUID;
using protobase::fuzz::require;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// 8-4-4-4-12 digits.
bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

/// Decimal, no leading zeros, below 2^64.
bool is_offset(std::string_view text) {
  constexpr std::string_view kLargest = "18446744073709551615";
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return false;
  if (text.size() > 1 && text[0] == '0') return false;
  return text.size() < kLargest.size() || (text.size() == kLargest.size() && text <= kLargest);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

void check_uuid(std::string_view text) {
  const auto id = UUID::parse(text);
  require(id.has_value() == is_uuid(text));
  if (id) require(id->to_string() == lower_case(text));
}

void check_pointer(std::string_view text) {
  const auto pointer = protobase::fuzz::result_unless<protobase::ValidationError>(
      [&] { return AtomPointer::parse(text); });
  const bool well_formed = text.size() > 37 && text[36] == ':' && is_uuid(text.substr(0, 36)) &&
                           is_offset(text.substr(37));
  require(pointer.has_value() == well_formed);
  if (!pointer) return;
  require(pointer->to_string() == lower_case(text));
  require(AtomPointer::parse(pointer->to_string()) == *pointer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_pointer(text);
  check_uuid(text.substr(0, 36));
  return 0;
}
