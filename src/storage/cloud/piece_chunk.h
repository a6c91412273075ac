// Part of an object with bytes of a WAL, in memory; and how it gets there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cloud/damaged_bucket.h"
#include "cloud/log_inventory.h"
#include "cloud/log_remains.h"
#include "engine/worker_pool.h"
#include "protobase/shared_bytes.h"
#include "protobase/wal.h"

namespace protobase::storage {

/// A whole piece, unless that is longer than any object but one that holds a single record.
inline constexpr std::uint64_t kMaxChunk = std::uint64_t{64} << 20;

/// Where no record can be read, or all of it when it is not what was put there.
struct DamagedRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// From some offset on: whether it lies in damage, and where that, or what is whole, ends.
struct DamageRun {
  std::uint64_t end = 0;
  bool is_damaged = false;
};

struct PieceChunk {
  cloud::Piece piece;
  std::uint64_t begin = 0;  ///< in the WAL
  std::uint64_t end = 0;
  bool is_there = false;  ///< loading it found that so many bytes are
  Bytes bytes{};
  /// By their begin. In a WAL of version 1 what counts is the records; a chunk that begins within
  /// one is damaged up to the next. In one of the Python storage it is the hash in the key; without
  /// one that proves it, it counts as damaged.
  std::vector<DamagedRange> damage{};

  bool holds(std::uint64_t offset) const noexcept { return offset >= begin && offset < end; }
  DamageRun run_at(std::uint64_t offset) const;
  /// Whether its name has the hash of its bytes, if it is of the Python storage.
  bool has_hash() const noexcept;
};

/// The chunk of `piece` around `offset`, yet to be loaded.
PieceChunk chunk_of(const cloud::Piece& piece, std::uint64_t offset);

/// Loads chunks of a WAL, with requests for a few MiB each side by side. What seems damaged is
/// loaded once more: it may have been on the way.
void load_chunks(cloud::DamagedBucket& bucket, engine::WorkerPool& pool,
                 const cloud::WALRemains& wal, std::span<PieceChunk> chunks);

}  // namespace protobase::storage
