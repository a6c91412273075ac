// Reads a WAL of a bucket from front to back: large chunks, each fetched by several requests at
// once, the next one while this one is used.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/worker_pool.h"
#include "protobase/block_provider.h"
#include "protobase/uuid.h"

namespace protobase::storage {

/// Not thread-safe. Holds three chunks of 8 MiB at most.
class ReadAhead final {
 public:
  ReadAhead(BlockProvider& provider, engine::WorkerPool& pool, const UUID& wal, std::uint64_t end)
      : provider_(provider), pool_(pool), wal_(wal), end_(end) {}

  /// Fills `out` from `offset` of the WAL; fewer bytes only at its end. Errors as
  /// BlockProvider::read().
  std::size_t read(std::uint64_t offset, std::span<std::byte> out);

 private:
  struct Chunk {
    std::uint64_t begin = 0;
    std::shared_ptr<std::byte[]> bytes;
    std::size_t size = 0;
    std::vector<std::future<void>> pieces;  ///< on their way

    bool holds(std::uint64_t offset) const noexcept {
      return offset >= begin && offset - begin < size;
    }
  };

  Chunk fetch(std::uint64_t begin) const;
  Chunk& chunk_around(std::uint64_t offset);

  BlockProvider& provider_;
  engine::WorkerPool& pool_;
  const UUID wal_;
  const std::uint64_t end_;
  Chunk before_;  // a long record may begin there
  Chunk current_;
  std::optional<Chunk> next_;
};

}  // namespace protobase::storage
