// Makes segments of small slots: fewer objects, fewer requests, the same addresses
// (docs/internals/cloud_format.md, Merging).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "cloud/bucket.h"
#include "cloud/commit_log.h"
#include "protobase/cloud_block_provider.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// Not thread-safe; several mergers on one bucket disturb each other, no more.
class Merger final {
 public:
  Merger(CommitLog& log, Bucket bucket, engine::WorkerPool& pool, CloudMergeProgress progress = {})
      : log_(log), bucket_(std::move(bucket)), pool_(pool), progress_(std::move(progress)) {}

  /// Merges what the log knows now. When `stop` is requested, the oldest slots that are in segments
  /// by then are merged, and nothing is removed. nullopt: another merger was faster, and what was
  /// done here is of no use. CorruptionError: a slot is damaged; nothing is removed then. Once.
  std::optional<CloudMergeReport> run(const std::stop_token& stop = {});

 private:
  struct Source {
    std::uint64_t slot = 0;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    SharedBytes bytes{};
  };
  /// Slots whose bytes follow each other in one WAL, to become one segment.
  struct Group {
    UUID wal;
    std::vector<Source> sources;
    bool is_merged = false;  ///< its segment was put

    SegmentName segment() const noexcept {
      return {wal, sources.front().begin, sources.back().end};
    }
  };

  static std::vector<Group> plan(const LogCheckpoint& state);
  static std::size_t count_together(std::span<const Group> groups);
  void merge_all(std::vector<Group>& groups, const std::stop_token& stop);
  void merge(Group& group, bool is_alone, const std::stop_token& stop);
  void read(const UUID& wal, Source& source);
  void put(Group& group);
  SharedBytes read_source(const UUID& wal, const Source& source);
  std::uint64_t remove_slots(const std::stop_token& stop);

  CommitLog& log_;
  const Bucket bucket_;
  engine::WorkerPool& pool_;
  const CloudMergeProgress progress_;
  std::mutex progress_mutex_;
  std::uint64_t slots_read_ = 0;
  std::uint64_t slots_in_all_ = 0;
};

}  // namespace protobase::cloud
