// Brings a range of a WAL into the commit log: large amounts as segments first, several at a time,
// then the slot; not more often than asked for.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "cloud/commit_log.h"

namespace protobase::cloud {

struct PublisherOptions {
  std::uint64_t object_size = std::uint64_t{8} << 20;
  double max_put_rate = 0;  ///< a second; 0: no limit
};

/// For one thread at a time.
class SlotPublisher final {
 public:
  SlotPublisher(CommitLog& log, Bucket bucket, engine::WorkerPool& pool,
                const PublisherOptions& options)
      : log_(log), bucket_(std::move(bucket)), pool_(pool), options_(options) {}

  /// Takes over the writing, if that was not done before. Errors of CommitLog::claim(); those after
  /// which the same may be tried again are NothingTookEffect too.
  void claim();
  /// Moves into segments what is more than an object; does nothing the second time. Errors are
  /// NothingTookEffect: no slot names them yet.
  void put_segments(SlotContents& contents);
  /// Errors as CommitLog::append().
  void put_slot(const SlotContents& contents);
  /// From here on it does not wait to keep to the rate. From any thread.
  void stop_pacing() noexcept { is_pacing_ = false; }

 private:
  void wait_for_turn(std::uint64_t puts);

  CommitLog& log_;
  const Bucket bucket_;
  engine::WorkerPool& pool_;
  const PublisherOptions options_;
  std::uint64_t next_put_ns_ = 0;  // not before this
  std::atomic<bool> is_pacing_{true};
};

}  // namespace protobase::cloud
