#include "cloud/commit_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/endian.h"
#include "base/hash.h"
#include "base/planted_bug.h"
#include "cloud/copy_marker.h"
#include "cloud/create_object.h"
#include "cloud/listing.h"
#include "cloud/other_things.h"
#include "cloud/refusal.h"
#include "cloud/unnamed_segments.h"
#include "engine/beside.h"
#include "protobase/block_provider.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

using engine::Beside;

constexpr unsigned kMaxClaims = 64;
// A listing costs as much as a dozen of these, and tells of a thousand slots.
constexpr unsigned kSlotsWithoutListing = 8;
constexpr const char* kWayOut =
    ": restore it, or keep what is left with `protobase salvage LOCATION TO`";

// A PUT that came late, into a prefix that was emptied and made anew.
constexpr const char* kStrayAdvice =
    "; if the segment is none of this store's, which has no such WAL, remove the segment";

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

CommitLog::CommitLog(std::shared_ptr<CloudStorageClient> client, RetryParts retry_parts,
                     engine::WorkerPool& pool, SlotReader::Found found,
                     std::uint64_t max_checkpoint_size)
    : max_checkpoint_size_(max_checkpoint_size),
      client_(std::move(client)),
      retry_parts_(std::move(retry_parts)),
      location_(client_->location()),
      pool_(pool),
      reader_(client_, retry_parts_, pool, std::move(found)),
      writer_(client_, retry_parts_, reader_) {}

// --- reading

bool CommitLog::open() {
  const std::lock_guard io(io_mutex_);
  if (is_open()) return true;
  if (!read_base()) return false;
  read_tail();
  return true;
}

/// What the slots behind it are added to: the checkpoint, or what makes up for it. False: no store.
bool CommitLog::read_base() {
  std::string damage;
  std::string version;
  try {
    if (read_checkpoint_object({}, &version) == Look::kRead) return true;
    if (is_empty()) return false;
    // Somebody may just have made it.
    if (read_checkpoint_object({}, &version) == Look::kRead) return true;
  } catch (const ForeignCheckpointError& error) {
    damage = error.what();
    if (!has_slots_or_segments(*client_, retry_parts_)) {
      throw_other_things(location_, kCheckpointKey);
    }
  } catch (const CorruptionError& error) {
    damage = error.what();
  }
  make_up_for_checkpoint(version, damage);
  return true;
}

/// The checkpoint is absent, or is of `version` and damaged: as if the log had been opened without
/// it now. What was known before is no proof: others may have merged, and claims that came too late
/// may stand where slots were.
void CommitLog::make_up_for_checkpoint(const std::string& version, const std::string& damage) {
  std::optional<LogCheckpoint> rebuilt = rebuild(version);
  if (!rebuilt && !damage.empty()) throw CorruptionError(damage + kWayOut);
  if (!rebuilt) throw_no_checkpoint();
  adopt(*std::move(rebuilt), version);
  has_lost_checkpoint_ = true;
}

/// Everything the slots say, which is all while none was merged away and nothing was copied here;
/// else nullopt. `version`: of a checkpoint that cannot be read, if there is one.
std::optional<LogCheckpoint> CommitLog::rebuild(const std::string& version) const {
  const auto first = retried([&] { return reader_.find(1); });
  if (!first || !first->is_claim() || first->root) return std::nullopt;
  // Another log, so that this one is as it was when the slots do not say all.
  CommitLog log(client_, retry_parts_, pool_, [](const auto&...) {});
  log.is_rebuilding_ = true;
  LogCheckpoint base;
  base.store = first->store;
  log.adopt(std::move(base), version);
  log.read_tail();
  // Those without a name are of a merge, a copy, or a flush that never became a slot.
  if (!log.broken_.empty() || log.unnamed_segments().objects > 0) return std::nullopt;
  return log.state();
}

CloudUnnamedSegments CommitLog::unnamed_segments() const {
  return count_unnamed_segments(*client_, retry_parts_, state().index);
}

bool CommitLog::is_open() const {
  const std::shared_lock lock(state_mutex_);
  return is_open_;
}

void CommitLog::poll() {
  if (has_claimed()) return;  // who else writes, writes behind a claim that stops us
  const std::lock_guard io(io_mutex_);
  if (has_claimed()) return;
  if (!is_open() || polls_++ % 2 == 1) {
    if (read_checkpoint_object(checkpoint_version_) == Look::kRead) read_tail();
    return;
  }
  for (unsigned i = 0; i < kSlotsWithoutListing; ++i) {
    const auto next = reader_.read_if_there(newest_slot() + 1);
    if (!next) return;
    // Behind a claim the boundary must be looked at, and behind a gap what closed it.
    if (next->kind == SlotKind::kClaim || is_broken()) break;
    take_up({*next});
  }
  read_tail();
}

