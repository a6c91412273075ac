// The commit log in a bucket, as one client of it sees it: reads the slots, claims, puts the next
// one. docs/internals/cloud_format.md has the protocol and why it is safe.
//
// Invariants:
//  - What is known is an unbroken run of slots from 1 on; it only grows.
//  - A slot is put only behind a claim of ours, and every slot behind that claim is ours.
//  - After a lost claim nothing is put any more; while an outcome is unknown, only the same slot
//    with the same commit id.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cloud/bucket.h"
#include "cloud/checkpoint_object.h"
#include "cloud/log_checkpoint.h"
#include "cloud/log_state.h"
#include "cloud/slot.h"
#include "cloud/slot_reader.h"
#include "cloud/slot_writer.h"
#include "engine/worker_pool.h"
#include "protobase/cloud_block_provider.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

class ObjectCheck;

/// What the next slot is to hold: a range of a WAL.
struct SlotContents {
  UUID commit_id;
  UUID wal;
  std::uint64_t begin = 0;
  std::vector<std::uint64_t> segment_ends;  ///< of the segments that were put before
  std::vector<SharedBytes> inline_parts;    ///< what comes behind them
  std::uint64_t records = 0;                ///< of the WAL, with these
  std::optional<RootVersion> root;          ///< the newest commit among them, if any
};

using FoundBytes =
    std::function<void(const UUID& wal, std::uint64_t begin, std::span<const std::byte> bytes)>;

/// Thread-safe.
class CommitLog final {
 public:
  CommitLog(Bucket bucket, engine::WorkerPool& pool, SlotReader::Found found,
            std::uint64_t max_checkpoint_size = kMaxCheckpointSize);

  /// Reads what is there; false: no store. ValidationError: the prefix holds other things.
  /// CorruptionError, NotSupportedError: a store that cannot be read.
  bool open();
  /// Of all that was read and put so far.
  const LogState& known() const noexcept { return known_; }

  /// Looks for slots of other writers: one request, and one more for each of a few that are there.
  /// Every second time it looks whether the checkpoint changed instead, as merged slots are gone.
  void poll();
  /// Looks for slots, and whether the checkpoint changed.
  void refresh();
  /// CorruptionError: the checkpoint vanished, or is older than what was merged.
  void expect_checkpoint();
  /// CorruptionError: the checkpoint is older than what was merged. Precondition: not claimed.
  void expect_newest_checkpoint() {
    const std::lock_guard io(io_mutex_);
    expect_merges_known();
  }

  /// Takes over the writing; makes the store if there is none. Does nothing when it was done
  /// before. LockingError: another writer took over since; with NothingTookEffect: too many want
  /// to, it may be tried again. CorruptionError:
  /// slots are missing, or the checkpoint is older than what was merged.
  void claim();
  bool has_claimed() const noexcept { return claimed_epoch_ != 0; }

  /// Puts the next slot and returns when it is stored. LockingError: another writer took over.
  /// NothingTookEffect: nothing was stored, the same may be tried again. CloudStorageError with
  /// kUnknown: it may be stored; the same contents, with the same commit id, may be tried again
  /// until the outcome is known, and nothing else may. Precondition: claim() returned, nobody else
  /// appends.
  void append(const SlotContents& contents);

  /// Puts a checkpoint when the newest one is `slots` behind or more, if nobody else did.
  /// UnexpectedError: it would be longer than readers take, so the old one stays.
  void checkpoint(std::uint64_t slots);

  /// Segments that nothing names of what is known here.
  CloudUnnamedSegments unnamed_segments() const;

  /// Puts a checkpoint with `segments`, which a merge put, in place of the slots below `boundary`.
  /// False: somebody else merged these slots meanwhile. CloudStorageError, kNotNow: others put one
  /// again and again. UnexpectedError: as above.
  bool publish_segments(std::span<const SegmentName> segments, std::uint64_t boundary);

  /// Of the checkpoint as it was last read or put, in bytes.
  std::uint64_t checkpoint_size() const noexcept { return checkpoint_.size(); }
  const std::string& location() const noexcept { return bucket_.location(); }
  /// Objects that the index names and the bucket does not have, or not in that size; of legacy WALs
  /// also those with other bytes than were put. `keep` gets the bytes of the others of these.
  std::vector<BadPlace> find_damage(const FoundBytes& keep);

 private:
  using Look = CheckpointObject::Look;

  // The following are called with io_mutex_ held.
  bool read_base();
  bool has_oldest_slot();
  std::optional<LogCheckpoint> rebuild_from_slots(const std::string& version) const;
  void adopt_rebuilt_checkpoint(const std::string& version, const std::string& damage);
  Look read_checkpoint_if_new();
  Look read_checkpoint_anew(std::string* version = nullptr);
  bool is_empty();
  [[noreturn]] void throw_no_checkpoint();
  void expect_merges_known();
  std::vector<BadPlace> find_bad_objects(const ObjectCheck& objects);
  std::vector<BadPlace> find_unknown_merges(const ObjectCheck& objects) const;
  void adopt(LogCheckpoint read);
  bool put_checkpoint(const LogCheckpoint& checkpoint);
  void read_tail();
  CloudListPage list_slots() const;
  bool read_and_take_up(std::vector<ListedSlot>& slots);
  void create();
  bool try_claim();
  void throw_if_unusable() const;
  void throw_if_unknown(const UUID& commit_id) const;
  SlotWriter::Result put(const SlotHeader& header, const SlotWriter::Parts& parts);
  void note_deposed(std::uint64_t epoch, std::uint64_t slot);
  bool is_known_by_now(const SlotHeader& ours);
  bool was_stored_before(const SlotHeader& ours);

  const Bucket bucket_;
  engine::WorkerPool& pool_;
  const SlotReader reader_;
  const SlotWriter writer_;

  std::mutex io_mutex_;  // one conversation about slots at a time
  std::uint64_t polls_ = 0;
  CheckpointObject checkpoint_;
  std::atomic<bool> has_lost_checkpoint_{false};
  bool is_rebuilding_ = false;  // of slots alone, so nothing else can confirm a claim
  std::atomic<std::uint64_t> claimed_epoch_{0};  // 0: nothing claimed
  std::string deposed_;                          // why nothing is put any more
  std::optional<UUID> unknown_commit_;           // the only one that may be put again,
  std::uint64_t unknown_slot_ = 0;               // and only there
  LogState known_;                               // changed with io_mutex_ held only
};

}  // namespace protobase::cloud
