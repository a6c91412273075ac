// RootRegister of a directory: protobase.root shows the newest root, a lock byte lets one process
// at a time move it, and the commit records in the WALs are what is durable.
//
// How a commit stays exact when its process dies (all under the root lock):
//   1. the intent is written: which sequences, in which WAL, from where;
//   2. the WAL is written and synced;
//   3. the root is published.
// Whoever takes the lock next and finds an intent newer than the published root looks into that
// WAL: a commit record that is there whole is made durable and published, otherwise it never
// happened.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "file/space_directory.h"
#include "file/space_recovery.h"
#include "format/root_file.h"
#include "os/clock.h"
#include "protobase/options.h"
#include "protobase/root_register.h"

namespace protobase::file {

/// Thread-safe.
class FileRootRegister final : public RootRegister {
 public:
  /// Opens the space if it is there by now, calling attach(); with `create`, makes it first.
  using Join = std::function<void(bool create)>;

  FileRootRegister(const SpaceDirectory& directory, std::shared_ptr<os::Clock> clock, Logger logger,
                   Join join);

  /// The space is open for writing; this process is a member. `recovered`: it is the only one, and
  /// that is what its WALs say.
  void attach(std::shared_ptr<os::File> lock_file, const std::optional<RecoveredSpace>& recovered);
  /// The space is open for reading only. Unless `others` have it open, and keep the published root
  /// right, the WALs are asked.
  void attach_read_only(bool others);
  void detach();
  /// Settles a commit whose process died over it or is unsure of it, if there is one.
  void settle_open_commit();
  /// The root in `file`; nullopt when none was published, it is damaged or cannot be read.
  std::optional<RootVersion> read_hint(os::File& file) const;
  /// The newest root that protobase.root shows or this process has met, not judged. Never waits.
  std::optional<RootVersion> newest_known() const;

  std::optional<RootVersion> read() override;
  std::unique_ptr<RootLock> lock(std::uint64_t timeout_ms) override;
  std::uint64_t next_sequence() override;
  void prepare(std::uint64_t first, std::uint64_t last, const AtomPointer& scan_from) override;
  void abandon() noexcept override;
  bool compare_and_set(std::optional<std::uint64_t> expected_sequence,
                       const RootVersion& next) override;
  std::optional<AtomPointer> inherited_root() override { return directory_.read_legacy_root(); }

 private:
  class Lock;

  /// What protobase.root says, read once when the lock is taken: nobody else changes it then.
  struct Held {
    std::optional<RootVersion> current;
    std::uint64_t last_tried = 0;  ///< the highest sequence any commit ever used
  };

  RecoveredSpace state_beside_others(const std::optional<RootVersion>& published) const;
  std::shared_ptr<os::File> root_file() const;
  std::optional<RootVersion> read_published(os::File& file) const;
  std::optional<RootVersion> read_from_wals() const;
  std::optional<format::CommitIntent> read_intent() const;
  std::optional<RootVersion> read_shared();
  Held read_and_settle();
  void write_root_file(std::uint64_t place, std::span<const std::byte> bytes) const;
  std::shared_ptr<os::File> take_process_lock(std::uint64_t timeout_ms);
  std::shared_ptr<os::File> lock_file() const;
  void throw_if_closed() const;  // with the mutex held
  std::optional<RootVersion> settle(const format::CommitIntent& intent,
                                    const std::optional<RootVersion>& current);
  void unlock() noexcept;

  const SpaceDirectory& directory_;
  const std::shared_ptr<os::Clock> clock_;
  const Logger logger_;
  const Join join_;

  mutable std::mutex mutex_;          // guards what follows
  std::condition_variable unlocked_;  // or closed
  bool closed_ = false;
  bool read_only_ = false;
  bool locked_ = false;       // by a thread of this process
  std::optional<Held> held_;  // while the process lock is held
  std::shared_ptr<os::File> lock_file_;
  std::shared_ptr<os::File> root_file_;
  RecoveredSpace recovered_;  // what the WALs said at open and what was seen since: a floor
};

}  // namespace protobase::file
