#include "cloud/log_inventory.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <span>
#include <utility>

#include "cloud/copy_marker.h"
#include "cloud/slot.h"
#include "engine/for_all.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

// Merges and commits that come between. A store whose log is changed faster is in use, not lost.
constexpr int kLooks = 16;
// Slots of another store that outvote a checkpoint: whoever commits there leaves a claim and a slot
// at least, and nine of ten leave room for a few that are damage themselves.
constexpr std::uint64_t kLeastVotes = 2;
constexpr std::uint64_t kVotesOfTen = 9;

/// Numbers and sizes, claims included.
using ListedSlots = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

class InventoryTaker {
 public:
  InventoryTaker(DamagedBucket& bucket, engine::WorkerPool& pool) : bucket_(bucket), pool_(pool) {}

  LogInventory run() {
    for (int looks = 0; looks < kLooks; ++looks) {
      if (try_once()) return std::move(found_);
    }
    throw CloudStorageError(CloudFailure::kNotNow, 0,
                            bucket_.location() + ": the log changes faster than it can be read");
  }

 private:
  /// False: it was not of one moment. A merge puts its segments, then the checkpoint, and then
  /// removes slots; a listing may miss what was put while it ran.
  bool try_once() {
    found_ = {};
    read_checkpoint_object();
    const ListedSlots slots = list_slots();
    found_.gaps = gaps_in(slots);
    found_.segments = list_segments(bucket_, {});
    found_.has_objects |= !slots.empty() || !found_.segments.empty();
    if (!found_.gaps.empty() && gaps_in(list_slots()) != found_.gaps) return false;
    read_headers(slots);
    if (checkpoint_version() != version_ || is_one_gone()) return false;
    bucket_.expect_any_given();
    if (outvote_checkpoint()) return false;  // gaps and boundary are not those of this log
    choose_store();
    return true;
  }

  void read_checkpoint_object() {
    const auto listed = bucket_.head(kCheckpointKey);
    found_.has_objects = listed.has_value();
    version_ = listed ? listed->version : std::string();
    if (!listed) {
      found_.checkpoint_problem = fmt::format("object {} is missing", kCheckpointKey);
      const auto marker = bucket_.head(kCopyMarkerKey);
      found_.is_unfinished_copy = marker.has_value();
    } else if (listed->size > kMaxCheckpointSize) {
      found_.checkpoint_problem = fmt::format("object {}: {} bytes are too many for a checkpoint",
                                              kCheckpointKey, listed->size);
    } else {
      get_checkpoint();
    }
  }

  void get_checkpoint() {
    CloudGetOptions options;
    options.max_bytes = kMaxCheckpointSize;
    try {
      read_twice([&] {
        const CloudGetResult got = bucket_.get(kCheckpointKey, options);
        if (got.status != CloudGetStatus::kFound) return;
        found_.checkpoint = read_checkpoint(got.object.bytes.span(), bucket_.location());
      });
      if (!found_.checkpoint) found_.checkpoint_problem = not_given(kCheckpointKey);
      if (found_.checkpoint && found_.checkpoint->store == foreign_store_) pass_over_checkpoint();
    } catch (const CorruptionError& error) {
      found_.checkpoint_problem = error.what();
    }
  }

  void pass_over_checkpoint() {
    found_.checkpoint.reset();
    found_.checkpoint_problem = fmt::format("object {} is of another store ({}) than the slots",
                                            kCheckpointKey, foreign_store_->to_string());
  }

  /// Of what is listed.
  std::string not_given(const std::string& key) const {
    const std::string refusal = bucket_.refusal_of(key);
    return refusal.empty() ? fmt::format("object {} is listed, and is not there", key) : refusal;
  }

  std::string checkpoint_version() const {
    const auto now = bucket_.head(kCheckpointKey);
    return now ? now->version : std::string();
  }

