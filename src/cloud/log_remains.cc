#include "cloud/log_remains.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "cloud/legacy_segment.h"
#include "cloud/slot.h"
#include "cloud/unnamed_segments.h"
#include "cloud/wal_slots.h"
#include "format/commit_record.h"
#include "format/record.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

using format::kRecordHeaderSize;

constexpr std::uint64_t kPart = std::uint64_t{8} << 20;  // of a record, in one request

/// `key` as it should be, and what is listed of it.
std::string describe_object(const std::string& key, std::uint64_t expected,
                            const std::optional<std::uint64_t>& found) {
  if (!found) return fmt::format("object {} is missing", key);
  return fmt::format("object {}: expected {} bytes, found {}", key, expected, *found);
}

class RemainsFinder {
 public:
  /// `merged_before`: of other merges than these, which came since, nothing is said.
  RemainsFinder(DamagedBucket& bucket, engine::WorkerPool& pool,
                std::optional<std::set<std::string>> merged_before = {})
      : bucket_(bucket),
        found_(take_inventory(bucket, pool)),
        merged_before_(std::move(merged_before)) {}

  /// Keys of the segments that a merge made and the checkpoint does not know, nor a slot.
  const std::set<std::string>& unknown_merges() const noexcept { return unknown_merges_; }

  LogRemains run() {
    if (!found_.has_objects)
      throw NotFoundError(bucket_.location() + ": there is no store; look at the prefix");
    result_.store = found_.store;
    result_.root = found_.root;
    add_indexed();
    for (const FoundSlot& slot : found_.slots) add_slot(slot);
    for (std::size_t i = 0; i < found_.slots.size(); ++i) {
      if (!found_.slots[i].problem.empty()) place_unreadable(i);
    }
    for (auto& [id, pieces] : found_.segments) add_segments(id, pieces);
    if (!found_.checkpoint) note_lost_checkpoint();
    find_unknown_merges();
    vouch_for_root();
    find_missing_slots();
    for (const FoundSlot& slot : found_.slots) slots_of_[slot.wal].push_back(&slot);
    for (WALRemains& wal : wals_) judge(wal);
    for (const Gap& gap : missing_) {
      if (!gap.is_named) lose({}, describe_gap(gap));
    }
    return std::move(result_);
  }

 private:
  struct Gap {
    std::uint64_t first = 0, last = 0;
    bool is_named = false;  ///< as what a WAL lacks
  };

  void lose(const AtomPointer& where, const std::string& what) {
    result_.lost.push_back({where, what});
  }

  WALRemains& wal_of(const UUID& id) {
    const auto [place, is_new] = places_.try_emplace(id, wals_.size());
    if (is_new) wals_.push_back({id});
    return wals_[place->second];
  }

  void note_lost_checkpoint() {
    const bool has_legacy = std::ranges::any_of(
        wals_, [](const WALRemains& wal) { return wal.layout == WALLayout::kLegacyPython; });
    lose({}, found_.checkpoint_problem + ": whether the oldest slots are all there" +
                 (has_legacy ? ", and which root the Python storage set," : "") +
                 " cannot be told");
    if (found_.is_unfinished_copy) lose({}, "what an unfinished copy had not put here yet");
  }

  /// Those that are what their names say. Every one is of slots that were there before it was
  /// listed, so the log had its bytes.
  void find_unknown_merges() {
    if (!found_.checkpoint) return;
    std::unordered_map<UUID, std::uint64_t> known = unbroken_ends();
    for (const WALRemains& wal : wals_) {
      for (const Piece& piece : wal.pieces) {
        if (!is_merged(piece) || piece.named_end <= known[wal.id]) continue;
        const std::string key = key_of(wal.id, piece);
        const bool is_old = !merged_before_ || merged_before_->contains(key);
        if (is_old && is_genuine(wal.id, piece)) unknown_merges_.insert(key);
      }
    }
    if (!unknown_merges_.empty()) lose({}, describe_unknown_merge(*unknown_merges_.begin()));
  }

