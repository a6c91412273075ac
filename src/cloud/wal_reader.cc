#include "cloud/wal_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "cloud/slot.h"
#include "cloud/way_out.h"
#include "engine/for_all.h"
#include "protobase/errors.h"

namespace protobase::cloud {

namespace {
// Of a long read, what one request fetches.
constexpr std::uint64_t kPiece = std::uint64_t{8} << 20;
// Of what is read in order, the most that one request brings beyond what is needed: requests cost
// more than bytes, and this is the size from which on they no longer do.
constexpr std::uint64_t kMostAhead = std::uint64_t{1} << 20;
// A read that begins so near behind the last one goes on with it; it brings as much more.
constexpr std::uint64_t kStep = 64 * 1024;
// What is asked for behind the bytes needed is fetched with them up to this: mostly the record
// whose header is needed.
constexpr std::size_t kReadOn = 4096;

/// What `block` has of `out`, which begins at `offset`.
std::size_t copy(const BlockCache::Block& block, std::uint64_t offset, std::span<std::byte> out) {
  const auto here = block.bytes.span().subspan(offset - block.begin);
  const std::size_t size = std::min(here.size(), out.size());
  std::memcpy(out.data(), here.data(), size);
  return size;
}
}  // namespace

std::size_t WALReader::read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                            std::size_t at_least) {
  const UUID key = block_key(log_.known().store(), wal);
  std::size_t filled = cache_.read(key, offset, out);
  if (filled < at_least && at_least - filled > kPiece) {
    read_long(wal, offset + filled, out.subspan(filled, at_least - filled));
    return at_least;
  }
  while (filled < at_least) {
    const std::uint64_t at = offset + filled;
    const auto rest = out.subspan(filled);
    const auto wanted = std::max(at_least - filled, std::min(rest.size(), kReadOn));
    filled += copy(
        wanted > cache_.block_size() ? fetch(wal, at, wanted) : fetch_together(wal, at, wanted), at,
        rest);
    if (filled < at_least) filled += cache_.read(key, offset + filled, out.subspan(filled));
  }
  return filled;
}

void WALReader::read_long(const UUID& wal, std::uint64_t offset, std::span<std::byte> out) {
  std::vector<Piece> pieces;
  for (std::uint64_t at = 0; at < out.size(); at += kPiece) {
    pieces.push_back({offset + at, out.subspan(at, std::min(kPiece, out.size() - at))});
  }
  engine::for_all(pool_, std::span(pieces), [&](const Piece& piece) { fetch_piece(wal, piece); });
}

void WALReader::fetch_piece(const UUID& wal, const Piece& piece) {
  for (std::size_t filled = 0; filled < piece.out.size();) {
    const std::uint64_t at = piece.offset + filled;
    const auto rest = piece.out.subspan(filled);
    filled += copy(fetch(wal, at, rest.size()), at, rest);
  }
}

/// Waits for the block around `offset` when it is on its way to another thread already.
BlockCache::Block WALReader::fetch_together(const UUID& wal, std::uint64_t offset,
                                            std::uint64_t wanted) {
  const UUID key = block_key(log_.known().store(), wal);
  const auto load = [&] {
    // It may have come since the cache was asked.
    const auto cached = cache_.find(key, offset);
    return cached ? *cached : fetch(wal, offset, wanted);
  };
  const std::uint64_t block_begin = offset - offset % cache_.block_size();
  const std::uint64_t begin = std::max(place_of(wal, offset).begin, block_begin);
  const BlockCache::Block block = flights_.run({wal, begin}, load);
  // What another one needed may begin behind `offset`, or end before it.
  return block.has(offset) ? block : load();
}

/// One request: the block around `offset`, or as many bytes that do not end with it, or more if so
/// much is wanted; as far as its object goes.
BlockCache::Block WALReader::fetch(const UUID& wal, std::uint64_t offset, std::uint64_t wanted) {
  const WALIndex::Place place = place_of(wal, offset);
  const std::uint64_t block = cache_.block_size();
  const std::uint64_t block_end = (offset / block + 1) * block;
  const std::uint64_t end = std::max(block_end, offset + wanted);
  const std::uint64_t from = std::max(place.begin, std::min(offset, end - block));
  const std::uint64_t most = std::min(kMostAhead, cache_.may_hold() / 4);
  const std::uint64_t to = read_ahead_.end_of_range(
      wal, {.offset = offset, .wanted = end, .end = place.extent.end}, most);
  BlockCache::Block fetched{from, get(wal, from, to - from)};
  cache_.put(block_key(log_.known().store(), wal), from, fetched.bytes.span());
  return fetched;
}

WALIndex::Place WALReader::place_of(const UUID& wal, std::uint64_t offset) const {
  if (const auto place = log_.known().find_place(wal, offset)) return *place;
  throw NotFoundError(fmt::format("{}: WAL {} has no bytes at offset {}", bucket_.location(),
                                  wal.to_string(), offset));
}

/// Where a request for `range` is to end.
std::uint64_t WALReader::ReadAhead::end_of_range(const UUID& wal, const Range& range,
                                                 std::uint64_t most) {
  const std::lock_guard lock(mutex_);
  const bool goes_on = wal == wal_ && range.offset >= end_ && range.offset - end_ < kStep;
  ahead_ = goes_on ? std::min(std::max(ahead_ * 2, kStep), most) : 0;
  wal_ = wal;
  end_ = std::min(range.end, range.wanted + ahead_);
  return end_;
}

SharedBytes WALReader::get(const UUID& wal, std::uint64_t from, std::uint64_t size) {
  // A short answer may be a fault on the way; an absent object may have been merged away.
  constexpr int kTries = 3;
  for (int tries = 0;; ++tries) {
    const auto place = log_.known().find_place(wal, from);
    const std::string key = object_key(wal, place->begin, place->extent);
    const auto bytes = try_get(key, *place, from, size);
    if (bytes && bytes->size() == size) return *bytes;
    if (tries + 1 == kTries) {
      const std::string what =
          bytes ? fmt::format("{} of {} bytes came", bytes->size(), size) : "it is missing";
      throw CorruptionError(
          {wal, from}, fmt::format("{}, object {}: {}{}", bucket_.location(), key, what, kWayOut));
    }
    log_.refresh();
  }
}

/// nullopt: the object is missing.
std::optional<SharedBytes> WALReader::try_get(const std::string& key, const WALIndex::Place& place,
                                              std::uint64_t from, std::uint64_t size) {
  const std::uint64_t header = place.extent.slot != 0 ? kSlotHeaderSize : 0;
  CloudGetOptions options;
  options.range = CloudRange{from - place.begin + header, std::min(size, place.extent.end - from)};
  const CloudGetResult got = bucket_.get(key, options);
  return got.status == CloudGetStatus::kFound ? std::optional(got.object.bytes) : std::nullopt;
}

}  // namespace protobase::cloud