void CommitLog::refresh() {
  const std::lock_guard io(io_mutex_);
  read_checkpoint_object(checkpoint_version_);
  if (is_open() && !has_claimed()) read_tail();
}

void CommitLog::expect_checkpoint() {
  const std::lock_guard io(io_mutex_);
  if (read_checkpoint_object(checkpoint_version_) == Look::kAbsent) throw_no_checkpoint();
  if (has_claimed()) return;
  expect_merges_known();
  throw_if_broken();
}

void CommitLog::expect_merges_known() {
  auto merged = list_unknown_merges(*client_, retry_parts_, state().index);
  // A slot that a listing does not show was merged away, and then a checkpoint that is read behind
  // it has the bytes.
  constexpr int kLooks = 2;
  for (int looks = 0; looks < kLooks && !merged.empty(); ++looks) {
    if (read_checkpoint_object(checkpoint_version_) == Look::kAbsent) throw_no_checkpoint();
    read_tail();
    std::erase_if(merged, [index = state().index](const SegmentName& segment) {
      return !is_unknown_merge(segment, index);
    });
  }
  if (merged.empty()) return;
  const SegmentName& one = merged.front();
  throw CorruptionError(location_ + ": " +
                        describe_unknown_merge(segment_key(one.wal, one.begin, one.end, {})) +
                        kWayOut + (end_of(one.wal) ? "" : kStrayAdvice));
}

/// kUnchanged: still `known_version`. `version` (may be null) is that of what was found, also when
/// it cannot be read.
CommitLog::Look CommitLog::read_checkpoint_object(const std::string& known_version,
                                                  std::string* version) {
  CloudGetOptions options;
  options.max_bytes = max_checkpoint_size_;
  return read_twice([&] {
    const CloudGetResult got =
        retried([&] { return client_->get(kCheckpointKey, options, known_version); });
    if (got.status == CloudGetStatus::kAbsent) return Look::kAbsent;
    if (got.status == CloudGetStatus::kUnchanged) return Look::kUnchanged;
    if (version != nullptr) *version = got.object.metadata.version;
    adopt(read_checkpoint(got.object.bytes.span(), location_), got.object.metadata.version);
    checkpoint_size_ = got.object.bytes.size();
    return Look::kRead;
  });
}

/// Whether a store may be made here; false: there is one. Throws for other things.
bool CommitLog::is_empty() {
  const auto first = find_first_object(*client_, retry_parts_);
  if (!first) return true;
  const std::string& key = *first;
  if (key == kCheckpointKey || key == kCopyMarkerKey) return false;
  if (parse_slot_key(key) || parse_segment_key(key)) return false;
  throw_other_things(location_, key);
}

void CommitLog::throw_no_checkpoint() {
  if (const auto marker = retried([&] { return find_copy_marker(*client_); })) {
    throw ValidationError(unfinished_copy(location_, *marker));
  }
  throw CorruptionError(
      fmt::format("{}: the object {} of a store is missing{}", location_, kCheckpointKey, kWayOut));
}

/// `read` may be older than what is known, or know that slots were merged.
void CommitLog::adopt(LogCheckpoint read, std::string version) {
  const std::unique_lock lock(state_mutex_);
  if (is_open_ && state_.store != read.store) {
    throw CorruptionError(location_ + ": another store has taken the place of this one");
  }
  if (is_open_ && read.boundary < state_.boundary) {
    throw CorruptionError(location_ + ": an older checkpoint has taken the place of a newer one");
  }
  checkpoint_version_ = std::move(version);
  checkpoint_slot_ = read.slot;
  has_lost_checkpoint_ = false;
  if (has_claimed() && read.epoch > claimed_epoch_) note_deposed(read.epoch, read.slot);
  if (is_open_ && state_.slot > read.slot) {
    for (const IndexedWAL& wal : state_.index.wals()) {
      for (const Extent& extent : wal.extents) {
        const IndexedWAL* const known = read.index.find(wal.id);
        if (known == nullptr || extent.end > known->end()) read.index.add(wal.id, extent);
      }
      read.index.set_records(wal.id, wal.records);
    }
    read.slot = state_.slot;
    read.epoch = state_.epoch;
    read.root = state_.root;
  }
  state_ = std::move(read);
  is_open_ = true;
}

