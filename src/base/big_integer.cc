// Decimal text of integers of any size.
#include "base/big_integer.h"

#include <algorithm>
#include <charconv>

#include "protobase/atom.h"
#include "protobase/errors.h"

namespace protobase::base {
namespace {

void check_digits(std::string_view decimal, std::string_view digits) {
  if (digits.size() > kMaxIntegerDigits) {
    throw ValidationError("integer of " + std::to_string(digits.size()) + " digits: at most " +
                          std::to_string(kMaxIntegerDigits) + " are supported");
  }
  const bool all_digits = std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (digits.empty() || !all_digits) {
    throw ValidationError("not a decimal integer: '" + std::string(decimal.substr(0, 40)) + "'");
  }
}

template <typename T>
bool parse_as(std::string_view text, T& value) noexcept {
  return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc{};
}

}  // namespace

AnyInteger parse_integer(std::string_view decimal) {
  const bool negative = decimal.starts_with('-');
  std::string_view digits = decimal.substr(negative ? 1 : 0);
  check_digits(decimal, digits);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));

  std::string text = negative && digits != "0" ? "-" : "";
  text += digits;
  std::int64_t small = 0;
  if (parse_as(text, small)) return small;
  std::uint64_t large = 0;
  if (!negative && parse_as(text, large)) return large;
  return text;
}

}  // namespace protobase::base
