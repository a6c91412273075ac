// The bytes of a WAL in a damaged bucket, read as those of a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cloud/damaged_bucket.h"
#include "cloud/log_remains.h"
#include "engine/worker_pool.h"
#include "os/file_system.h"
#include "storage/cloud/piece_chunk.h"

namespace protobase::storage {

/// What the reading of pieces needs.
struct BucketParts {
  cloud::DamagedBucket& bucket;
  engine::WorkerPool& pool;
};

/// For one thread. What no object has reads as 0xFF, which no record begins with; of a legacy WAL,
/// which has no checksums, it cannot be read (os::ReadError).
///
/// Invariant: the ranges that are lost are those that no piece has.
class RemainingWAL final {
 public:
  RemainingWAL(const BucketParts& parts, cloud::WALRemains remains);

  const cloud::WALRemains& remains() const noexcept { return remains_; }
  /// Of a legacy WAL: pieces that are not what was put there, or that nothing proves to be.
  const std::vector<BadPlace>& altered() const noexcept { return altered_; }
  /// The key of an object with the byte at `offset`; empty: there is none.
  std::string key_at(std::uint64_t offset) const;

  /// From remains().begin() on; fewer bytes only at the end. Errors as of the client.
  std::size_t read(std::uint64_t offset, std::span<std::byte> out);
  /// As os::File::next_hole(): what no piece has.
  std::optional<os::FileHole> next_hole(std::uint64_t offset) const;
  /// Gives back the memory.
  void forget() noexcept;

 private:
  using Chunk = std::shared_ptr<const PieceChunk>;

  bool is_legacy() const noexcept { return remains_.layout == WALLayout::kLegacyPython; }
  void index();
  std::vector<cloud::Piece> pieces_at(std::uint64_t offset) const;
  std::uint64_t next_begin(std::uint64_t offset) const;
  std::size_t read_some(std::uint64_t offset, std::span<std::byte> out);
  std::size_t read_nothing(std::uint64_t offset, std::span<std::byte> out) const;
  Chunk chunk_at(const cloud::Piece& piece, std::uint64_t offset);
  Chunk find_loaded(const cloud::Piece& piece, std::uint64_t offset) const;
  bool load_from(const cloud::Piece& piece, std::uint64_t offset);
  void keep(PieceChunk chunk);
  void note_altered(const PieceChunk& chunk);
  void replace(const std::vector<cloud::Piece>& gone);
  bool take_up_merged();
  std::vector<cloud::LostRange> without_what_pieces_have(
      std::vector<cloud::LostRange> ranges) const;

  const BucketParts parts_;
  cloud::WALRemains remains_;
  std::vector<std::uint64_t> reach_;  ///< how far the pieces up to each go
  std::deque<Chunk> loaded_;          ///< the newest first
  std::uint64_t loaded_bytes_ = 0;
  int looks_ = 0;  ///< for objects in place of those that were gone
  std::vector<BadPlace> altered_;
};

}  // namespace protobase::storage