void CommitLog::read_tail() {
  // A listing may miss a slot that was put while it ran, and slots may have been merged away.
  constexpr int kLooks = 3;
  constexpr int kRestarts = 64;
  int restarts = 0;
  for (int looks = 1;;) {
    const CloudListPage page = list_slots();
    std::vector<ListedSlot> slots = reader_.unbroken_run(page, newest_slot() + 1);
    if (!slots.empty()) {
      if (!read_and_take_up(slots)) {
        if (++restarts < kRestarts) continue;
        throw CloudStorageError(CloudFailure::kNotNow, 0,
                                location_ + ": the log is merged faster than it can be read");
      }
      set_broken({});
    }
    if (slots.size() == page.objects.size()) {
      if (page.is_truncated) continue;
      return set_broken({});
    }
    if (looks++ == kLooks) {
      return set_broken(fmt::format(
          "{}: object {} is missing though {} is there (or the object {} is an older one, whose "
          "newest version is missing){}",
          location_, slot_key(newest_slot() + 1), page.objects.back().key, kCheckpointKey,
          kWayOut));
    }
    // The newest slot that a merge leaves is a gap for who knows the checkpoint before it.
    if (read_checkpoint_object(checkpoint_version_) == Look::kRead && ++restarts < kRestarts) {
      looks = 1;
    }
  }
}

/// What is listed behind the newest slot known; things that are no slots are passed over.
CloudListPage CommitLog::list_slots() const {
  std::string behind = slot_key(newest_slot());
  for (;;) {
    CloudListPage page = list_page(*client_, retry_parts_, kSlotPrefix, behind);
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
  const auto look = [this] { return read_checkpoint_object(checkpoint_version_); };
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
      make_up_for_checkpoint({}, {});
      return false;
    }
    if (boundary() > first || newest_slot() + 1 != first) return false;
  }
  take_up(slots);
  return true;
}

void CommitLog::set_broken(std::string why) {
  const std::unique_lock lock(state_mutex_);
  broken_ = std::move(why);
}

bool CommitLog::is_broken() const {
  const std::shared_lock lock(state_mutex_);
  return !broken_.empty();
}

void CommitLog::throw_if_broken() const {
  const std::shared_lock lock(state_mutex_);
  if (!broken_.empty()) throw CorruptionError(broken_);
}

void CommitLog::take_up(const std::vector<ListedSlot>& slots) {
  const std::unique_lock lock(state_mutex_);
  for (const ListedSlot& slot : slots) {
    if (slot.header && slot.header->store != state_.store) {
      throw CorruptionError(
          fmt::format("{}, object {}: a slot of another store", location_, slot_key(slot.number)));
    }
    if (slot.kind != SlotKind::kClaim) take_up_bytes(slot);
    state_.slot = slot.number;
    if (!slot.header) continue;
    state_.epoch = std::max(state_.epoch, slot.header->epoch);
    if (slot.header->root) state_.root = slot.header->root;
  }
}

void CommitLog::take_up_bytes(const ListedSlot& slot) {
  const auto& wals = state_.index.wals();
  const auto check = [&](bool holds) {
    if (holds) return;
    throw CorruptionError(fmt::format("{}, object {}: it does not continue the slot before it",
                                      location_, slot_key(slot.number)));
  };
  if (slot.kind == SlotKind::kPlain) {
    check(!wals.empty());
    const UUID wal = wals.back().id;
    const std::uint64_t end = wals.back().end() + (slot.size - kSlotHeaderSize);
    check(!slot.header || (slot.header->wal == wal && slot.header->end() == end));
    state_.index.add(wal, {end, slot.number, {}});
  } else {
    const SlotHeader& header = *slot.header;
    const IndexedWAL* const known = state_.index.find(header.wal);
    check(known == nullptr || known->layout == WALLayout::kVersion1);
    check(header.begin == (known == nullptr ? kWALFirstRecordOffset : known->end()));
    for (const std::uint64_t end : slot.segment_ends) {
      state_.index.add(header.wal, {end, 0, header.commit_id});
    }
    if (header.inline_bytes > 0) state_.index.add(header.wal, {header.end(), slot.number, {}});
  }
  if (slot.header) state_.index.set_records(slot.header->wal, slot.header->records);
}

// --- claiming

void CommitLog::claim() {
  const std::lock_guard io(io_mutex_);
  throw_if_unusable();
  if (has_claimed()) return;
  if (!is_open() && !read_base()) {
    create();
    if (read_checkpoint_object({}) != Look::kRead) throw_no_checkpoint();
  }
  expect_merges_known();
  for (unsigned tries = 0; tries < kMaxClaims; ++tries) {
    read_tail();
    throw_if_broken();
    // First of all: who claims must see what was merged meanwhile.
    if (has_lost_checkpoint_) {
      make_up_for_checkpoint(checkpoint_version_, {});
      retried([&] { return put_checkpoint(state()); });
    }
    if (!has_lost_checkpoint_ && try_claim()) return;
  }
  throw LockingError(
      fmt::format("{}: {} times another writer was faster to take over", location_, kMaxClaims));
}

