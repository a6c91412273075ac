#include "file/space_recovery.h"

#include <utility>

#include "protobase/errors.h"

namespace protobase::file {
namespace {

void warn(const Logger& logger, const std::string& message) {
  if (logger) logger(LogLevel::kWarning, message);
}

/// A file whose creation a crash cut short: no header, and nothing behind it.
bool is_stillborn(const WALHead& head) {
  return head.state != format::WALHeaderState::kValid && head.file_size <= format::kWALHeaderSize;
}

class Recovery {
 public:
  Recovery(const SpaceDirectory& directory, bool settle, const Logger& logger)
      : directory_(directory), settle_(settle), logger_(logger) {}

  RecoveredSpace run() {
    for (const UUID& id : directory_.list().wals) recover(id);
    const bool lost = result_.highest_sequence > (result_.newest ? result_.newest->sequence : 0);
    if (!lost) result_.lost_commit.clear();
    return std::move(result_);
  }

 private:
  void recover(const UUID& id) {
    auto& file_system = directory_.file_system();
    const std::string path = directory_.wal_path(id);
    const auto file =
        file_system.open(path, settle_ ? os::OpenMode::kReadWrite : os::OpenMode::kRead);
    if (!file) return;
    WALHead head = read_wal_head(*file, id);
    if (is_stillborn(head)) {
      if (settle_) file_system.remove(path);
      return;
    }
    const WALTail tail = read_wal_tail(*file, id, head);
    for (const std::string& damage : tail.damage) warn(logger_, damage);
    note_commits(id, tail);
    if (tail.damage.empty() && !tail.lost_commit) {
      if (settle_) settle_wal_tail(*file, id, head, tail);
      if (head.checkpoint.sealed) result_.unusable.insert(id);
    } else {
      result_.unusable.insert(id);
    }
  }

  void note_commits(const UUID& id, const WALTail& tail) {
    if (const auto& commit = tail.newest_commit) {
      if (!result_.newest || commit->sequence > result_.newest->sequence) result_.newest = commit;
      result_.highest_sequence = std::max(result_.highest_sequence, commit->sequence);
    }
    if (tail.lost_commit && tail.lost_commit->commit_sequence > result_.highest_sequence) {
      result_.highest_sequence = tail.lost_commit->commit_sequence;
      result_.lost_commit = AtomPointer{id, tail.lost_commit->commit_offset}.to_string();
    }
  }

  const SpaceDirectory& directory_;
  const bool settle_;
  const Logger& logger_;
  RecoveredSpace result_;
};

}  // namespace

RecoveredSpace recover_space(const SpaceDirectory& directory, bool settle, const Logger& logger) {
  return Recovery(directory, settle, logger).run();
}

std::unique_ptr<os::File> take_wal(const SpaceDirectory& directory, const UUID& id, WALHead& head,
                                   const Logger& logger) {
  auto file = directory.file_system().open(directory.wal_path(id), os::OpenMode::kReadWrite);
  if (!file || !file->try_lock(kWriterLock, true)) return nullptr;
  head = read_wal_head(*file, id);
  if (head.state != format::WALHeaderState::kValid || head.checkpoint.sealed) return nullptr;
  const WALTail tail = read_wal_tail(*file, id, head);
  if (!tail.damage.empty() || tail.lost_commit) {
    for (const std::string& damage : tail.damage) warn(logger, damage);
    return nullptr;
  }
  settle_wal_tail(*file, id, head, tail);
  return file;
}

}  // namespace protobase::file