  /// Of the WALs, as the checkpoint knows them, and the slots behind it up to the first gap: behind
  /// that may lie the slot that a merge left.
  std::unordered_map<UUID, std::uint64_t> unbroken_ends() const {
    const std::uint64_t gap =
        found_.gaps.empty() ? std::numeric_limits<std::uint64_t>::max() : found_.gaps.front().first;
    std::unordered_map<UUID, std::uint64_t> ends;
    for (const IndexedWAL& indexed : found_.checkpoint->index.wals()) {
      ends[indexed.id] = indexed.end();
    }
    for (const FoundSlot& slot : found_.slots) {
      if (slot.number >= gap) break;
      ends[slot.wal] = std::max(ends[slot.wal], slot.end);
    }
    return ends;
  }

  void add_indexed() {
    if (!found_.checkpoint) return;
    result_.inherited_root = found_.checkpoint->inherited_root;
    for (const IndexedWAL& indexed : found_.checkpoint->index.wals()) {
      WALRemains& wal = wal_of(indexed.id);
      wal.layout = indexed.layout;
      layout_is_known_.insert(indexed.id);
      wal.sure_end = indexed.end();
    }
  }

  // --- where the pieces lie

  void add_slot(const FoundSlot& slot) {
    if (slot.wal.is_nil()) return;
    WALRemains& wal = wal_of(slot.wal);
    layout_is_known_.insert(slot.wal);
    wal.sure_end = std::max(wal.sure_end, slot.end);
    const std::uint64_t there =
        std::min(slot.object_size - kSlotHeaderSize, slot.end - slot.inline_begin);
    if (there == 0) return;
    wal.pieces.push_back({slot.inline_begin, slot.inline_begin + there, slot.end, slot.number, {}});
  }

  /// A slot whose header is damaged lies where the checkpoint says, or where the slots beside it
  /// leave room; its records tell whether that is so.
  void place_unreadable(std::size_t i) {
    FoundSlot& slot = found_.slots[i];
    for (const FoundSlot& guess : guesses_for(i)) {
      const Piece piece{guess.begin, guess.end, guess.end, slot.number, {}};
      if (guess.begin < kWALFirstRecordOffset || !is_genuine(guess.wal, piece)) continue;
      slot.wal = guess.wal;
      slot.begin = slot.inline_begin = guess.begin;
      slot.end = guess.end;
      add_slot(slot);
      return lose({}, slot.problem + "; its bytes were found all the same");
    }
    lose({}, slot.problem);
  }

  std::vector<FoundSlot> guesses_for(std::size_t i) const {
    const FoundSlot& slot = found_.slots[i];
    std::vector<FoundSlot> guesses;
    if (slot.object_size <= kSlotHeaderSize) return guesses;
    const auto guess = [&](const UUID& wal, std::uint64_t begin, std::uint64_t end) {
      guesses.push_back({slot.number, slot.object_size, {}, {}, {}, wal, begin, begin, end});
    };
    if (found_.checkpoint) {
      for (const IndexedWAL& wal : found_.checkpoint->index.wals()) {
        std::uint64_t begin = wal.begin();
        for (const Extent& extent : wal.extents) {
          if (extent.slot == slot.number) guess(wal.id, begin, extent.end);
          begin = extent.end;
        }
      }
    }
    std::uint64_t size = slot.object_size - kSlotHeaderSize;
    size -= size % format::kRecordAlignment;  // the last byte may be padding
    const FoundSlot* before = i == 0 ? nullptr : &found_.slots[i - 1];
    const FoundSlot* behind = i + 1 == found_.slots.size() ? nullptr : &found_.slots[i + 1];
    if (before != nullptr && !before->wal.is_nil()) {
      guess(before->wal, before->end, before->end + size);
    }
    if (behind != nullptr && !behind->wal.is_nil() && behind->begin >= size) {
      guess(behind->wal, behind->begin - size, behind->begin);
    }
    return guesses;
  }

  void add_segments(const UUID& id, const std::vector<Piece>& pieces) {
    // Parts of a WAL of the Python storage are too long to begin there.
    const bool has_first_record = std::ranges::any_of(
        pieces, [](const Piece& piece) { return piece.begin == kWALFirstRecordOffset; });
    const bool is_known = layout_is_known_.contains(id) || has_first_record;
    for (const Piece& piece : pieces) {
      const bool looks_legacy = piece.begin < kWALFirstRecordOffset;
      // A WAL of the Python storage comes with hashes in its names, and no name makes one of
      // another.
      if (looks_legacy && !is_known && piece.segment_id.is_nil()) continue;
      WALRemains& wal = wal_of(id);
      if (looks_legacy && !is_known) wal.layout = WALLayout::kLegacyPython;
      if (piece.begin >= wal.begin()) wal.pieces.push_back(piece);
    }
  }

