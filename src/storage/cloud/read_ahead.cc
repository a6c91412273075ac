#include "storage/cloud/read_ahead.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace protobase::storage {
namespace {

constexpr std::uint64_t kChunk = std::uint64_t{8} << 20;
// One request's share, or one thread's where it lies in many small objects.
constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;

}  // namespace

std::size_t ReadAhead::read(std::uint64_t offset, std::span<std::byte> out) {
  std::size_t filled = 0;
  while (filled < out.size() && offset + filled < end_) {
    const Chunk& chunk = chunk_around(offset + filled);
    const std::size_t at = offset + filled - chunk.begin;
    const std::size_t size = std::min(out.size() - filled, chunk.size - at);
    std::memcpy(out.data() + filled, chunk.bytes.get() + at, size);
    filled += size;
  }
  return filled;
}

ReadAhead::Chunk& ReadAhead::chunk_around(std::uint64_t offset) {
  if (before_.holds(offset)) return before_;
  if (current_.holds(offset)) return current_;
  Chunk chunk = next_ && next_->holds(offset) ? std::move(*next_) : fetch(offset);
  next_.reset();
  const std::uint64_t behind = chunk.begin + chunk.size;
  if (behind < end_) next_ = fetch(behind);
  for (std::future<void>& piece : chunk.pieces) piece.get();
  before_ = std::exchange(current_, std::move(chunk));
  return current_;
}

/// Begins to.
ReadAhead::Chunk ReadAhead::fetch(std::uint64_t begin) const {
  Chunk chunk;
  chunk.begin = begin;
  chunk.size = static_cast<std::size_t>(std::min(kChunk, end_ - begin));
  chunk.bytes = std::make_shared_for_overwrite<std::byte[]>(chunk.size);
  for (std::size_t at = 0; at < chunk.size; at += kPiece) {
    const std::size_t size = std::min<std::size_t>(kPiece, chunk.size - at);
    // The task holds the bytes: whoever gives up on the chunk does not wait for it.
    auto task = std::make_shared<std::packaged_task<void()>>(
        [&provider = provider_, wal = wal_, begin, at, size, bytes = chunk.bytes] {
          provider.read(wal, begin + at, {bytes.get() + at, size}, size);
        });
    chunk.pieces.push_back(task->get_future());
    pool_.submit([task] { (*task)(); });
  }
  return chunk;
}

}  // namespace protobase::storage
