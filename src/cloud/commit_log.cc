#include "cloud/commit_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/endian.h"
#include "base/hash.h"
#include "base/planted_bug.h"
#include "cloud/copy_marker.h"
#include "cloud/create_object.h"
#include "cloud/other_things.h"
#include "cloud/refusal.h"
#include "cloud/unnamed_segments.h"
#include "cloud/way_out.h"
#include "engine/beside.h"
#include "protobase/block_provider.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

using engine::Beside;

constexpr unsigned kMaxClaims = 64;
// A listing costs as much as a dozen of these, and tells of a thousand slots.
constexpr unsigned kSlotsWithoutListing = 8;

// A PUT that came late, into a prefix that was emptied and made anew.
constexpr const char* kStrayAdvice =
    "; if the segment is none of this store's, which has no such WAL, remove the segment";

/// Nobody took over what was ours.
class ClaimsLost final : public LockingError, public NothingTookEffect {
 public:
  using LockingError::LockingError;
};

std::uint64_t total_size(const std::vector<SharedBytes>& parts) {
  std::uint64_t size = 0;
  for (const SharedBytes& part : parts) size += part.size();
  return size;
}

Bytes write_segment_ends(const std::vector<std::uint64_t>& ends) {
  Bytes bytes(ends.size() * 8);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    base::store_le<std::uint64_t>(bytes.data() + i * 8, ends[i]);
  }
  return bytes;
}

}  // namespace

CommitLog::CommitLog(Bucket bucket, engine::WorkerPool& pool, SlotReader::Found found,
                     std::uint64_t max_checkpoint_size)
    : bucket_(std::move(bucket)),
      pool_(pool),
      reader_(bucket_, pool, std::move(found)),
      writer_(bucket_, reader_),
      checkpoint_(bucket_, max_checkpoint_size),
      known_(bucket_.location()) {}

// --- reading

bool CommitLog::open() {
  const std::lock_guard io(io_mutex_);
  if (known_.is_open()) return true;
  if (!read_base()) return false;
  // Slots may be merged away meanwhile, and then the checkpoint is a newer one.
  constexpr int kLooks = 8;
  int missed = 0;  // twice, as one answer may be wrong
  for (int looks = 0; looks < kLooks && !has_oldest_slot(); ++looks) {
    if (read_checkpoint_if_new() != Look::kRead && ++missed == 2) {
      known_.set_outdated(fmt::format(
          "{}: object {} is missing, the oldest that the object {} names (or that is an older one, "
          "whose newest version is missing){}; then open the storage again",
          location(), slot_key(known_.oldest_slot()), kCheckpointKey, kWayOut));
      break;
    }
  }
  return true;
}

/// Reads the tail; beside that it is asked whether the oldest slot known before is there. A merge
/// removes it, so it tells a checkpoint of before the merge that knew all slots but the newest.
bool CommitLog::has_oldest_slot() {
  const std::uint64_t oldest = known_.oldest_slot();
  std::function<bool()> look;
  if (oldest != 0) {
    look = [this, key = slot_key(oldest)] { return bucket_.head(key).has_value(); };
  }
  Beside<bool> is_there(pool_, look);
  read_tail();
  return oldest == 0 || is_there.get() || known_.oldest_slot() != oldest;
}

/// What the slots behind it are added to: the checkpoint, or what makes up for it. False: no store.
bool CommitLog::read_base() {
  std::string damage;
  std::string version;
  try {
    if (read_checkpoint_anew(&version) == Look::kRead) return true;
    if (is_empty()) return false;
    // Somebody may just have made it.
    if (read_checkpoint_anew(&version) == Look::kRead) return true;
  } catch (const ForeignCheckpointError& error) {
    damage = error.what();
    if (!has_slots_or_segments(bucket_)) {
      throw_other_things(location(), kCheckpointKey);
    }
  } catch (const CorruptionError& error) {
    damage = error.what();
  }
  adopt_rebuilt_checkpoint(version, damage);
  return true;
}