  /// A commit record was in a slot before anything named it.
  void vouch_for_root() {
    if (!result_.root) return;
    for (const AtomPointer& commit : {result_.root->commit, result_.root->previous_commit}) {
      const auto place = places_.find(commit.transaction_id);
      if (place == places_.end() || commit.offset >= kMaxWALSize) continue;
      std::uint64_t& end = wals_[place->second].sure_end;
      end = std::max(end, commit.offset + format::stored_size(format::kCommitPayloadSize));
    }
  }

  /// Gaps in the numbers that no merge can have made.
  void find_missing_slots() {
    const bool is_newest = found_.checkpoint && unknown_merges_.empty();
    const std::uint64_t merged_below = is_newest ? 0 : first_unmerged();
    for (const auto& [first, last] : found_.gaps) {
      if (last >= merged_below) missing_.push_back({first, last});
    }
  }

  /// Without the newest checkpoint: the first slot that lies in no segment of a merge. Merges go
  /// from the first slot on.
  std::uint64_t first_unmerged() const {
    bool was_merged = false;
    for (const auto& [id, pieces] : found_.segments) {
      was_merged |= std::ranges::any_of(pieces, &is_merged);
    }
    if (!was_merged) return 1;
    for (const FoundSlot& slot : found_.slots) {
      const auto segments = found_.segments.find(slot.wal);
      const bool is_left_over =
          slot.wal.is_nil() ||
          (segments != found_.segments.end() &&
           std::ranges::any_of(segments->second, [&](const Piece& piece) {
             return is_merged(piece) && piece.begin <= slot.inline_begin && slot.end <= piece.end;
           }));
      if (!is_left_over) return slot.number;
    }
    return std::numeric_limits<std::uint64_t>::max();
  }

  // --- what of a WAL is there

  void judge(WALRemains& wal) {
    const auto order = [](const Piece& a, const Piece& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
    };
    std::ranges::sort(wal.pieces, order);
    believe_pieces(wal);
    find_lost_ranges(wal);
    const bool is_empty = wal.pieces.empty() && wal.end == wal.begin();
    if (!wal.pieces.empty() || (is_empty && wal.layout == WALLayout::kLegacyPython)) {
      if (wal.end > wal.sure_end && wal.layout == WALLayout::kVersion1) note_doubt(wal);
      result_.wals.push_back(std::move(wal));
      return;
    }
    for (const LostRange& range : wal.lost) {
      lose({wal.id, range.begin},
           fmt::format("{} bytes: {}", range.end - range.begin, range.reason));
    }
  }

  void note_doubt(const WALRemains& wal) {
    lose({wal.id, wal.sure_end},
         fmt::format("nothing is lost here, but the {} bytes from here on were perhaps never "
                     "acknowledged: no slot that is left names their objects",
                     wal.end - wal.sure_end));
  }

  /// What the log vouches for is where its name says, and so is what continues it. A name that
  /// leaves a gap, or has another length than its object, must be proven by what is in the object:
  /// else it might make any WAL of any length.
  void believe_pieces(WALRemains& wal) {
    std::vector<Piece> believed;
    std::uint64_t covered = wal.begin();
    for (const Piece& piece : wal.pieces) {
      const bool is_vouched_for = piece.slot != 0 || piece.named_end <= wal.sure_end;
      const bool goes_on = piece.begin <= std::max(covered, wal.sure_end);
      const bool is_cut = piece.end != piece.named_end;
      if (!is_vouched_for && (!goes_on || is_cut) && !is_genuine(wal.id, piece)) {
        const std::string key = key_of(wal.id, piece), refusal = bucket_.refusal_of(key);
        lose({wal.id, piece.begin},
             refusal.empty() ? fmt::format("object {}: what it should hold is not in it", key)
                             : refusal);
        wal.rejected.push_back(piece);
        continue;
      }
      covered = std::max(covered, piece.named_end);
      // Behind what nothing vouches for, a name alone does not make that committed.
      const bool is_sure =
          is_merged(piece) &&
          (piece.begin <= std::max(wal.sure_end, wal.begin()) || is_genuine(wal.id, piece));
      if (is_sure) wal.sure_end = std::max(wal.sure_end, piece.named_end);
      (piece.size() > 0 ? believed : wal.rejected).push_back(piece);
    }
    wal.pieces = std::move(believed);
    wal.sure_end = std::max(wal.sure_end, wal.begin());
    wal.end = std::max(wal.sure_end, covered);
  }