  ListedSlots list_slots() const {
    ListedSlots slots;
    bucket_.bucket().for_each(kSlotPrefix, [&](const CloudObjectMetadata& object) {
      const auto number = parse_slot_key(object.key);
      if (number) slots.emplace_back(*number, object.size);
      return true;
    });
    return slots;
  }

  /// Behind what the checkpoint knows, or from 1 on.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps_in(const ListedSlots& slots) const {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;
    std::uint64_t next = found_.checkpoint ? found_.checkpoint->slot + 1 : 1;
    for (const auto& [number, size] : slots) {
      if (number < next) continue;
      if (number > next) gaps.emplace_back(next, number - 1);
      next = number + 1;
    }
    return gaps;
  }

  /// What looks like a claim may be a slot that was cut short; where bytes of slots are in segments
  /// by now, that does not matter.
  void read_headers(const ListedSlots& listed) {
    const std::uint64_t boundary = found_.checkpoint ? found_.checkpoint->boundary : 0;
    std::vector<FoundSlot> merged_claims;
    for (const auto& [number, size] : listed) {
      const bool is_merged_claim = size == kSlotHeaderSize && number < boundary;
      (is_merged_claim ? merged_claims : found_.slots).push_back({number, size});
    }
    traces_.clear();
    gone_.clear();
    const auto read = [this](FoundSlot& slot) { read_header(slot); };
    engine::for_all(pool_, std::span(found_.slots), read);
    // Only they may be left to say which store this is.
    if (found_.checkpoint && !traces_.contains(found_.checkpoint->store)) {
      engine::for_all(pool_, std::span(merged_claims), read);
    }
    // Merged, and removed behind the listing.
    std::erase_if(found_.slots, [&](const FoundSlot& slot) {
      return slot.number < boundary && gone_.erase(slot.number) > 0;
    });
  }

  /// Whether a slot may have been merged away since it was listed. One that was gone at the look
  /// before too, while nothing was merged, is listed by a store that does not have it: lost.
  bool is_one_gone() {
    const Gone gone{version_, gone_};
    const Gone before = std::exchange(gone_before_, gone);
    return !gone_.empty() &&
           (before.version != version_ || !std::ranges::includes(before.slots, gone_));
  }

  void read_header(FoundSlot& slot) {
    if (slot.object_size < kSlotHeaderSize) {
      slot.problem = fmt::format("{}, object {}: {} bytes are too short for a slot",
                                 bucket_.location(), slot_key(slot.number), slot.object_size);
      return;
    }
    try {
      read_twice([&] { get_header(slot); });
    } catch (const CorruptionError& error) {
      slot.problem = error.what();
    }
  }

  void get_header(FoundSlot& slot) {
    CloudGetOptions options;
    options.range = CloudRange{0, kSlotHeaderSize};
    const std::string key = slot_key(slot.number);
    const CloudGetResult got = bucket_.get(key, options);
    if (got.status != CloudGetStatus::kFound) {
      slot.problem = bucket_.location() + ", " + not_given(key);
      const std::lock_guard lock(mutex_);
      if (bucket_.refusal_of(key).empty()) gone_.insert(slot.number);
      return;
    }
    const SlotHeader header =
        read_slot_header(got.object.bytes.span(), slot.number, bucket_.location());
    slot.store = header.store;
    slot.commit_id = header.commit_id;
    slot.wal = header.wal;
    slot.begin = header.begin;
    slot.end = header.end();
    slot.inline_begin = header.end() - header.inline_bytes;
    const std::lock_guard lock(mutex_);
    Traces& traces = traces_[header.store];
    ++traces.slots;
    traces.newest_slot = std::max(traces.newest_slot, slot.number);
    traces.root = newer(traces.root, header.root);
  }

  static std::optional<RootVersion> newer(const std::optional<RootVersion>& a,
                                          const std::optional<RootVersion>& b) {
    return !a || (b && b->sequence > a->sequence) ? b : a;
  }

  /// What the slots of one store say.
  struct Traces {
    std::uint64_t slots = 0;  ///< how many, claims included
    std::uint64_t newest_slot = 0;
    std::optional<RootVersion> root{};
  };

  /// Whether nearly all slots are of one store, and the checkpoint is of another one. Then it is
  /// the damage, and the next look passes it over.
  bool outvote_checkpoint() {
    const auto most = most_traces();
    if (!found_.checkpoint || most == traces_.end()) return false;
    std::uint64_t slots = 0;
    for (const auto& [store, traces] : traces_) slots += traces.slots;
    const std::uint64_t votes = most->second.slots;
    const bool is_foreign = most->first != found_.checkpoint->store && votes >= kLeastVotes &&
                            votes * 10 >= slots * kVotesOfTen;
    if (is_foreign) foreign_store_ = found_.checkpoint->store;
    return is_foreign;
  }

  std::map<UUID, Traces>::const_iterator most_traces() const {
    return std::ranges::max_element(traces_, {}, [](const auto& traces) {
      return std::pair(traces.second.slots, traces.second.newest_slot);
    });
  }

  /// Slots of another one are damage. Claims are passed over from here on.
  void choose_store() {
    const auto most = most_traces();
    if (found_.checkpoint) {
      found_.store = found_.checkpoint->store;
      found_.root = found_.checkpoint->root;
    } else if (most != traces_.end()) {
      found_.store = most->first;
    }
    std::erase_if(found_.slots,
                  [](const FoundSlot& slot) { return slot.problem.empty() && slot.wal.is_nil(); });
    if (!found_.store) return;
    found_.root = newer(found_.root, traces_[*found_.store].root);
    for (FoundSlot& slot : found_.slots) {
      if (!slot.problem.empty()) continue;
      if (slot.store != *found_.store) {
        slot.problem = fmt::format("{}, object {}: a slot of another store", bucket_.location(),
                                   slot_key(slot.number));
      } else if (slot.end > kMaxWALSize) {
        slot.problem = fmt::format("{}, object {}: no WAL has an offset {}", bucket_.location(),
                                   slot_key(slot.number), slot.end);
      }
      if (!slot.problem.empty()) slot.wal = {};
    }
  }

  /// Slots that are listed and not there.
  struct Gone {
    std::string version{};  ///< of the checkpoint then
    std::set<std::uint64_t> slots{};
  };

  DamagedBucket& bucket_;
  engine::WorkerPool& pool_;
  std::string version_;                ///< of the checkpoint
  std::optional<UUID> foreign_store_;  ///< whose checkpoint lies here, as it seems
  LogInventory found_;
  std::mutex mutex_;  ///< for what follows, while headers are read
  std::set<std::uint64_t> gone_;
  Gone gone_before_;
  std::map<UUID, Traces> traces_;
};

}  // namespace

std::string key_of(const UUID& wal, const Piece& piece) {
  return piece.slot != 0 ? slot_key(piece.slot)
                         : segment_key({wal, piece.begin, piece.named_end, piece.segment_id});
}

bool is_merged(const Piece& piece) noexcept { return piece.slot == 0 && piece.segment_id.is_nil(); }

LogInventory take_inventory(DamagedBucket& bucket, engine::WorkerPool& pool) {
  return InventoryTaker(bucket, pool).run();
}

std::map<UUID, std::vector<Piece>> list_segments(const DamagedBucket& bucket, const UUID& wal) {
  std::map<UUID, std::vector<Piece>> segments;
  const std::string prefix = wal.is_nil() ? kSegmentPrefix : kSegmentPrefix + wal.to_string() + "/";
  const auto add = [&](const CloudObjectMetadata& object) {
    const auto name = parse_segment_key(object.key);
    if (!name || name->end > kMaxWALSize) return true;
    const std::uint64_t there = std::min(object.size, name->end - name->begin);
    segments[name->wal].push_back({name->begin, name->begin + there, name->end, 0, name->id});
    return true;
  };
  bucket.bucket().for_each(prefix, add);
  return segments;
}

}  // namespace protobase::cloud
