// What one client knows of a commit log: an unbroken run of slots from 1 on, and where their bytes
// lie. It only grows.
#pragma once

#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "cloud/log_checkpoint.h"
#include "cloud/slot.h"
#include "cloud/slot_reader.h"
#include "cloud/wal_index.h"
#include "protobase/block_provider.h"
#include "protobase/root_register.h"

namespace protobase::cloud {

/// Thread-safe. Changed by one thread at a time (CommitLog), read by any.
class LogState final {
 public:
  explicit LogState(std::string location) : location_(std::move(location)) {}

  // --- what is known

  bool is_open() const;
  std::uint64_t newest_slot() const;
  /// The oldest that is not merged and holds bytes; 0: there is none.
  std::uint64_t oldest_slot() const;
  std::uint64_t boundary() const;
  /// Slots known that are not merged.
  std::uint64_t unmerged() const;
  UUID store() const;
  /// The newest; before the first commit the one that the Python storage left, with sequence 0.
  /// CorruptionError: slots are missing, and with them the newest root.
  std::optional<RootVersion> root() const;
  std::optional<AtomPointer> inherited_root() const;
  std::optional<WALIndex::Place> find_place(const UUID& wal, std::uint64_t offset) const;
  std::optional<std::uint64_t> end_of(const UUID& wal) const;
  /// Where the records of a WAL begin; of one that is not known, as of a new one.
  std::uint64_t begin_of(const UUID& wal) const;
  /// NotFoundError: it is not known.
  WALDescription describe(const UUID& wal) const;
  std::vector<UUID> list_wals() const;
  /// The one that the newest bytes belong to; nil: there is none.
  UUID newest_wal() const;
  /// A copy of everything.
  LogCheckpoint checkpoint() const;
  /// Of the slot that would be the next one: its number and store, root and epoch as they are.
  SlotHeader next_header() const;

  // --- what comes to be known

  /// `read` may be older than what is known, or know that slots were merged. CorruptionError: it is
  /// of another store, or of before a merge that is known.
  void adopt(LogCheckpoint read);
  /// The slots behind the newest one. CorruptionError: they do not continue it.
  void take_up(const std::vector<ListedSlot>& slots);
  /// A claim that was put behind the newest slot. False: that place was merged away, or taken.
  bool take_up_claim(const SlotHeader& claim);
  /// Segments in place of slots.
  void replace(LogCheckpoint merged);

  /// Why slots are missing behind the newest one; "": none is.
  void set_broken(std::string why);
  /// Why what was adopted last is not believed; until something else is.
  void set_outdated(std::string why);
  bool is_broken() const;
  void throw_if_broken() const;

 private:
  void take_up_bytes(const ListedSlot& slot);

  const std::string location_;
  mutable std::shared_mutex mutex_;
  bool is_open_ = false;
  std::string broken_;    // the slot that is missing, if one is
  std::string outdated_;  // that shows an older checkpoint, if one does
  LogCheckpoint known_;
};

}  // namespace protobase::cloud
