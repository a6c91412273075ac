// The object `checkpoint` of a bucket as one client of it knows it: got when it changed, put when
// nobody else did.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "cloud/bucket.h"
#include "cloud/log_checkpoint.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// Not thread-safe but for size().
class CheckpointObject final {
 public:
  /// What became of it.
  enum class Look { kAbsent, kUnchanged, kRead };

  CheckpointObject(Bucket bucket, std::uint64_t max_size)
      : bucket_(std::move(bucket)), max_size_(max_size) {}

  /// `take` gets it, if it is not the one that is known (`anew`: in any case), and may refuse it by
  /// CorruptionError, as may read_checkpoint(); then it is got once more. `version` (may be null)
  /// is that of what was found, also when it is refused.
  Look get(bool anew, const std::function<void(LogCheckpoint)>& take,
           std::string* version = nullptr);
  /// Tried once. False: it is not the one that is known. UnexpectedError: it would be longer than
  /// readers take, so the old one stays; nothing is tried again before some more slots came.
  bool put(const LogCheckpoint& checkpoint);

  /// Of what is known; "": nothing, so put() creates one.
  const std::string& version() const noexcept { return version_; }
  /// The newest that it knows.
  std::uint64_t slot() const noexcept { return slot_; }
  /// As it was last got or put, in bytes.
  std::uint64_t size() const noexcept { return size_; }
  /// Of `version`, and with `slot` as its newest: known without having been got.
  void set_known(std::string version, std::uint64_t slot);

 private:
  CloudGetResult get_object(const std::string& known_version);

  const Bucket bucket_;
  const std::uint64_t max_size_;
  std::string version_;
  std::uint64_t slot_ = 0;
  std::atomic<std::uint64_t> size_{0};
};

}  // namespace protobase::cloud
