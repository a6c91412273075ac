#include "file/space_recovery.h"

#include <algorithm>
#include <utility>

#include "file/space_tails.h"
#include "protobase/errors.h"

namespace protobase::file {
namespace {

void warn(const Logger& logger, const std::string& message) {
  if (logger) logger(LogLevel::kWarning, message);
}

/// False when some of it could not be read again: it stays as it is then.
bool settle(const SpaceDirectory& directory, os::File& file, const UUID& id, WALHead& head,
            const WALTail& tail, bool seal, const Logger& logger) {
  const bool never_closed = !head.has_checkpoint;
  try {
    settle_wal_tail(file, id, head, tail, seal);
  } catch (const os::ReadError& error) {
    warn(logger, "WAL " + id.to_string() + " cannot be read: " + error.what());
    return false;
  }
  // Nor may its writer have lived to sync the directory.
  if (never_closed) directory.sync();
  return true;
}

class Recovery {
 public:
  Recovery(const SpaceDirectory& directory, const std::optional<RootVersion>& published,
           bool settle, const Logger& logger)
      : directory_(directory),
        published_(published),
        settle_(settle),
        logger_(logger),
        tails_(read_tails(directory, published)) {}

  RecoveredSpace run() {
    for (auto& [id, found] : tails_.wals) recover(id, found);
    for (const BadPlace& loss : tails_.chain.lost()) {
      warn(logger_, "WAL " + loss.pointer.transaction_id.to_string() + ": " + loss.reason);
    }
    if (published_) note_lost(published_->sequence, published_->commit);
    const bool lost = result_.highest_sequence > (result_.newest ? result_.newest->sequence : 0);
    if (!lost) result_.lost_commit.reset();
    note_unread();
    result_.chain = std::move(tails_.chain);
    return std::move(result_);
  }

 private:
  void recover(const UUID& id, FoundWAL& found) {
    if (found.head.is_unborn) {
      result_.unusable.insert(id);
      return;
    }
    const WALTail& tail = found.tail;
    for (const std::string& damage : tail.damage) warn(logger_, damage);
    // A seal where more may have been is enough: what was there gets no other meaning.
    const bool undecided = tails_.chain.is_undecided(id);
    const bool intact = tail.damage.empty() && !tail.lost_commit && !(undecided && tail.torn);
    const bool settled = tail.settled && (!settle_ || !intact || is_settled(found.head, tail));
    if (settled) {
      note_commits(id, tail);
    } else {
      harden(id, found, settle_ && intact);
    }
    if (!intact || undecided || found.head.checkpoint.sealed || tails_.chain.is_left_behind(id)) {
      result_.unusable.insert(id);
    }
  }

  /// Its writer may not have synced it: what was seen in it must not be taken back.
  void harden(const UUID& id, FoundWAL& found, bool by_settling) {
    const auto file = directory_.file_system().open(
        directory_.wal_path(id), by_settling ? os::OpenMode::kReadWrite : os::OpenMode::kRead);
    if (!file) return;
    const WALTail& tail = found.tail;
    note_commits(id, settle_ ? tail : without_doubt(*file, id, found.head, tail));
    if (!by_settling) {
      file->sync_data();
    } else if (!settle(directory_, *file, id, found.head, tail, tails_.chain.is_undecided(id),
                       logger_)) {
      result_.unusable.insert(id);
    }
  }

  /// The tail without commits that a live writer may be about to make durable, or has failed to:
  /// after a failed sync ours would succeed and mean nothing.
  static WALTail without_doubt(os::File& file, const UUID& id, const WALHead& head,
                               const WALTail& tail) {
    if (tail.settled || !file.is_locked(kWriterLock)) return tail;
    WALHead proven = head;
    proven.file_size = std::min(head.file_size, tail.proven);
    return read_wal_tail(file, id, proven, proven.file_size);
  }

  void note_commits(const UUID& id, const WALTail& tail) {
    if (const auto& commit = tail.newest_commit) {
      if (!result_.newest || commit->sequence > result_.newest->sequence) result_.newest = commit;
      result_.highest_sequence = std::max(result_.highest_sequence, commit->sequence);
    }
    if (const auto& lost = tail.lost_commit) {
      note_lost(lost->commit_sequence, {id, lost->commit_offset});
    }
  }

  /// It is not lost if one as new is found.
  void note_lost(std::uint64_t sequence, const AtomPointer& commit) {
    if (sequence <= result_.highest_sequence) return;
    result_.highest_sequence = sequence;
    result_.lost_commit = commit;
  }

  /// Where the newest root may lie behind what cannot be read, an older one must not be taken for
  /// it. The published root says whether there is a newer one; when it cannot be asked, there may.
  void note_unread() {
    for (const auto& [id, found] : tails_.wals) {
      if (!found.tail.unread) continue;
      if (!published_ && !result_.lost_commit) {
        result_.lost_commit = found.tail.unread->pointer;
      }
      if (result_.lost_commit && result_.lost_commit->transaction_id == id) {
        result_.read_error = found.tail.unread->reason;
      }
    }
  }

  const SpaceDirectory& directory_;
  const std::optional<RootVersion>& published_;
  const bool settle_;
  const Logger& logger_;
  SpaceTails tails_;
  RecoveredSpace result_;
};

}  // namespace

RecoveredSpace recover_space(const SpaceDirectory& directory,
                             const std::optional<RootVersion>& published, bool settle,
                             const Logger& logger) {
  return Recovery(directory, published, settle, logger).run();
}

std::uint64_t harden_wal(const SpaceDirectory& directory, const UUID& id, std::uint64_t proven) {
  const auto file = directory.file_system().open(directory.wal_path(id), os::OpenMode::kReadWrite);
  if (!file) throw NotFoundError("no WAL " + id.to_string() + " in " + directory.path());
  const WALHead head = read_wal_head(*file, id);
  const WALTail tail = read_wal_tail(*file, id, head, proven);
  if (!tail.settled) rewrite_tail(*file, id, head, tail);
  return tail.end;
}

std::unique_ptr<os::File> take_wal(const SpaceDirectory& directory, const UUID& id,
                                   const WALChain& chain, WALHead& head, const Logger& logger) {
  if (chain.is_left_behind(id) || chain.has_unreadable(id) || chain.is_undecided(id)) {
    return nullptr;
  }
  auto file = directory.file_system().open(directory.wal_path(id), os::OpenMode::kReadWrite);
  if (!file || !file->try_lock(kWriterLock, true)) return nullptr;
  head = read_wal_head(*file, id);
  if (!head.is_whole || head.checkpoint.sealed) return nullptr;
  const WALTail tail = read_wal_tail(*file, id, head, chain.proven(id));
  if (!tail.damage.empty() || tail.lost_commit) {
    for (const std::string& damage : tail.damage) warn(logger, damage);
    return nullptr;
  }
  return settle(directory, *file, id, head, tail, /*seal=*/false, logger) ? std::move(file)
                                                                          : nullptr;
}

}  // namespace protobase::file
