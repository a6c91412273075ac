// The root of a store in a bucket: it is in the newest slot of the commit log, put there by the
// sync that made its commit record durable. What is left here is who may move it, and that this
// process sees it moved by compare_and_set().
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "cloud/commit_log.h"
#include "cloud/wal_uploader.h"
#include "os/clock.h"
#include "protobase/root_register.h"

namespace protobase::cloud {

/// Thread-safe.
class CloudRootRegister final : public RootRegister {
 public:
  CloudRootRegister(CommitLog& log, WALUploader& uploader, std::shared_ptr<os::Clock> clock,
                    std::uint64_t poll_interval_ms, bool is_read_only)
      : log_(log),
        uploader_(uploader),
        clock_(std::move(clock)),
        poll_interval_ns_(poll_interval_ms * 1'000'000),
        is_read_only_(is_read_only),
        polled_ns_(clock_->monotonic_ns()) {}

  /// A reader asks the bucket when the interval is over.
  std::optional<RootVersion> read() override;
  std::optional<AtomPointer> inherited_root() override { return log_.known().inherited_root(); }
  /// The lock of this process; the first one takes over from other writers.
  std::unique_ptr<RootLock> lock(std::uint64_t timeout_ms) override;
  std::uint64_t next_sequence() override;
  void prepare(std::uint64_t first, std::uint64_t last, const AtomPointer& scan_from) override;
  void abandon() noexcept override {}
  bool compare_and_set(std::optional<std::uint64_t> expected_sequence,
                       const RootVersion& next) override;

  /// Asks the bucket now.
  void poll();
  void close();

 private:
  class Lock;

  void throw_if_closed() const;
  std::optional<RootVersion> newest() const;

  CommitLog& log_;
  WALUploader& uploader_;
  const std::shared_ptr<os::Clock> clock_;
  const std::uint64_t poll_interval_ns_;
  const bool is_read_only_;
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::condition_variable unlocked_;
  bool is_locked_ = false;
  std::uint64_t last_tried_ = 0;
  std::uint64_t polled_ns_;  // opening the log, which comes next, is such a look too
  bool is_writer_ = false;
  std::optional<RootVersion> published_;  // as a writer
};

}  // namespace protobase::cloud
