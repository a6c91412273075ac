// examine_bucket(): whether a bucket can carry a store, found out by trying.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protobase/cloud_storage_client.h"
#include "protobase/export.h"

namespace protobase {

namespace os {
class Clock;
class Random;
}  // namespace os

/// The result of one check.
struct DoctorFinding {
  std::string check;  ///< what was looked at, in a few words
  bool is_ok = false;
  std::string detail;  ///< what was seen; when not ok, what is wrong and what to do
};

/// How hard examine_bucket() tries. A value out of range makes it throw ValidationError.
struct PROTOBASE_EXPORT BucketDoctorOptions {
  unsigned threads = 8;                  ///< that race; 2 - 64
  unsigned rounds = 8;                   ///< races of each kind, on fresh keys; 1 - 1,000
  std::shared_ptr<os::Clock> clock{};    ///< null: the machine's
  std::shared_ptr<os::Random> random{};  ///< null: the kernel's

  /// Throws ValidationError that names the field.
  void validate() const;
};

/// Checks in this order: an answer comes, credentials are taken, the prefix is free or has a store
/// that opens, objects can be put, read, listed and removed, the clock of this machine is near the
/// store's, of several creations of one object exactly one wins, of several replacements of one
/// version exactly one wins. Stops where the rest could not be done. About 2 x rounds x
/// (threads + 3) + 10 requests on objects of a few bytes under `doctor/<random>/`, which are
/// removed again; touches nothing else, and names what other checks left or have there now. What
/// goes wrong with the bucket is a finding, not an error.
PROTOBASE_EXPORT std::vector<DoctorFinding> examine_bucket(CloudStorageClient& client,
                                                           const BucketDoctorOptions& options = {});

}  // namespace protobase
