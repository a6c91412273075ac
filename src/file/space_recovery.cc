#include "file/space_recovery.h"

#include <algorithm>
#include <utility>

#include "format/commit_record.h"
#include "format/record.h"
#include "protobase/errors.h"

namespace protobase::file {
namespace {

void warn(const Logger& logger, const std::string& message) {
  if (logger) logger(LogLevel::kWarning, message);
}

void settle(const SpaceDirectory& directory, os::File& file, const UUID& id, WALHead& head,
            const WALTail& tail) {
  const bool never_closed = !head.has_checkpoint;
  settle_wal_tail(file, id, head, tail);
  // Nor may its writer have lived to sync the directory.
  if (never_closed) directory.file_system().sync_directory(directory.path());
}

class Recovery {
 public:
  Recovery(const SpaceDirectory& directory, const std::optional<RootVersion>& published,
           bool settle, const Logger& logger)
      : directory_(directory),
        settle_(settle),
        logger_(logger),
        chain_(read_chain(directory, published)) {}

  RecoveredSpace run() {
    for (const UUID& id : directory_.list().wals) recover(id);
    for (const BadPlace& loss : chain_.lost()) {
      warn(logger_, "WAL " + loss.pointer.transaction_id.to_string() + ": " + loss.reason);
    }
    const bool lost = result_.highest_sequence > (result_.newest ? result_.newest->sequence : 0);
    if (!lost) result_.lost_commit.reset();
    return std::move(result_);
  }

 private:
  void recover(const UUID& id) {
    const auto file = directory_.file_system().open(
        directory_.wal_path(id), settle_ ? os::OpenMode::kReadWrite : os::OpenMode::kRead);
    if (!file) return;
    WALHead head = read_wal_head(*file, id);
    if (head.is_unborn) {
      result_.unusable.insert(id);
      return;
    }
    const WALTail tail = read_wal_tail(*file, id, head, chain_.proven(id));
    for (const std::string& damage : tail.damage) warn(logger_, damage);
    note_commits(id, settle_ ? tail : without_doubt(*file, id, head, tail));
    const bool intact = tail.damage.empty() && !tail.lost_commit;
    if (intact && settle_) {
      settle(directory_, *file, id, head, tail);
    } else if (!tail.settled) {
      file->sync_data();  // its writer may not have: what we saw must not be taken back
    }
    if (!intact || head.checkpoint.sealed || chain_.is_left_behind(id)) {
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
    return read_wal_tail(file, id, proven);
  }

  void note_commits(const UUID& id, const WALTail& tail) {
    if (const auto& commit = tail.newest_commit) {
      if (!result_.newest || commit->sequence > result_.newest->sequence) result_.newest = commit;
      result_.highest_sequence = std::max(result_.highest_sequence, commit->sequence);
    }
    if (tail.lost_commit && tail.lost_commit->commit_sequence > result_.highest_sequence) {
      result_.highest_sequence = tail.lost_commit->commit_sequence;
      result_.lost_commit = AtomPointer{id, tail.lost_commit->commit_offset};
    }
  }

  const SpaceDirectory& directory_;
  const bool settle_;
  const Logger& logger_;
  const WALChain chain_;
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
  if (chain.is_left_behind(id)) return nullptr;
  auto file = directory.file_system().open(directory.wal_path(id), os::OpenMode::kReadWrite);
  if (!file || !file->try_lock(kWriterLock, true)) return nullptr;
  head = read_wal_head(*file, id);
  if (!head.is_whole || head.checkpoint.sealed) return nullptr;
  const WALTail tail = read_wal_tail(*file, id, head, chain.proven(id));
  if (!tail.damage.empty() || tail.lost_commit) {
    for (const std::string& damage : tail.damage) warn(logger, damage);
    return nullptr;
  }
  settle(directory, *file, id, head, tail);
  return file;
}

}  // namespace protobase::file
