// The reading half of CloudBlockProvider: finds the object that holds a place of a WAL, fetches a
// block of it by a range GET, keeps it in the cache. Reads in order bring more with each request;
// who asks for a block that is on its way to another thread waits for that.
//
// Invariant: threads of the pool never wait so, for the one that fetches may need the pool.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "cache/key_hash.h"
#include "cache/single_flight.h"
#include "cloud/block_cache.h"
#include "cloud/bucket.h"
#include "cloud/commit_log.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

/// Thread-safe.
class WALReader final {
 public:
  WALReader(CommitLog& log, BlockCache& cache, Bucket bucket, engine::WorkerPool& pool)
      : log_(log), cache_(cache), bucket_(std::move(bucket)), pool_(pool) {}

  /// Fills at least `at_least` bytes, and what is at hand behind them. Precondition: the index
  /// knows the WAL that far.
  std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                   std::size_t at_least);

 private:
  struct Piece {
    std::uint64_t offset = 0;
    std::span<std::byte> out;
  };

  /// Whether reads follow each other, and how much more to bring then: twice as much each time. A
  /// guess, shared by all threads.
  class ReadAhead final {
   public:
    struct Range {
      std::uint64_t offset = 0;  ///< where the read begins
      std::uint64_t wanted = 0;  ///< where it may end
      std::uint64_t end = 0;     ///< where the object ends
    };
    std::uint64_t end_of_range(const UUID& wal, const Range& range, std::uint64_t most);

   private:
    std::mutex mutex_;
    UUID wal_;
    std::uint64_t end_ = 0;  // of the last request
    std::uint64_t ahead_ = 0;
  };

  void read_long(const UUID& wal, std::uint64_t offset, std::span<std::byte> out);
  void fetch_piece(const UUID& wal, const Piece& piece);
  BlockCache::Block fetch(const UUID& wal, std::uint64_t offset, std::uint64_t wanted);
  BlockCache::Block fetch_together(const UUID& wal, std::uint64_t offset, std::uint64_t wanted);
  WALIndex::Place place_of(const UUID& wal, std::uint64_t offset) const;
  SharedBytes get(const UUID& wal, std::uint64_t from, std::uint64_t size);
  std::optional<SharedBytes> try_get(const std::string& key, const WALIndex::Place& place,
                                     std::uint64_t from, std::uint64_t size);

  CommitLog& log_;
  BlockCache& cache_;
  const Bucket bucket_;
  engine::WorkerPool& pool_;
  ReadAhead read_ahead_;
  /// By where a block begins, or the object in it.
  cache::SingleFlight<AtomPointer, BlockCache::Block, cache::KeyHash> flights_;
};

}  // namespace protobase::cloud
