// Was a register with compare-and-set what its callers saw? Searches, after Wing and Gong with
// Lowe's memory of states seen, for an order of the calls that is one after the other, keeps the
// order of calls that did not overlap, and explains every answer.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace protobase::testing {

/// Values are numbers; 0 is the register before the first call.
using RegisterValue = std::uint64_t;

struct RegisterCall {
  enum class Kind {
    kRead,           ///< `value`: what it saw
    kWrite,          ///< `value`: what it wrote
    kCompareAndSet,  ///< from `expected` to `value`; `succeeded` says how it went
  };
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  Kind kind = Kind::kRead;
  RegisterValue value = 0;
  RegisterValue expected = 0;
  bool succeeded = true;
  std::uint64_t begin = 0;
  /// kNever: no answer. It may have taken effect at any time after its beginning, or not at all;
  /// what is said of its success means nothing then.
  std::uint64_t end = kNever;
};

/// Two calls overlap unless one ends before the other begins. Time and memory may grow
/// exponentially with the calls that overlap: keep histories to some hundreds of calls by a few
/// threads.
bool is_linearizable(std::span<const RegisterCall> calls);

}  // namespace protobase::testing