/// The checkpoint is absent, or is of `version` and damaged: as if the log had been opened without
/// it now. What was known before is no proof: others may have merged, and claims that came too late
/// may stand where slots were.
void CommitLog::adopt_rebuilt_checkpoint(const std::string& version, const std::string& damage) {
  std::optional<LogCheckpoint> rebuilt = rebuild_from_slots(version);
  if (!rebuilt && !damage.empty()) throw CorruptionError(damage + kWayOut);
  if (!rebuilt) throw_no_checkpoint();
  const std::uint64_t slot = rebuilt->slot;
  adopt(*std::move(rebuilt));
  checkpoint_.set_known(version, slot);
  has_lost_checkpoint_ = true;
}

/// Everything the slots say, which is all while none was merged away and nothing was copied here;
/// else nullopt. `version`: of a checkpoint that cannot be read, if there is one.
std::optional<LogCheckpoint> CommitLog::rebuild_from_slots(const std::string& version) const {
  const auto first = bucket_.retried([&] { return reader_.find(1); });
  if (!first || !first->is_claim() || first->root) return std::nullopt;
  // Another log, so that this one is as it was when the slots do not say all.
  CommitLog log(bucket_, pool_, [](const auto&...) {});
  log.is_rebuilding_ = true;
  LogCheckpoint base;
  base.store = first->store;
  log.adopt(std::move(base));
  log.checkpoint_.set_known(version, 0);
  log.read_tail();
  // Those without a name are of a merge, a copy, or a flush that never became a slot.
  if (log.known_.is_broken() || log.unnamed_segments().objects > 0) return std::nullopt;
  return log.known_.checkpoint();
}

CloudUnnamedSegments CommitLog::unnamed_segments() const {
  return count_unnamed_segments(bucket_, known_.checkpoint().index);
}

void CommitLog::poll() {
  if (has_claimed()) return;  // who else writes, writes behind a claim that stops us
  const std::lock_guard io(io_mutex_);
  if (has_claimed()) return;
  if (!known_.is_open() || polls_++ % 2 == 1) {
    if (read_checkpoint_if_new() == Look::kRead) read_tail();
    return;
  }
  for (unsigned i = 0; i < kSlotsWithoutListing; ++i) {
    const auto next = reader_.read_if_there(known_.newest_slot() + 1);
    if (!next) return;
    // Behind a claim the boundary must be looked at, and behind a gap what closed it.
    if (next->kind == SlotKind::kClaim || known_.is_broken()) break;
    known_.take_up({*next});
  }
  read_tail();
}

void CommitLog::refresh() {
  const std::lock_guard io(io_mutex_);
  read_checkpoint_if_new();
  if (known_.is_open() && !has_claimed()) read_tail();
}

void CommitLog::expect_checkpoint() {
  const std::lock_guard io(io_mutex_);
  if (read_checkpoint_if_new() == Look::kAbsent) throw_no_checkpoint();
  if (has_claimed()) return;
  expect_merges_known();
  known_.throw_if_broken();
}

void CommitLog::expect_merges_known() {
  auto merged = list_unknown_merges(bucket_, known_.checkpoint().index);
  // A slot that a listing does not show was merged away, and then a checkpoint that is read behind
  // it has the bytes.
  constexpr int kLooks = 2;
  for (int looks = 0; looks < kLooks && !merged.empty(); ++looks) {
    if (read_checkpoint_if_new() == Look::kAbsent) throw_no_checkpoint();
    read_tail();
    std::erase_if(merged, [index = known_.checkpoint().index](const SegmentName& segment) {
      return !is_unknown_merge(segment, index);
    });
  }
  if (merged.empty()) return;
  const SegmentName& one = merged.front();
  throw CorruptionError(location() + ": " + describe_unknown_merge(segment_key(one)) + kWayOut +
                        (known_.end_of(one.wal) ? "" : kStrayAdvice));
}

CommitLog::Look CommitLog::read_checkpoint_if_new() {
  return checkpoint_.get(/*anew=*/false, [this](LogCheckpoint read) { adopt(std::move(read)); });
}

/// `version` (may be null) is that of what was found, also when it cannot be read.
CommitLog::Look CommitLog::read_checkpoint_anew(std::string* version) {
  return checkpoint_.get(
      /*anew=*/true, [this](LogCheckpoint read) { adopt(std::move(read)); }, version);
}