  /// Whether its first record is of this WAL and place; of a copy, whether its bytes have that
  /// name. Looks again when not: it may have been damaged on the way.
  bool is_genuine(const UUID& wal, const Piece& piece) const {
    return proves_itself(wal, piece) || proves_itself(wal, piece);
  }

  bool proves_itself(const UUID& wal, const Piece& piece) const {
    if (begins_with_record(wal, piece)) return true;
    const bool has_hash = !piece.segment_id.is_nil() && piece.end == piece.named_end &&
                          piece.size() <= kMaxLegacySegment;
    return has_hash && base::xxh3_128(read(wal, piece, 0, piece.size())) == piece.segment_id.bytes;
  }

  /// However long the header says that the record is, no more than a part of it is in memory.
  bool begins_with_record(const UUID& wal, const Piece& piece) const {
    const Bytes head = read(wal, piece, 0, kRecordHeaderSize);
    format::RecordHeader header;
    if (head.size() < kRecordHeaderSize ||
        format::parse_header(head, header) != format::HeaderState::kValid ||
        piece.size() - kRecordHeaderSize < header.payload_size) {
      return false;
    }
    base::HashStream hash;
    for (std::uint64_t at = 0; at < header.payload_size;) {
      const std::uint64_t size = std::min<std::uint64_t>(kPart, header.payload_size - at);
      const Bytes part = read(wal, piece, kRecordHeaderSize + at, size);
      if (part.size() < size) return false;
      hash.add(part);
      at += size;
    }
    return format::verify_record(std::span(head).first<kRecordHeaderSize>(), hash.value(),
                                 {wal, piece.begin});
  }

  /// Bytes of a piece; fewer when it has not so many, or is gone.
  Bytes read(const UUID& wal, const Piece& piece, std::uint64_t at, std::uint64_t size) const {
    if (at + size > piece.size() || size == 0) return {};
    CloudGetOptions options;
    options.range = CloudRange{(piece.slot != 0 ? kSlotHeaderSize : 0) + at, size};
    options.max_bytes = size;
    const CloudGetResult got = bucket_.get(key_of(wal, piece), options);
    const auto bytes = got.object.bytes.span();
    return {bytes.begin(), bytes.end()};
  }

  // --- what of it is not

  void find_lost_ranges(WALRemains& wal) {
    std::vector<const FoundSlot*> slots = std::move(slots_of_[wal.id]);
    slots_ = WALSlots(std::move(slots));
    cut_pieces_.clear();
    std::ranges::copy_if(wal.pieces, std::back_inserter(cut_pieces_),
                         [](const Piece& piece) { return piece.end != piece.named_end; });
    std::uint64_t covered = wal.begin();
    const auto lack = [&](std::uint64_t end) {
      while (covered < end) {
        LostRange range = first_lost(wal, covered, end);
        covered = range.end;
        wal.lost.push_back(std::move(range));
      }
    };
    for (const Piece& piece : wal.pieces) {
      lack(piece.begin);
      covered = std::max(covered, piece.end);
    }
    lack(wal.end);
  }

  /// The first part of [begin, end), as the one who knows most calls it.
  LostRange first_lost(const WALRemains& wal, std::uint64_t begin, std::uint64_t end) {
    const auto until = [&](std::uint64_t limit, std::string reason) {
      return LostRange{begin, std::min(end, limit), std::move(reason)};
    };
    if (const auto indexed = find_indexed(wal.id, begin)) {
      return until(indexed->named_end, describe_piece(wal.id, *indexed));
    }
    for (const Piece& piece : cut_pieces_) {
      if (piece.end <= begin && begin < piece.named_end) {
        return until(piece.named_end, describe_piece(wal.id, piece));
      }
    }
    if (const FoundSlot* const slot = slots_.find(begin)) {
      return until(begin < slot->inline_begin ? slot->inline_begin : slot->end,
                   describe_part(*slot, begin, std::min(end, slot->inline_begin)));
    }
    const auto [before, behind, limit] = slots_.around(begin, end);
    return until(limit, describe_missing_between(before, behind));
  }

