#include "storage/cloud/piece_chunk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "cloud/slot.h"
#include "engine/for_all.h"
#include "protobase/storage.h"
#include "wal/scanner.h"

namespace protobase::storage {
namespace {

constexpr std::uint64_t kRequest = std::uint64_t{8} << 20;

bool is_whole(const PieceChunk& chunk) {
  return chunk.begin == chunk.piece.begin && chunk.end == chunk.piece.end;
}

/// What one request fetches.
struct Part {
  PieceChunk* chunk = nullptr;
  std::uint64_t at = 0;  ///< in the chunk
  std::uint64_t size = 0;
  bool is_there = false;
};

std::vector<Part> split(std::span<PieceChunk> chunks) {
  std::vector<Part> parts;
  for (PieceChunk& chunk : chunks) {
    const std::uint64_t size = chunk.end - chunk.begin;
    chunk.bytes.resize(static_cast<std::size_t>(size));
    for (std::uint64_t at = 0; at < size; at += kRequest) {
      parts.push_back({&chunk, at, std::min(kRequest, size - at)});
    }
  }
  return parts;
}

void find_damage(const cloud::WALRemains& wal, PieceChunk& chunk) {
  if (wal.layout == WALLayout::kLegacyPython) {
    const bool is_proven =
        chunk.has_hash() && base::xxh3_128(chunk.bytes) == chunk.piece.segment_id.bytes;
    if (!is_proven) chunk.damage.push_back({chunk.begin, chunk.end});
    return;
  }
  wal::WindowReader window([&](std::uint64_t offset, std::span<std::byte> out) {
    const auto size = std::min<std::size_t>(out.size(), chunk.end - std::min(offset, chunk.end));
    if (size > 0) std::memcpy(out.data(), chunk.bytes.data() + (offset - chunk.begin), size);
    return size;
  });
  wal::scan_records({wal.id, chunk.begin, chunk.end, chunk.end}, window,
                    [&](const RecordInfo& info, std::span<const std::byte>) {
                      const std::uint64_t begin = info.pointer.offset;
                      if (info.kind == RecordKind::kBad) {
                        chunk.damage.push_back({begin, begin + info.stored_size});
                      }
                      return true;
                    });
}

std::uint64_t damaged_bytes(const PieceChunk& chunk) {
  std::uint64_t sum = 0;
  for (const DamagedRange& range : chunk.damage) sum += range.end - range.begin;
  return sum;
}

class ChunkLoader {
 public:
  ChunkLoader(cloud::DamagedBucket& bucket, engine::WorkerPool& pool, const cloud::WALRemains& wal)
      : bucket_(bucket), pool_(pool), wal_(wal) {}

  void load(std::span<PieceChunk> chunks) {
    std::vector<Part> parts = split(chunks);
    engine::for_all(pool_, std::span(parts),
                    [this](Part& part) { part.is_there = fetch(part) || fetch(part); });
    for (PieceChunk& chunk : chunks) chunk.is_there = true;
    for (const Part& part : parts) part.chunk->is_there &= part.is_there;
    engine::for_all(pool_, chunks, [this](PieceChunk& chunk) {
      if (chunk.is_there) find_damage(wal_, chunk);
    });
  }

 private:
  /// False: not so many bytes are there.
  bool fetch(const Part& part) const {
    const PieceChunk& chunk = *part.chunk;
    const std::uint64_t in_front = chunk.piece.slot != 0 ? cloud::kSlotHeaderSize : 0;
    CloudGetOptions options;
    options.range = CloudRange{in_front + (chunk.begin - chunk.piece.begin) + part.at, part.size};
    const CloudGetResult got = bucket_.get(cloud::key_of(wal_.id, chunk.piece), options);
    const auto bytes = got.object.bytes.span();
    if (got.status != CloudGetStatus::kFound || bytes.size() != part.size) return false;
    std::memcpy(part.chunk->bytes.data() + part.at, bytes.data(), bytes.size());
    return true;
  }

  cloud::DamagedBucket& bucket_;
  engine::WorkerPool& pool_;
  const cloud::WALRemains& wal_;
};

}  // namespace

PieceChunk chunk_of(const cloud::Piece& piece, std::uint64_t offset) {
  const std::uint64_t begin = offset - (offset - piece.begin) % kMaxChunk;
  return {piece, begin, std::min(piece.end, begin + kMaxChunk)};
}

/// The id of a copied segment is a hash of its bytes.
bool PieceChunk::has_hash() const noexcept {
  return is_whole(*this) && piece.end == piece.named_end && piece.slot == 0 &&
         !piece.segment_id.is_nil();
}

DamageRun PieceChunk::run_at(std::uint64_t offset) const {
  const auto next = std::ranges::upper_bound(damage, offset, {}, &DamagedRange::end);
  if (next == damage.end()) return {end, false};
  if (offset < next->begin) return {next->begin, false};
  return {std::min(end, next->end), true};
}

void load_chunks(cloud::DamagedBucket& bucket, engine::WorkerPool& pool,
                 const cloud::WALRemains& wal, std::span<PieceChunk> chunks) {
  ChunkLoader loader(bucket, pool, wal);
  loader.load(chunks);
  for (PieceChunk& chunk : chunks) {
    // Part of a long record seems damaged whenever it is looked at alone.
    if (!chunk.is_there || chunk.damage.empty() || !is_whole(chunk)) continue;
    PieceChunk again = chunk_of(chunk.piece, chunk.begin);
    loader.load({&again, 1});
    const bool is_better = again.is_there && damaged_bytes(again) < damaged_bytes(chunk);
    if (is_better) chunk = std::move(again);
  }
}

}  // namespace protobase::storage