/// Whether a store may be made here; false: there is one. Throws for other things.
bool CommitLog::is_empty() {
  const auto first = find_first_object(bucket_);
  if (!first) return true;
  const std::string& key = *first;
  if (key == kCheckpointKey || key == kCopyMarkerKey) return false;
  if (parse_slot_key(key) || parse_segment_key(key)) return false;
  throw_other_things(location(), key);
}

void CommitLog::throw_no_checkpoint() {
  if (const auto marker = find_copy_marker(bucket_)) {
    throw ValidationError(unfinished_copy(location(), *marker));
  }
  throw CorruptionError(fmt::format("{}: the object {} of a store is missing{}", location(),
                                    kCheckpointKey, kWayOut));
}

void CommitLog::adopt(LogCheckpoint read) {
  const std::uint64_t epoch = read.epoch;
  const std::uint64_t slot = read.slot;
  known_.adopt(std::move(read));
  has_lost_checkpoint_ = false;
  if (has_claimed() && epoch > claimed_epoch_) note_deposed(epoch, slot);
}

void CommitLog::read_tail() {
  // A listing may miss a slot that was put while it ran, and slots may have been merged away.
  constexpr int kLooks = 3;
  constexpr int kRestarts = 64;
  int restarts = 0;
  for (int looks = 1;;) {
    const CloudListPage page = list_slots();
    std::vector<ListedSlot> slots = reader_.unbroken_run(page, known_.newest_slot() + 1);
    if (!slots.empty()) {
      if (!read_and_take_up(slots)) {
        if (++restarts < kRestarts) continue;
        throw CloudStorageError(CloudFailure::kNotNow, 0,
                                location() + ": the log is merged faster than it can be read");
      }
      known_.set_broken({});
    }
    if (slots.size() == page.objects.size()) {
      if (page.is_truncated) continue;
      return known_.set_broken({});
    }
    if (looks++ == kLooks) {
      return known_.set_broken(fmt::format(
          "{}: object {} is missing though {} is there (or the object {} is an older one, whose "
          "newest version is missing){}",
          location(), slot_key(known_.newest_slot() + 1), page.objects.back().key, kCheckpointKey,
          kWayOut));
    }
    // The newest slot that a merge leaves is a gap for who knows the checkpoint before it.
    if (read_checkpoint_if_new() == Look::kRead && ++restarts < kRestarts) {
      looks = 1;
    }
  }
}

/// What is listed behind the newest slot known; things that are no slots are passed over.
CloudListPage CommitLog::list_slots() const {
  std::string behind = slot_key(known_.newest_slot());
  for (;;) {
    CloudListPage page = bucket_.list(kSlotPrefix, behind);
    if (page.objects.empty()) return page;
    behind = page.objects.back().key;
    std::erase_if(page.objects, [](const auto& object) { return !parse_slot_key(object.key); });
    if (!page.objects.empty() || !page.is_truncated) return page;
  }
}

/// False: slots were merged away meanwhile, and what was listed may be no part of the log: a claim
/// that came too late may stand in such a place. A boundary is stored before anything below it is
/// removed, so a checkpoint that is read after the listing tells.
bool CommitLog::read_and_take_up(std::vector<ListedSlot>& slots) {
  const std::uint64_t first = slots.front().number;
  const bool has_claim = std::any_of(slots.begin(), slots.end(), [](const ListedSlot& slot) {
    return slot.kind == SlotKind::kClaim;
  });
  const bool must_look = has_claim && !base::is_planted(base::PlantedBug::kBoundaryIgnored);
  const auto look = [this] { return read_checkpoint_if_new(); };
  // Beside the slots: so it costs no time of its own.
  Beside<Look> looked(pool_, must_look ? look : std::function<Look()>());
  try {
    reader_.read_needed(slots);
  } catch (const CorruptionError&) {
    // What was asked beside may have been answered before the merge that took the slot away.
    const bool has_changed = must_look && looked.get() == Look::kRead;
    if (has_changed || look() == Look::kRead) return false;
    throw;
  }
  if (must_look) {
    if (looked.get() == Look::kAbsent && !is_rebuilding_) {
      adopt_rebuilt_checkpoint({}, {});
      return false;
    }
    if (known_.boundary() > first || known_.newest_slot() + 1 != first) return false;
  }
  known_.take_up(slots);
  return true;
}

// --- claiming

