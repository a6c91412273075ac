#include "storage/cloud/remaining_wal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

namespace protobase::storage {
namespace {

// Small objects are fetched so many at once, in order.
constexpr std::uint64_t kBatchBytes = std::uint64_t{16} << 20;
constexpr std::size_t kBatchPieces = 64;
// Beside the chunk that is used: what a search behind damage comes back to.
constexpr std::uint64_t kMaxKeptBytes = kMaxChunk;
constexpr std::size_t kMaxKept = 4 * kBatchPieces;
// Merges that take slots away while they are read; each is of thousands.
constexpr int kMaxLooks = 16;

/// What tells pieces of a WAL apart; by their begin.
auto identity(const cloud::Piece& piece) {
  return std::tuple(piece.begin, piece.named_end, piece.slot, piece.segment_id);
}

}  // namespace

RemainingWAL::RemainingWAL(const BucketParts& parts, cloud::WALRemains remains)
    : parts_(parts), remains_(std::move(remains)) {
  index();
}

void RemainingWAL::index() {
  reach_.clear();
  std::uint64_t reach = 0;
  for (const cloud::Piece& piece : remains_.pieces) {
    reach = std::max(reach, piece.end);
    reach_.push_back(reach);
  }
}

/// The longest first: segments before the slots that they were made of.
std::vector<cloud::Piece> RemainingWAL::pieces_at(std::uint64_t offset) const {
  const auto& pieces = remains_.pieces;
  const auto behind = std::ranges::upper_bound(pieces, offset, {}, &cloud::Piece::begin);
  std::vector<cloud::Piece> found;
  for (auto i = static_cast<std::size_t>(behind - pieces.begin()); i > 0; --i) {
    if (reach_[i - 1] <= offset) break;
    if (pieces[i - 1].end > offset) found.push_back(pieces[i - 1]);
  }
  std::ranges::sort(found, std::ranges::greater(), &cloud::Piece::size);
  return found;
}

std::uint64_t RemainingWAL::next_begin(std::uint64_t offset) const {
  const auto& pieces = remains_.pieces;
  const auto next = std::ranges::upper_bound(pieces, offset, {}, &cloud::Piece::begin);
  return next == pieces.end() ? remains_.end : std::min(next->begin, remains_.end);
}

std::string RemainingWAL::key_at(std::uint64_t offset) const {
  const auto pieces = pieces_at(offset);
  return pieces.empty() ? std::string() : cloud::key_of(remains_.id, pieces.front());
}

std::size_t RemainingWAL::read(std::uint64_t offset, std::span<std::byte> out) {
  std::size_t filled = 0;
  while (filled < out.size() && offset + filled < remains_.end) {
    filled += read_some(offset + filled, out.subspan(filled));
  }
  return filled;
}

/// Up to where another piece may know better. 0: pieces have changed.
std::size_t RemainingWAL::read_some(std::uint64_t offset, std::span<std::byte> out) {
  std::uint64_t limit = std::min(next_begin(offset), offset + out.size());
  const auto copy = [&](const PieceChunk& chunk) {
    const auto size = static_cast<std::size_t>(std::min(limit, chunk.end) - offset);
    std::memcpy(out.data(), chunk.bytes.data() + (offset - chunk.begin), size);
    return size;
  };
  const auto pieces = pieces_at(offset);
  Chunk damaged;
  for (const cloud::Piece& piece : pieces) {
    const Chunk chunk = chunk_at(piece, offset);
    if (!chunk) return 0;
    if (pieces.size() == 1) return copy(*chunk);
    const DamageRun run = chunk->run_at(offset);
    limit = std::min(limit, run.end);
    if (!run.is_damaged) return copy(*chunk);
    if (!damaged) damaged = chunk;
  }
  return damaged ? copy(*damaged) : read_nothing(offset, out);
}

std::size_t RemainingWAL::read_nothing(std::uint64_t offset, std::span<std::byte> out) const {
  if (is_legacy()) {
    for (const cloud::LostRange& range : remains_.lost) {
      if (range.begin <= offset && offset < range.end) throw os::ReadError(range.reason);
    }
  }
  const auto size = std::min<std::uint64_t>(next_begin(offset) - offset, out.size());
  std::ranges::fill(out.first(static_cast<std::size_t>(size)), std::byte{0xFF});
  return static_cast<std::size_t>(size);
}

std::optional<os::FileHole> RemainingWAL::next_hole(std::uint64_t offset) const {
  const auto next = std::ranges::upper_bound(remains_.lost, offset, {}, &cloud::LostRange::end);
  if (next == remains_.lost.end()) return std::nullopt;
  return os::FileHole{next->begin, next->end};
}

/// nullptr: the pieces have changed.
RemainingWAL::Chunk RemainingWAL::chunk_at(const cloud::Piece& piece, std::uint64_t offset) {
  if (Chunk chunk = find_loaded(piece, offset)) return chunk;
  return load_from(piece, offset) ? find_loaded(piece, offset) : nullptr;
}

RemainingWAL::Chunk RemainingWAL::find_loaded(const cloud::Piece& piece,
                                              std::uint64_t offset) const {
  for (const Chunk& chunk : loaded_) {
    if (chunk->holds(offset) && identity(chunk->piece) == identity(piece)) return chunk;
  }
  return nullptr;
}

/// The chunk there, and those that follow it. False: some are gone, and the pieces have changed.
bool RemainingWAL::load_from(const cloud::Piece& piece, std::uint64_t offset) {
  std::vector<PieceChunk> batch{chunk_of(piece, offset)};
  std::uint64_t covered = batch.front().end, bytes = covered - batch.front().begin;
  auto next = std::ranges::lower_bound(remains_.pieces, covered, {}, &cloud::Piece::begin);
  for (; next != remains_.pieces.end() && batch.size() < kBatchPieces; ++next) {
    if (next->begin < covered || find_loaded(*next, next->begin)) continue;
    PieceChunk chunk = chunk_of(*next, next->begin);
    bytes += chunk.end - chunk.begin;
    if (bytes > kBatchBytes) break;
    covered = chunk.end;
    batch.push_back(std::move(chunk));
  }
  load_chunks(parts_.bucket, parts_.pool, remains_, batch);
  std::vector<cloud::Piece> gone;
  for (auto chunk = batch.rbegin(); chunk != batch.rend(); ++chunk) {
    if (chunk->is_there) {
      keep(std::move(*chunk));
    } else {
      gone.push_back(chunk->piece);
    }
  }
  if (gone.empty()) return true;
  std::ranges::reverse(gone);
  replace(gone);
  return false;
}

void RemainingWAL::keep(PieceChunk chunk) {
  if (is_legacy()) note_altered(chunk);
  loaded_bytes_ += chunk.bytes.size();
  loaded_.push_front(std::make_shared<PieceChunk>(std::move(chunk)));
  const auto has_too_much = [this] {
    return loaded_.size() > kMaxKept ||
           (loaded_.size() > 1 && loaded_bytes_ - loaded_.front()->bytes.size() > kMaxKeptBytes);
  };
  while (has_too_much()) {
    loaded_bytes_ -= loaded_.back()->bytes.size();
    loaded_.pop_back();
  }
}

/// Its records have no checksums that would tell.
void RemainingWAL::note_altered(const PieceChunk& chunk) {
  if (chunk.damage.empty()) return;
  const AtomPointer where{remains_.id, chunk.begin};
  if (std::ranges::find(altered_, where, &BadPlace::pointer) != altered_.end()) return;
  altered_.push_back(
      {where,
       fmt::format("object {}: {} that its {} bytes are those that were put there; they are "
                   "kept as they are",
                   cloud::key_of(remains_.id, chunk.piece),
                   chunk.has_hash() ? "it cannot be" : "nothing proves", chunk.bytes.size())});
}

void RemainingWAL::forget() noexcept {
  loaded_.clear();
  loaded_bytes_ = 0;
}

/// A slot that is gone by now may have been merged: what it held is in a segment then. `gone`: by
/// their begin, which differ.
void RemainingWAL::replace(const std::vector<cloud::Piece>& gone) {
  auto& pieces = remains_.pieces;
  std::erase_if(pieces, [&](const cloud::Piece& piece) {
    const auto found = std::ranges::lower_bound(gone, piece.begin, {}, &cloud::Piece::begin);
    return found != gone.end() && identity(*found) == identity(piece);
  });
  remains_.rejected.insert(remains_.rejected.end(), gone.begin(), gone.end());
  const bool has_more = looks_++ < kMaxLooks && take_up_merged();
  index();
  if (has_more) remains_.lost = without_what_pieces_have(std::move(remains_.lost));
  std::vector<cloud::LostRange> vanished;
  for (const cloud::Piece& piece : gone) {
    const std::string key = cloud::key_of(remains_.id, piece);
    const std::string refusal = parts_.bucket.refusal_of(key);
    vanished.push_back(
        {piece.begin, piece.end,
         refusal.empty() ? fmt::format("object {} vanished while it was read", key) : refusal});
  }
  vanished = without_what_pieces_have(std::move(vanished));
  const auto before = std::ssize(remains_.lost);
  std::ranges::move(vanished, std::back_inserter(remains_.lost));
  std::ranges::inplace_merge(remains_.lost, remains_.lost.begin() + before, {},
                             &cloud::LostRange::begin);
}

/// Segments that were not there when it was judged which pieces to believe. False: there are none.
bool RemainingWAL::take_up_merged() {
  auto& pieces = remains_.pieces;
  std::set<decltype(identity(pieces.front()))> known;
  for (const auto* list : {&pieces, &remains_.rejected}) {
    for (const cloud::Piece& piece : *list) known.insert(identity(piece));
  }
  const std::size_t before = pieces.size();
  auto listed = cloud::list_segments(parts_.bucket, remains_.id);
  for (const cloud::Piece& piece : listed[remains_.id]) {
    const bool is_new = !known.contains(identity(piece));
    if (is_new && is_merged(piece) && piece.size() > 0) pieces.push_back(piece);
  }
  std::ranges::stable_sort(pieces, {}, &cloud::Piece::begin);
  return pieces.size() > before;
}

/// The rest of `ranges`, which are sorted by their begin; apart from each other.
std::vector<cloud::LostRange> RemainingWAL::without_what_pieces_have(
    std::vector<cloud::LostRange> ranges) const {
  const auto& pieces = remains_.pieces;
  std::vector<cloud::LostRange> rest;
  std::uint64_t done = 0;
  for (cloud::LostRange& range : ranges) {
    range.begin = std::max(range.begin, done);
    // No piece in front of it goes so far.
    auto i = std::ranges::upper_bound(reach_, range.begin) - reach_.begin();
    for (; i < std::ssize(pieces) && range.begin < range.end; ++i) {
      const cloud::Piece& piece = pieces[static_cast<std::size_t>(i)];
      if (piece.end <= range.begin) continue;
      if (piece.begin >= range.end) break;
      if (piece.begin > range.begin) rest.push_back({range.begin, piece.begin, range.reason});
      range.begin = std::min(piece.end, range.end);
    }
    done = std::max(done, range.end);
    if (range.begin < range.end) rest.push_back(std::move(range));
  }
  return rest;
}

}  // namespace protobase::storage