void CommitLog::create() {
  LogCheckpoint empty;
  empty.store = UUID::from_random(retry_parts_.random->bytes16());
  create_object(*client_, retry_parts_, kCheckpointKey, write_checkpoint(empty));
}

bool CommitLog::try_claim() {
  SlotHeader header;
  {
    const std::shared_lock lock(state_mutex_);
    header.number = state_.slot + 1;
    header.epoch = state_.epoch + 1;
    header.store = state_.store;
    header.root = state_.root;
  }
  header.commit_id = UUID::from_random(retry_parts_.random->bytes16());
  header.body_hash = base::xxh3({});
  const auto bytes = write_slot_header(header);
  const SlotWriter::Result result = writer_.put(header, {std::span<const std::byte>(bytes)});
  if (result.refusal) throw_refusal(result.refusal);
  if (result.other) return false;
  if (!base::is_planted(base::PlantedBug::kBoundaryIgnored) &&
      read_checkpoint_object({}) != Look::kRead) {
    make_up_for_checkpoint({}, {});  // nothing tells whether the claim counts: another one will
    return false;
  }
  const std::unique_lock lock(state_mutex_);
  // Merged away while we slept: this claim counts for nothing.
  if (state_.boundary > header.number || state_.slot >= header.number) return false;
  state_.slot = header.number;
  state_.epoch = header.epoch;
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
    throw UnexpectedError(location_ +
                          ": nothing more is written after a commit whose outcome is unknown; "
                          "close the storage and open it again");
  }
}

void CommitLog::append(const SlotContents& contents) {
  const std::lock_guard io(io_mutex_);
  if (!deposed_.empty()) throw LockingError(deposed_);
  throw_if_unknown(contents.commit_id);
  SlotHeader header;
  {
    const std::shared_lock lock(state_mutex_);
    header.number = state_.slot + 1;
    header.store = state_.store;
    header.root = contents.root ? contents.root : state_.root;
  }
  header.epoch = claimed_epoch_.load();
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
      !has_segments && header.inline_bytes % 2 == 0 && newest_wal() == contents.wal;
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
  take_up({{header.number, slot_object_size(header, kind), kind, header, contents.segment_ends}});
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
      location_, epoch, slot, claimed_epoch_.load());
  claimed_epoch_ = 0;  // from here on this is a reader like any other
}

/// Whether the slot of unknown outcome has been read meanwhile, for one by the checkpoint of
/// somebody who merged it. False: it is still the next one. LockingError: neither, so it is not in
/// the log.
bool CommitLog::is_known_by_now(const SlotHeader& ours) {
  if (end_of(ours.wal).value_or(0) >= ours.end()) {
    unknown_commit_.reset();
    return true;
  }
  if (ours.number != unknown_slot_) {
    note_deposed(ours.epoch, newest_slot());
    throw LockingError(deposed_);
  }
  return false;
}

/// Nothing of ours stands where our slot was to be. It may have been there: stored by a try whose
/// answer said otherwise, merged away, its place empty or taken by a claim that came too late. The
/// log as it is now tells, because nobody else writes this WAL.
bool CommitLog::was_stored_before(const SlotHeader& ours) {
  try {
    if (read_checkpoint_object(checkpoint_version_) == Look::kAbsent) throw_no_checkpoint();
    if (!has_claimed()) read_tail();
  } catch (const ProtoBaseError&) {
    unknown_commit_ = ours.commit_id;
    throw;
  }
  return end_of(ours.wal).value_or(0) >= ours.end();
}

void CommitLog::checkpoint(std::uint64_t slots) {
  const std::lock_guard io(io_mutex_);
  if (is_open() && newest_slot() >= checkpoint_slot_ + slots) put_checkpoint(state());
}

/// No reader takes a longer one, so it would be the end of the store; the old one costs requests.
void CommitLog::throw_if_too_large(std::uint64_t bytes, std::uint64_t slot) {
  if (bytes <= max_checkpoint_size_) return;
  checkpoint_slot_ = slot;  // tried again behind some more, not at every commit
  throw UnexpectedError(
      fmt::format("{}: the object {} would have {} bytes, {} are the limit: the old one stays. "
                  "Merge the store; "
                  "when merging says this, begin a new one",
                  location_, kCheckpointKey, bytes, max_checkpoint_size_));
}