void CommitLog::claim() {
  const std::lock_guard io(io_mutex_);
  throw_if_unusable();
  if (has_claimed()) return;
  if (!known_.is_open() && !read_base()) {
    create();
    if (read_checkpoint_anew() != Look::kRead) throw_no_checkpoint();
  }
  expect_merges_known();
  for (unsigned tries = 0; tries < kMaxClaims; ++tries) {
    read_tail();
    known_.throw_if_broken();
    // First of all: who claims must see what was merged meanwhile.
    if (has_lost_checkpoint_) {
      adopt_rebuilt_checkpoint(checkpoint_.version(), {});
      bucket_.retried([&] { return put_checkpoint(known_.checkpoint()); });
    }
    if (!has_lost_checkpoint_ && try_claim()) return;
  }
  throw ClaimsLost(
      fmt::format("{}: {} times another writer was faster to take over; nothing was committed: let "
                  "one process write, or try again",
                  location(), kMaxClaims));
}

void CommitLog::create() {
  LogCheckpoint empty;
  empty.store = bucket_.random_id();
  create_object(bucket_, kCheckpointKey, write_checkpoint(empty));
}

bool CommitLog::try_claim() {
  SlotHeader header = known_.next_header();
  ++header.epoch;
  header.commit_id = bucket_.random_id();
  header.body_hash = base::xxh3({});
  const auto bytes = write_slot_header(header);
  const SlotWriter::Result result = writer_.put(header, {std::span<const std::byte>(bytes)});
  if (result.refusal) throw_refusal(result.refusal);
  if (result.other) return false;
  if (!base::is_planted(base::PlantedBug::kBoundaryIgnored) &&
      read_checkpoint_anew() != Look::kRead) {
    adopt_rebuilt_checkpoint({}, {});  // nothing tells whether the claim counts: another one will
    return false;
  }
  if (!known_.take_up_claim(header)) return false;  // merged away while we slept
  claimed_epoch_ = header.epoch;
  return true;
}

// --- writing

void CommitLog::throw_if_unusable() const {
  if (!deposed_.empty()) throw LockingError(deposed_);
  throw_if_unknown({});
}

/// Unless it is that of `commit_id`.
void CommitLog::throw_if_unknown(const UUID& commit_id) const {
  if (unknown_commit_ && *unknown_commit_ != commit_id) {
    throw UnexpectedError(location() +
                          ": nothing more is written after a commit whose outcome is unknown; "
                          "close the storage and open it again");
  }
}

void CommitLog::append(const SlotContents& contents) {
  const std::lock_guard io(io_mutex_);
  if (!deposed_.empty()) throw LockingError(deposed_);
  throw_if_unknown(contents.commit_id);
  SlotHeader header = known_.next_header();
  header.epoch = claimed_epoch_.load();
  if (contents.root) header.root = contents.root;
  header.commit_id = contents.commit_id;
  header.wal = contents.wal;
  header.begin = contents.begin;
  header.inline_bytes = total_size(contents.inline_parts);
  header.segments = contents.segment_ends.size();
  const bool has_segments = !contents.segment_ends.empty();
  header.length =
      (has_segments ? contents.segment_ends.back() - contents.begin : 0) + header.inline_bytes;
  header.records = contents.records;
  if (unknown_commit_ && is_known_by_now(header)) return;
  const bool is_plain =
      !has_segments && header.inline_bytes % 2 == 0 && known_.newest_wal() == contents.wal;
  const SlotKind kind = is_plain ? SlotKind::kPlain : SlotKind::kOther;

  base::HashStream hash;
  SlotWriter::Parts parts(1);
  for (const SharedBytes& part : contents.inline_parts) parts.push_back(part.span());
  const Bytes ends = write_segment_ends(contents.segment_ends);
  parts.push_back(ends);
  for (const auto& part : parts) hash.add(part);
  header.body_hash = hash.value();
  const auto bytes = write_slot_header(header);
  parts[0] = bytes;
  constexpr std::byte kPadding{};
  if (slot_object_size(header, kind) > kSlotHeaderSize + header.body_size()) {
    parts.push_back({&kPadding, 1});
  }
  const SlotWriter::Result result = put(header, parts);
  if (result.other) note_deposed(result.other->epoch, result.other->number);
  if (!result.is_stored()) {
    if (result.is_in_doubt && was_stored_before(header)) return;
    if (result.refusal) throw_refusal(result.refusal);
    throw LockingError(deposed_);
  }
  known_.take_up(
      {{header.number, slot_object_size(header, kind), kind, header, contents.segment_ends}});
}

