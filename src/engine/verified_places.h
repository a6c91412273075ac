// At which places of one WAL records were verified: a bit for every place where a record can start,
// in chunks that come with the first record verified there. A bit is never taken back.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "format/record.h"

namespace protobase::engine {

/// Thread-safe but for cover(). At most 1/64 of what is covered in memory.
class VerifiedPlaces final {
 public:
  VerifiedPlaces() = default;
  ~VerifiedPlaces() {
    for (const std::atomic<Chunk*>& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
  }
  VerifiedPlaces(const VerifiedPlaces&) = delete;
  VerifiedPlaces& operator=(const VerifiedPlaces&) = delete;

  /// Makes offsets below `size` possible; once, before the others.
  void cover(std::uint64_t size) {
    chunks_ = std::vector<std::atomic<Chunk*>>(static_cast<std::size_t>(size / kChunkCovers) + 1);
  }

  /// Precondition of both: covered, and a record can start there. Whoever sees a bit reads what was
  /// durable before the record was verified, so that no order is needed.
  bool contains(std::uint64_t offset) const noexcept {
    const Chunk* chunk = chunk_of(offset).load(std::memory_order_acquire);
    return chunk != nullptr &&
           (chunk->words[word_of(offset)].load(std::memory_order_relaxed) & bit_of(offset)) != 0;
  }
  /// Throws std::bad_alloc, changing nothing.
  void add(std::uint64_t offset) {
    std::atomic<Chunk*>& place = chunk_of(offset);
    Chunk* chunk = place.load(std::memory_order_acquire);
    if (chunk == nullptr) {
      auto fresh = std::make_unique<Chunk>();
      // False when somebody was quicker: `chunk` is theirs then.
      if (place.compare_exchange_strong(chunk, fresh.get())) chunk = fresh.release();
    }
    chunk->words[word_of(offset)].fetch_or(bit_of(offset), std::memory_order_relaxed);
  }

 private:
  using Word = std::atomic<std::uint64_t>;
  static constexpr std::size_t kChunkWords = 512;  // 4 KiB
  static constexpr std::uint64_t kChunkPlaces = kChunkWords * 64;
  static constexpr std::uint64_t kChunkCovers = kChunkPlaces * format::kRecordAlignment;
  struct Chunk {
    std::array<Word, kChunkWords> words{};
  };

  const std::atomic<Chunk*>& chunk_of(std::uint64_t offset) const noexcept {
    return chunks_[static_cast<std::size_t>(offset / kChunkCovers)];
  }
  std::atomic<Chunk*>& chunk_of(std::uint64_t offset) noexcept {
    return chunks_[static_cast<std::size_t>(offset / kChunkCovers)];
  }
  static std::size_t word_of(std::uint64_t offset) noexcept {
    return static_cast<std::size_t>(offset / format::kRecordAlignment % kChunkPlaces / 64);
  }
  static std::uint64_t bit_of(std::uint64_t offset) noexcept {
    return std::uint64_t{1} << (offset / format::kRecordAlignment % 64);
  }

  std::vector<std::atomic<Chunk*>> chunks_;
};

}  // namespace protobase::engine
