// The second waist: who agrees which atom is the root. The log is the truth - every commit is a
// record in a WAL - and a register is the agreement on which commit record is the newest.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "protobase/atom_pointer.h"

namespace protobase {

/// One committed root.
struct RootVersion {
  AtomPointer root;
  std::uint64_t sequence =
      0;  ///< grows with every commit, not always by one; 0: set by the Python storage
  std::uint64_t previous_sequence = 0;  ///< of the root it replaced; 0 when it was the first
  std::int64_t time_us = 0;             ///< microseconds since 1970 UTC, for people
  AtomPointer commit;                   ///< where its commit record lies; nil for sequence 0
  AtomPointer previous_commit;          ///< the replaced root's commit record; nil when none

  friend bool operator==(const RootVersion&, const RootVersion&) = default;
};

/// Held while a root is being moved. Destruction releases it and never throws.
class RootLock {
 public:
  virtual ~RootLock() = default;
};

/// Contract, held by test/conformance/root_register_conformance.h; thread-safe:
///  - read() gives the newest published root; it never goes back.
///  - compare_and_set() is atomic and says `false` when the current sequence is not the expected
///    one. Precondition: next's commit record, and all it may point to, is durable. On return the
///    move is durable too: a register opened later reads `next` or a newer one.
///  - lock() shuts out every other holder, in this process and others. It saves retries; what
///    makes a move safe is compare_and_set (in a directory the lock is the kernel's and never
///    expires, so there both are one). The lock of a process that died goes with it, and lock()
///    returns only after the outcome of what that process was committing is settled.
class RootRegister {
 public:
  virtual ~RootRegister() = default;

  /// nullopt: no root was ever set. CorruptionError: the newest root is known to be lost.
  virtual std::optional<RootVersion> read() = 0;

  /// The root that was there before the first commit record; nullopt in a space of our own making.
  virtual std::optional<AtomPointer> inherited_root() = 0;

  /// Not re-entrant. Throws LockingError after `timeout_ms`.
  virtual std::unique_ptr<RootLock> lock(std::uint64_t timeout_ms) = 0;

  /// Called under the lock: a sequence larger than that of any commit ever tried.
  virtual std::uint64_t next_sequence() = 0;

  /// Called under the lock before any byte of a commit is written: commit records with sequences
  /// `first` to `last` may appear in WAL `scan_from.transaction_id` at or beyond its offset.
  virtual void prepare(std::uint64_t first, std::uint64_t last, const AtomPointer& scan_from) = 0;

  /// Called under the lock. The prepared commit will not be finished; its sequences are burnt.
  virtual void abandon() noexcept = 0;

  /// Called under the lock. `expected_sequence` empty: no root must be set.
  virtual bool compare_and_set(std::optional<std::uint64_t> expected_sequence,
                               const RootVersion& next) = 0;
};

}  // namespace protobase