/// Tried once. False: somebody else put one, or we ourselves and the answer was lost; it has been
/// read. CorruptionError: it vanished. Then it is not put again by what is known here, as somebody
/// may have merged since.
bool CommitLog::put_checkpoint(const LogCheckpoint& checkpoint) {
  const Bytes object = write_checkpoint(checkpoint);
  throw_if_too_large(object.size(), checkpoint.slot);
  const std::span<const std::byte> part(object);
  const CloudPutResult put = client_->put(kCheckpointKey, {&part, 1},
                                          checkpoint_version_.empty()
                                              ? CloudPutCondition::if_absent()
                                              : CloudPutCondition::if_version(checkpoint_version_));
  if (put.stored) {
    checkpoint_version_ = put.version;
    checkpoint_slot_ = checkpoint.slot;
    checkpoint_size_ = object.size();
    has_lost_checkpoint_ = false;
    return true;
  }
  if (read_checkpoint_object({}) == Look::kRead) return false;
  if (!has_lost_checkpoint_) throw_no_checkpoint();
  checkpoint_version_.clear();  // the damaged one is gone as well
  return false;
}

void CommitLog::publish_segments(std::span<const MergedSegment> segments, std::uint64_t boundary) {
  constexpr int kTries = 8;
  const std::lock_guard io(io_mutex_);
  for (int tries = 0; tries < kTries; ++tries) {
    LogCheckpoint next = state();
    if (next.boundary >= boundary) return;
    for (const MergedSegment& segment : segments) {
      if (!next.index.replace(segment.wal, segment.begin, {segment.end, 0, {}})) return;
    }
    next.boundary = boundary;
    if (!retried([&] { return put_checkpoint(next); })) continue;
    const std::unique_lock lock(state_mutex_);
    state_ = std::move(next);
    return;
  }
  throw CloudStorageError(
      CloudFailure::kNotNow, 0,
      fmt::format("{}: the object {} was put by others each of {} times; nothing was merged",
                  location_, kCheckpointKey, kTries));
}

// --- what is known

std::optional<RootVersion> CommitLog::root() const {
  throw_if_broken();
  const std::shared_lock lock(state_mutex_);
  if (state_.root || !state_.inherited_root) return state_.root;
  RootVersion oldest;
  oldest.root = *state_.inherited_root;
  return oldest;
}

std::optional<AtomPointer> CommitLog::inherited_root() const {
  const std::shared_lock lock(state_mutex_);
  return state_.inherited_root;
}

std::optional<WALIndex::Place> CommitLog::find_place(const UUID& wal, std::uint64_t offset) const {
  const std::shared_lock lock(state_mutex_);
  return state_.index.find_place(wal, offset);
}

std::optional<std::uint64_t> CommitLog::end_of(const UUID& wal) const {
  const std::shared_lock lock(state_mutex_);
  const IndexedWAL* const found = state_.index.find(wal);
  return found == nullptr ? std::nullopt : std::optional(found->end());
}

std::uint64_t CommitLog::begin_of(const UUID& wal) const {
  const std::shared_lock lock(state_mutex_);
  const IndexedWAL* const found = state_.index.find(wal);
  return found == nullptr ? kWALFirstRecordOffset : found->begin();
}

WALDescription CommitLog::describe(const UUID& wal) const {
  const std::shared_lock lock(state_mutex_);
  const IndexedWAL* const found = state_.index.find(wal);
  if (found == nullptr) throw NotFoundError(location_ + ": no WAL " + wal.to_string());
  return {wal, found->layout, found->end(), found->end(), found->end(), found->records};
}

std::vector<UUID> CommitLog::list_wals() const {
  const std::shared_lock lock(state_mutex_);
  std::vector<UUID> ids;
  for (const IndexedWAL& wal : state_.index.wals()) ids.push_back(wal.id);
  return ids;
}

std::uint64_t CommitLog::newest_slot() const {
  const std::shared_lock lock(state_mutex_);
  return state_.slot;
}

std::uint64_t CommitLog::boundary() const {
  const std::shared_lock lock(state_mutex_);
  return state_.boundary;
}

std::uint64_t CommitLog::unmerged() const {
  const std::shared_lock lock(state_mutex_);
  return state_.slot + 1 - state_.boundary;
}

UUID CommitLog::newest_wal() const {
  const std::shared_lock lock(state_mutex_);
  return state_.index.wals().empty() ? UUID{} : state_.index.wals().back().id;
}

UUID CommitLog::store() const {
  const std::shared_lock lock(state_mutex_);
  return state_.store;
}

LogCheckpoint CommitLog::state() const {
  const std::shared_lock lock(state_mutex_);
  return state_;
}

}  // namespace protobase::cloud