  std::optional<Piece> find_indexed(const UUID& wal, std::uint64_t offset) const {
    if (!found_.checkpoint) return std::nullopt;
    const auto place = found_.checkpoint->index.find_place(wal, offset);
    if (!place) return std::nullopt;
    const Extent& extent = place->extent;
    return Piece{place->begin, extent.end, extent.end, extent.slot, extent.segment_id};
  }

  std::string describe_piece(const UUID& wal, const Piece& piece) const {
    const FoundSlot* const slot = find_slot(piece.slot);
    if (slot != nullptr && !slot->problem.empty()) return slot->problem;
    const std::uint64_t in_front = piece.slot != 0 ? kSlotHeaderSize : 0;
    return describe_object(key_of(wal, piece), in_front + piece.named_end - piece.begin,
                           slot != nullptr ? slot->object_size : listed_size(wal, piece));
  }

  const FoundSlot* find_slot(std::uint64_t number) const {
    const auto slot = std::ranges::lower_bound(found_.slots, number, {}, &FoundSlot::number);
    return slot != found_.slots.end() && slot->number == number ? &*slot : nullptr;
  }

  std::optional<std::uint64_t> listed_size(const UUID& wal, const Piece& piece) const {
    if (piece.slot != 0) return std::nullopt;
    const auto segments = found_.segments.find(wal);
    if (segments == found_.segments.end()) return std::nullopt;
    const auto found = std::ranges::find_if(segments->second, [&](const Piece& listed) {
      return listed.begin == piece.begin && listed.named_end == piece.named_end &&
             listed.segment_id == piece.segment_id;
    });
    return found == segments->second.end() ? std::nullopt : std::optional(found->size());
  }

  /// What a slot names, and is not there: its own body, or segments.
  std::string describe_part(const FoundSlot& slot, std::uint64_t begin,
                            std::uint64_t segments_end) const {
    if (begin >= slot.inline_begin) {
      const Piece body{slot.inline_begin, slot.end, slot.end, slot.number, {}};
      return describe_piece(slot.wal, body);
    }
    return fmt::format("object {} is missing, or several with these bytes",
                       segment_key({slot.wal, begin, segments_end, slot.commit_id}));
  }

  /// Slots of a WAL that follow slot `before` and come before `behind`.
  std::string describe_missing_between(std::uint64_t before, std::uint64_t behind) {
    std::string names;
    const auto add = [&](const std::string& name) { names += (names.empty() ? "" : ", ") + name; };
    for (auto gap = std::ranges::upper_bound(missing_, before, {}, &Gap::last);
         gap != missing_.end() && gap->first < behind; ++gap) {
      gap->is_named = true;
      add(describe_gap(*gap));
    }
    for (auto slot = std::ranges::upper_bound(found_.slots, before, {}, &FoundSlot::number);
         slot != found_.slots.end() && slot->number < behind; ++slot) {
      if (slot->wal.is_nil()) add("object " + slot_key(slot->number) + " is damaged");
    }
    return names.empty() ? "the object with these bytes is missing" : names;
  }

  static std::string describe_gap(const Gap& gap) {
    if (gap.first == gap.last) return fmt::format("object {} is missing", slot_key(gap.first));
    return fmt::format("objects {} to {} are missing", slot_key(gap.first), slot_key(gap.last));
  }

  DamagedBucket& bucket_;
  LogInventory found_;
  std::vector<WALRemains> wals_;
  std::unordered_map<UUID, std::size_t> places_;  ///< in wals_
  std::vector<Gap> missing_;                      ///< by their numbers
  std::unordered_map<UUID, std::vector<const FoundSlot*>> slots_of_;
  WALSlots slots_;                  ///< of the WAL that is judged,
  std::vector<Piece> cut_pieces_;   ///< and its pieces that are cut short
  std::set<UUID> layout_is_known_;  ///< by the checkpoint or a slot
  const std::optional<std::set<std::string>> merged_before_;
  std::set<std::string> unknown_merges_;
  LogRemains result_;
};

}  // namespace

LogRemains find_remains(DamagedBucket& bucket, engine::WorkerPool& pool) {
  RemainsFinder finder(bucket, pool);
  LogRemains remains = finder.run();
  if (finder.unknown_merges().empty()) return remains;
  // Perhaps of slots that were put and merged while this looked: then the log has them by now.
  return RemainsFinder(bucket, pool, finder.unknown_merges()).run();
}

}  // namespace protobase::cloud