SlotWriter::Result CommitLog::put(const SlotHeader& header, const SlotWriter::Parts& parts) {
  const bool was_unknown = unknown_commit_.has_value();
  unknown_commit_ = header.commit_id;  // until it is known
  unknown_slot_ = header.number;
  SlotWriter::Result result = writer_.put(header, parts);
  if (was_unknown && !result.is_stored()) {
    result.is_in_doubt = true;  // by the tries before
    // Refused now says nothing of a try whose answer was lost: it may still arrive.
    if (result.refusal) std::rethrow_exception(result.refusal);
  }
  unknown_commit_.reset();
  return result;
}

void CommitLog::note_deposed(std::uint64_t epoch, std::uint64_t slot) {
  deposed_ = fmt::format(
      "{}: another writer took over (epoch {} by slot {}, ours was {}); nothing of this was "
      "committed: close the storage, open it again and read the root",
      location(), epoch, slot, claimed_epoch_.load());
  claimed_epoch_ = 0;  // from here on this is a reader like any other
}

/// Whether the slot of unknown outcome has been read meanwhile, for one by the checkpoint of
/// somebody who merged it. False: it is still the next one. LockingError: neither, so it is not in
/// the log.
bool CommitLog::is_known_by_now(const SlotHeader& ours) {
  if (known_.end_of(ours.wal).value_or(0) >= ours.end()) {
    unknown_commit_.reset();
    return true;
  }
  if (ours.number != unknown_slot_) {
    note_deposed(ours.epoch, known_.newest_slot());
    throw LockingError(deposed_);
  }
  return false;
}

/// Nothing of ours stands where our slot was to be. It may have been there: stored by a try whose
/// answer said otherwise, merged away, its place empty or taken by a claim that came too late. The
/// log as it is now tells, because nobody else writes this WAL.
bool CommitLog::was_stored_before(const SlotHeader& ours) {
  try {
    if (read_checkpoint_if_new() == Look::kAbsent) throw_no_checkpoint();
    if (!has_claimed()) read_tail();
  } catch (const ProtoBaseError&) {
    unknown_commit_ = ours.commit_id;
    throw;
  }
  return known_.end_of(ours.wal).value_or(0) >= ours.end();
}

void CommitLog::checkpoint(std::uint64_t slots) {
  const std::lock_guard io(io_mutex_);
  if (known_.is_open() && known_.newest_slot() >= checkpoint_.slot() + slots)
    put_checkpoint(known_.checkpoint());
}

/// Tried once. False: somebody else put one, or we ourselves and the answer was lost; it has been
/// read. CorruptionError: it vanished. Then it is not put again by what is known here, as somebody
/// may have merged since.
bool CommitLog::put_checkpoint(const LogCheckpoint& checkpoint) {
  if (checkpoint_.put(checkpoint)) {
    has_lost_checkpoint_ = false;
    return true;
  }
  if (read_checkpoint_anew() == Look::kRead) return false;
  if (!has_lost_checkpoint_) throw_no_checkpoint();
  checkpoint_.set_known({}, checkpoint_.slot());  // the damaged one is gone as well
  return false;
}

bool CommitLog::publish_segments(std::span<const SegmentName> segments, std::uint64_t boundary) {
  constexpr int kTries = 8;
  const std::lock_guard io(io_mutex_);
  for (int tries = 0; tries < kTries; ++tries) {
    LogCheckpoint next = known_.checkpoint();
    if (next.boundary >= boundary) return false;
    for (const SegmentName& segment : segments) {
      if (!next.index.replace(segment.wal, segment.begin, {segment.end, 0, segment.id}))
        return false;
    }
    next.boundary = boundary;
    if (!bucket_.retried([&] { return put_checkpoint(next); })) continue;
    known_.replace(std::move(next));
    return true;
  }
  throw CloudStorageError(
      CloudFailure::kNotNow, 0,
      fmt::format("{}: the object {} was put by others each of {} times; nothing was merged",
                  location(), kCheckpointKey, kTries));
}

}  // namespace protobase::cloud
