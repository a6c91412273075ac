// What the fuzz targets share: how a broken property ends the run, which errors a decoder may
// throw, and how one input is cut into several values. A target asserts properties of what was
// decoded; that nothing crashes is the sanitizers' part.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace protobase::fuzz {

/// Ends the process, naming the caller's line, unless `condition` holds.
inline void require(bool condition, const char* file = __builtin_FILE(),
                    int line = __builtin_LINE()) {
  if (condition) return;
  std::fprintf(stderr, "%s:%d: a required property does not hold\n", file, line);
  std::abort();
}

/// The result of `call`, or nullopt when it threw one of `Errors`. Any other exception goes on and
/// ends the process.
template <typename... Errors, typename Call>
auto result_unless(Call call) -> std::optional<std::decay_t<decltype(call())>> {
  std::optional<std::decay_t<decltype(call())>> result;
  const auto refused = [&]<typename Error>(std::type_identity<Error>, auto next) {
    try {
      next();
    } catch (const Error&) {
      result.reset();
    }
  };
  const auto attempt = [&](auto self, auto error, auto... others) {
    if constexpr (sizeof...(others) == 0) {
      refused(error, [&] { result = call(); });
    } else {
      refused(error, [&] { self(self, others...); });
    }
  };
  attempt(attempt, std::type_identity<Errors>{}...);
  return result;
}

/// Takes values from the front of an input; behind its end there are zeros.
class Input final {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(std::as_bytes(std::span(data, size))) {}

  /// Up to `size` bytes.
  std::span<const std::byte> take(std::size_t size) {
    const auto taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

  /// A little-endian integer.
  template <typename T>
  T integer() {
    static_assert(std::is_integral_v<T>);
    T value{};
    fill(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }

  /// As many bytes as there are; the rest of `out` stays as it is.
  void fill(std::span<std::byte> out) {
    const auto bytes = take(out.size());
    std::copy(bytes.begin(), bytes.end(), out.begin());
  }

  std::span<const std::byte> rest() const { return rest_; }

 private:
  std::span<const std::byte> rest_;
};

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace protobase::fuzz
