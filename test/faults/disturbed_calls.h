// The C library's file calls of this test program, which a test may let fail, be interrupted, or
// transfer less than asked for: the way to put a fault between posix_file_system and the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace protobase::faults {

enum class FileCall {
  kOpen,
  kOpenDirectory,
  kRead,
  kWrite,
  kAllocate,
  kTruncate,
  kSyncData,
  kSyncDirectory,
  kStatus,
  kLock,
};
inline constexpr std::size_t kFileCalls = 10;
const char* to_text(FileCall call) noexcept;

/// What becomes of a call.
struct Answer {
  int error = 0;                          ///< an errno; 0: it goes to the kernel
  std::size_t at_most = ~std::size_t{0};  ///< bytes that a read or write transfers
};

/// While it lives, every call of the program is asked about, one at a time, in the thread that
/// makes it; `bytes` is what a read or write is to transfer. One at a time may live. (The C library
/// is one per program, so there is no way to hand this in.)
class DisturbedCalls final {
 public:
  using Ask = std::function<Answer(FileCall call, std::size_t bytes)>;
  explicit DisturbedCalls(Ask ask);
  ~DisturbedCalls();
  DisturbedCalls(const DisturbedCalls&) = delete;
  DisturbedCalls& operator=(const DisturbedCalls&) = delete;
};

}  // namespace protobase::faults
