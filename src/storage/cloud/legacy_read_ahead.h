// Reads a WAL of the Python storage in a bucket from front to back, by whole segments: the hash of
// each in its key is the only checksum there is. The next ones are fetched while one is used.
#pragma once

#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <span>
#include <vector>

#include "cloud/bucket.h"
#include "cloud/legacy_segment.h"
#include "engine/worker_pool.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::storage {

/// Not thread-safe. Holds one segment, and of the next ones 64 MiB at most.
class LegacyReadAhead final {
 public:
  LegacyReadAhead(cloud::Bucket bucket, engine::WorkerPool& pool, const cloud::IndexedWAL& wal);

  /// Fills `out` from `offset` of the WAL; fewer bytes only at its end. CorruptionError: a segment
  /// is missing or damaged.
  std::size_t read(std::uint64_t offset, std::span<std::byte> out);

 private:
  using Read = cloud::LegacySegmentRead;
  struct OnItsWay {
    std::size_t segment = 0;  ///< which
    std::future<Read> read;
  };

  void go_to(std::size_t segment);
  void fetch_behind(std::size_t segment);
  std::size_t segment_around(std::uint64_t offset) const;

  const cloud::Bucket bucket_;
  engine::WorkerPool& pool_;
  const std::vector<cloud::SegmentName> segments_;
  std::deque<OnItsWay> on_their_way_;  // one behind the other
  std::size_t current_;
  SharedBytes bytes_;  // of the current one
};

}  // namespace protobase::storage
