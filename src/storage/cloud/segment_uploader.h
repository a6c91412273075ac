// Puts the bytes of WALs into a bucket as segments, several at a time, with bounded memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <unordered_map>

#include "cloud/bucket.h"
#include "cloud/slot.h"
#include "engine/worker_pool.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/shared_bytes.h"
#include "protobase/uuid.h"

namespace protobase::storage {

/// One that is in the bucket now. Its id is a hash of its bytes, so that a key means what is in it.
struct PutSegment {
  cloud::SegmentName name;
  bool was_there = false;
};

/// Not thread-safe.
class SegmentUploader final {
 public:
  /// `known`: keys and sizes of objects that are there; not sent again. `put` hears of each
  /// segment, in the order in which they were added.
  SegmentUploader(cloud::Bucket bucket, unsigned max_parallel, std::uint64_t max_bytes,
                  std::unordered_map<std::string, std::uint64_t> known,
                  std::function<void(const PutSegment&)> put);
  ~SegmentUploader() { is_given_up_ = true; }
  SegmentUploader(const SegmentUploader&) = delete;
  SegmentUploader& operator=(const SegmentUploader&) = delete;

  /// Waits while `max_parallel` are on their way, or `max_bytes`. Errors of an earlier one.
  void add(const UUID& wal, std::uint64_t begin, Bytes bytes);
  /// Waits for all of them.
  void finish();

 private:
  struct OnItsWay {
    std::uint64_t size;
    std::future<PutSegment> segment;
  };

  void wait_for_first();
  PutSegment put_segment(const UUID& wal, std::uint64_t begin, const Bytes& bytes) const;

  const cloud::Bucket bucket_;
  const unsigned max_parallel_;
  const std::uint64_t max_bytes_;
  const std::unordered_map<std::string, std::uint64_t> known_;
  const std::function<void(const PutSegment&)> put_;
  std::atomic<bool> is_given_up_{false};
  std::deque<OnItsWay> on_their_way_;
  std::uint64_t bytes_on_their_way_ = 0;
  engine::WorkerPool pool_;  // last, because its threads end first
};

}  // namespace protobase::storage
