// Copies a whole store between directories and buckets, in any direction: every pointer, the root
// and the root history stay as they are.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "protobase/cloud_storage_client.h"
#include "protobase/copy.h"
#include "protobase/export.h"

namespace protobase {

namespace os {
class Clock;
class Random;
}  // namespace os

/// Where a store lies: one of the two.
struct SpacePlace {
  std::string directory{};
  std::shared_ptr<CloudStorageClient> bucket{};  ///< what the client's bucket and prefix hold
};

/// Options of copy_space(). A value out of range makes it throw ValidationError that names the
/// field.
struct PROTOBASE_EXPORT CloudCopyOptions {
  /// Bytes of an object in the bucket, about. 1 MiB - 64 MiB.
  std::uint64_t segment_size = std::uint64_t{16} << 20;
  /// Requests in flight together. 1 - 64.
  unsigned max_parallel_requests = 8;
  /// How long a request is tried again. 1 - 3,600,000.
  std::uint64_t request_timeout_ms = 60'000;
  /// Hears bytes done of all; may be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress{};

  std::shared_ptr<os::Clock> clock{};    ///< null: the machine's
  std::shared_ptr<os::Random> random{};  ///< null: the kernel's

  void validate() const;
};

/// Copies the store at `from` (a consistent state, also while others write to it) to `to`, which
/// must be absent or empty, or hold an interrupted copy of the same store: that one is resumed. As
/// copy_space() of protobase/copy.h, with a bucket on either side or on both.
///
/// A bucket takes WALs of the Python storage too, and their root; its space.config stays behind. A
/// bucket shows the copy when it is complete, at once; before that, opening it is refused
/// (ValidationError). Of an earlier copy that was complete but for its last step, that step is made
/// and what it holds reported; ValidationError when the source has anything now that is not in it.
///
/// Memory: (max_parallel_requests + 4) x segment_size, and three times the longest record; of WALs
/// of the Python storage in a bucket a segment and 64 MiB of the next ones.
/// Errors: as of copy_space() and of CloudBlockProvider; ValidationError too when somebody makes
/// another store at `to` meanwhile. After any of them the same call may be made again.
PROTOBASE_EXPORT CopyReport copy_space(const SpacePlace& from, const SpacePlace& to,
                                       const CloudCopyOptions& options = {});

}  // namespace protobase
