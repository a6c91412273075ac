#include "cloud/http_date.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace protobase::cloud {
namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::size_t kMicroDigits = 6;

/// Takes parts off the front of a text; one that does not fit spoils the whole.
class Reader final {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  void expect(std::string_view word) {
    good_ = good_ && rest_.starts_with(word);
    if (good_) rest_.remove_prefix(word.size());
  }

  int digits(std::size_t count) {
    int value = 0;
    good_ = good_ && rest_.size() >= count;
    for (std::size_t i = 0; good_ && i < count; ++i) {
      const char c = rest_[i];
      good_ = c >= '0' && c <= '9';
      value = value * 10 + (c - '0');
    }
    if (good_) rest_.remove_prefix(count);
    return good_ ? value : 0;
  }

  /// Which of the words comes next, from 0.
  template <std::size_t kCount>
  int one_of(const std::array<std::string_view, kCount>& words) {
    const auto found = std::find_if(words.begin(), words.end(),
                                    [&](auto word) { return rest_.starts_with(word); });
    good_ = good_ && found != words.end();
    if (good_) rest_.remove_prefix(found->size());
    return good_ ? static_cast<int>(found - words.begin()) : 0;
  }

  bool starts_with(char c) const { return rest_.starts_with(c); }
  bool starts_with_digit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }
  bool good() const { return good_; }
  bool is_at_end() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

struct Moment {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;

  void read_time(Reader& reader) {
    hour = reader.digits(2);
    reader.expect(":");
    minute = reader.digits(2);
    reader.expect(":");
    second = reader.digits(2);
  }

  /// nullopt for 30 February and the like. A leap second counts as the one before.
  std::optional<std::int64_t> unix_seconds() const {
    const std::chrono::year_month_day date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (year < 1970 || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    const auto days = std::chrono::sys_days(date).time_since_epoch().count();
    return std::int64_t{days} * kSecondsPerDay + hour * 3600 + minute * 60 + std::min(second, 59);
  }
};

}  // namespace

std::string to_basic_time(std::int64_t unix_seconds) {
  const std::chrono::sys_seconds moment{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(moment - day);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 7> kDays = {"Mon, ", "Tue, ", "Wed, ", "Thu, ",
                                                     "Fri, ", "Sat, ", "Sun, "};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  Reader reader(text);
  Moment moment;
  reader.one_of(kDays);
  moment.day = reader.digits(2);
  reader.expect(" ");
  moment.month = reader.one_of(kMonths) + 1;
  reader.expect(" ");
  moment.year = reader.digits(4);
  reader.expect(" ");
  moment.read_time(reader);
  reader.expect(" GMT");
  return reader.is_at_end() ? moment.unix_seconds() : std::nullopt;
}

std::optional<std::int64_t> parse_iso_time_us(std::string_view text) {
  Reader reader(text);
  Moment moment;
  moment.year = reader.digits(4);
  reader.expect("-");
  moment.month = reader.digits(2);
  reader.expect("-");
  moment.day = reader.digits(2);
  reader.expect("T");
  moment.read_time(reader);
  std::int64_t fraction_us = 0;
  if (reader.good() && reader.starts_with('.')) {
    reader.expect(".");
    std::size_t digits = 0;
    for (; reader.good() && reader.starts_with_digit(); ++digits) {
      const int digit = reader.digits(1);
      if (digits < kMicroDigits) fraction_us = fraction_us * 10 + digit;
    }
    if (digits == 0) return std::nullopt;
    for (; digits < kMicroDigits; ++digits) fraction_us *= 10;
  }
  reader.expect("Z");
  const auto seconds = reader.is_at_end() ? moment.unix_seconds() : std::nullopt;
  if (!seconds) return std::nullopt;
  return *seconds * kMicrosPerSecond + fraction_us;
}

}  // namespace protobase::cloud
