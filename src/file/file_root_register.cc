#include "file/file_root_register.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "base/endian.h"
#include "base/planted_bug.h"
#include "file/root_file_io.h"
#include "protobase/errors.h"

namespace protobase::file {
namespace {

// A half-written root is met only while another process is within one 136-byte write.
constexpr int kTornReads = 100;
constexpr std::uint64_t kPollUs = 100;
constexpr std::uint64_t kMaxPollUs = 5000;

std::uint64_t sequence_of(const std::optional<RootVersion>& version) noexcept {
  return version ? version->sequence : 0;
}

[[noreturn]] void throw_lost(const AtomPointer& commit, const std::string& read_error) {
  if (read_error.empty()) {
    throw CorruptionError(commit,
                          "the commit record of the newest root is damaged or missing, so the "
                          "root is lost; restore the file from a copy");
  }
  throw os::ReadError(
      "WAL " + commit.transaction_id.to_string() + ", offset " + std::to_string(commit.offset) +
      ": the commit record of the newest root lies where the disk cannot be read: " + read_error);
}

/// Of PlantedBug::kLockOutlivesKill: whoever makes the file has the lock, until he removes it.
std::string lock_file_of(const SpaceDirectory& directory) {
  return directory.path() + "/space_root.lock";
}

bool try_root_lock(const SpaceDirectory& directory, os::File& file) {
  if (!base::is_planted(base::PlantedBug::kLockOutlivesKill)) return file.try_lock(kRootLock, true);
  return directory.file_system().open(lock_file_of(directory), os::OpenMode::kCreateNew) != nullptr;
}

/// Whether a commit was begun and neither published nor given up.
bool is_open(const format::CommitIntent& intent,
             const std::optional<RootVersion>& published) noexcept {
  return !intent.abandoned && intent.last_sequence > sequence_of(published);
}

}  // namespace

class FileRootRegister::Lock final : public RootLock {
 public:
  explicit Lock(FileRootRegister& owner) : owner_(owner) {}
  ~Lock() override { owner_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  FileRootRegister& owner_;
};

FileRootRegister::FileRootRegister(const SpaceDirectory& directory,
                                   std::shared_ptr<os::Clock> clock, Logger logger, Join join)
    : directory_(directory),
      clock_(std::move(clock)),
      logger_(std::move(logger)),
      join_(std::move(join)) {}

std::optional<RootVersion> FileRootRegister::newest_known() const {
  std::shared_ptr<os::File> file;
  std::optional<RootVersion> newest;
  {
    const std::lock_guard lock(mutex_);
    file = root_file_;
    newest = recovered_.newest;
  }
  std::array<std::byte, format::kPublishedRootSize> bytes{};
  if (!file || !try_read_root(*file, bytes)) return newest;
  const auto published = format::read_published_root(bytes);
  return sequence_of(published) > sequence_of(newest) ? published : newest;
}

void FileRootRegister::attach(std::shared_ptr<os::File> lock_file,
                              const std::optional<RecoveredSpace>& recovered) {
  std::shared_ptr<os::File> file =
      directory_.file_system().open(directory_.root_path(), os::OpenMode::kCreate);
  if (file->size() < kRootFileSize) file->truncate(kRootFileSize);
  RecoveredSpace state;
  if (recovered) {
    state = *recovered;
    if (!state.lost_commit) {  // else what is there is evidence
      start_root_file(*file, state.newest, state.highest_sequence);
    }
  } else {
    state = state_beside_others(read_hint(*file));
  }
  // Nothing throws from here on: an attempt that failed must not leave locked files behind.
  const std::lock_guard lock(mutex_);
  recovered_ = std::move(state);
  lock_file_ = std::move(lock_file);
  root_file_ = std::move(file);
}

void FileRootRegister::attach_read_only(bool others) {
  std::shared_ptr<os::File> file =
      directory_.file_system().open(directory_.root_path(), os::OpenMode::kRead);
  // Read before the WALs are: what it says was durable by then, so they must know it too.
  std::optional<RootVersion> published;
  if (file) published = read_hint(*file);
  const RecoveredSpace state =
      others ? state_beside_others(published)
             : recover_space(directory_, published, /*settle=*/false, logger_);
  const std::lock_guard lock(mutex_);
  read_only_ = true;
  recovered_ = state;
  root_file_ = std::move(file);
}

/// What is known while others have the space open and keep the published root right.
RecoveredSpace FileRootRegister::state_beside_others(
    const std::optional<RootVersion>& published) const {
  if (!published) return recover_space(directory_, published, /*settle=*/false, logger_);
  RecoveredSpace state;
  const AtomPointer& commit = published->commit;
  const auto file = directory_.file_system().open(directory_.wal_path(commit.transaction_id),
                                                  os::OpenMode::kRead);
  if (!file || !try_read_commit_at(*file, commit, state.read_error)) state.lost_commit = commit;
  return state;
}

void FileRootRegister::settle_open_commit() {
  {
    const std::lock_guard lock(mutex_);
    if (recovered_.lost_commit) return;  // what is there is evidence, and damage stops no opening
  }
  try {
    const auto intent = read_intent();
    if (!intent || !is_open(*intent, newest_known())) return;
    lock(/*timeout_ms=*/0);  // taking it settles
  } catch (const LockingError&) {
    return;  // whoever holds it is alive and in the middle of that commit
  } catch (const os::ReadError& error) {
    // No commit is made before it is settled; everything else goes on.
    if (logger_) logger_(LogLevel::kWarning, error.what());
  }
}

void FileRootRegister::detach() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  lock_file_.reset();
  root_file_.reset();
  unlocked_.notify_all();
}

void FileRootRegister::throw_if_closed() const {
  if (closed_) throw ValidationError("the space is closed");
}

std::optional<RootVersion> FileRootRegister::read() {
  {
    const std::lock_guard lock(mutex_);
    throw_if_closed();
    if (held_) return held_->current;
  }
  return read_shared();
}

std::optional<RootVersion> FileRootRegister::read_shared() {
  join_(/*create=*/false);  // another process may have made the space meanwhile
  std::shared_ptr<os::File> file;
  {
    const std::lock_guard lock(mutex_);
    throw_if_closed();
    if (recovered_.lost_commit) throw_lost(*recovered_.lost_commit, recovered_.read_error);
    if (read_only_ && !root_file_) {  // another process may have made it meanwhile
      root_file_ = directory_.file_system().open(directory_.root_path(), os::OpenMode::kRead);
    }
    file = root_file_;
  }
  std::optional<RootVersion> version;
  if (file) version = read_published(*file);
  {
    // What was seen once is a floor: a file half-written for long is read from the WALs, which may
    // not show yet what it showed before.
    const std::lock_guard lock(mutex_);
    if (sequence_of(version) > sequence_of(recovered_.newest)) recovered_.newest = version;
    if (sequence_of(recovered_.newest) > sequence_of(version)) version = recovered_.newest;
  }
  if (version) return version;
  const auto legacy = directory_.read_legacy_root();
  if (!legacy) return std::nullopt;
  RootVersion root;
  root.root = *legacy;
  return root;
}

std::unique_ptr<RootLock> FileRootRegister::lock(std::uint64_t timeout_ms) {
  join_(/*create=*/true);
  {
    std::unique_lock lock(mutex_);
    const bool is_free = unlocked_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                            [&] { return closed_ || !locked_; });
    throw_if_closed();
    if (!is_free) {
      throw LockingError("another thread held the root lock for " + std::to_string(timeout_ms) +
                         " ms");
    }
    locked_ = true;
  }
  auto held = std::make_unique<Lock>(*this);  // from here on given back whatever happens
  // Held open: else a detach() would give the lock away before all is settled.
  const auto file = take_process_lock(timeout_ms);
  const Held state = read_and_settle();
  const std::lock_guard lock(mutex_);
  throw_if_closed();
  held_ = state;
  return held;
}

std::uint64_t FileRootRegister::next_sequence() {
  const std::lock_guard lock(mutex_);
  if (!held_) throw UnexpectedError("next_sequence() without the root lock");
  if (held_->last_tried >= kLargestSequence) {
    throw CorruptionError(directory_.path() + ": a commit has sequence " +
                          std::to_string(held_->last_tried) + "; expected at most " +
                          std::to_string(kLargestSequence));
  }
  return held_->last_tried + 1;
}

void FileRootRegister::prepare(std::uint64_t first, std::uint64_t last,
                               const AtomPointer& scan_from) {
  {
    const std::lock_guard lock(mutex_);
    if (!held_) throw UnexpectedError("prepare() without the root lock");
    held_->last_tried = std::max(held_->last_tried, last);
  }
  write_root_file(format::kIntentPlace, format::make_intent({first, last, scan_from, false}));
}

void FileRootRegister::abandon() noexcept {
  try {
    auto intent = read_intent();
    if (!intent) return;
    intent->abandoned = true;
    write_root_file(format::kIntentPlace, format::make_intent(*intent));
  } catch (const std::exception& error) {
    // The intent stays: the next holder of the lock settles it from the WAL itself.
    if (logger_) logger_(LogLevel::kError, std::string("abandoning a commit: ") + error.what());
  }
}

bool FileRootRegister::compare_and_set(std::optional<std::uint64_t> expected_sequence,
                                       const RootVersion& next) {
  const auto published = format::make_published_root(next);
  const std::shared_ptr<os::File> file = root_file();
  // From the write on other processes are told `next`. No thread of this one may be told an older
  // root after that, so read() waits for it.
  const std::lock_guard lock(mutex_);
  if (!held_) throw UnexpectedError("compare_and_set() without the root lock");
  const auto& current = held_->current;
  const auto sequence = current ? std::optional(current->sequence) : std::nullopt;
  if (sequence != expected_sequence) return false;
  file::write_bytes(*file, 0, published);
  held_->current = next;
  held_->last_tried = std::max(held_->last_tried, next.sequence);
  recovered_.newest = next;  // whatever the file looks like to a reader from now on
  return true;
}

std::shared_ptr<os::File> FileRootRegister::root_file() const {
  const std::lock_guard lock(mutex_);
  if (!root_file_) throw ValidationError("the space is closed");
  return root_file_;
}

std::shared_ptr<os::File> FileRootRegister::lock_file() const {
  const std::lock_guard lock(mutex_);
  throw_if_closed();
  if (lock_file_) return lock_file_;
  throw NotSupportedError(directory_.path() + " is opened for reading only");
}

std::optional<RootVersion> FileRootRegister::read_published(os::File& file) const {
  if (const auto version = read_hint(file)) return version;
  std::array<std::byte, format::kPublishedRootSize> bytes{};
  if (try_read_root(file, bytes) && base::all_zero(bytes)) return std::nullopt;
  return read_from_wals();  // damaged: it is a hint only
}

std::optional<RootVersion> FileRootRegister::read_hint(os::File& file) const {
  for (int tries = 0; tries < kTornReads; ++tries) {
    std::array<std::byte, format::kPublishedRootSize> bytes{};
    if (!try_read_root(file, bytes) || base::all_zero(bytes)) return std::nullopt;
    if (const auto version = format::read_published_root(bytes)) return version;
    if (tries > 10) clock_->sleep_us(kPollUs);
  }
  return std::nullopt;
}

std::optional<RootVersion> FileRootRegister::read_from_wals() const {
  if (logger_)
    logger_(LogLevel::kWarning, directory_.root_path() + " is damaged; reading the WALs");
  const RecoveredSpace found = recover_space(directory_, std::nullopt, /*settle=*/false, logger_);
  if (found.lost_commit) throw_lost(*found.lost_commit, found.read_error);
  return found.newest;
}

std::optional<format::CommitIntent> FileRootRegister::read_intent() const {
  return file::read_intent(*root_file());
}

void FileRootRegister::write_root_file(std::uint64_t place,
                                       std::span<const std::byte> bytes) const {
  file::write_bytes(*root_file(), place, bytes);
}

std::shared_ptr<os::File> FileRootRegister::take_process_lock(std::uint64_t timeout_ms) {
  const std::shared_ptr<os::File> file = lock_file();
  const std::uint64_t start = clock_->monotonic_ns();
  std::uint64_t wait_us = kPollUs;
  while (!try_root_lock(directory_, *file)) {
    if (clock_->monotonic_ns() - start >= timeout_ms * 1'000'000) {
      throw LockingError(directory_.path() + ": another process held the root lock for " +
                         std::to_string(timeout_ms) + " ms");
    }
    clock_->sleep_us(wait_us);
    wait_us = std::min(2 * wait_us, kMaxPollUs);
    lock_file();  // throws when it is closed meanwhile
  }
  return file;
}

FileRootRegister::Held FileRootRegister::read_and_settle() {
  Held held{read_shared(), 0};
  const auto intent = read_intent();
  if (intent && is_open(*intent, held.current)) {
    if (const auto found = settle(*intent, held.current)) held.current = found;
  }
  const std::lock_guard lock(mutex_);
  held.last_tried = std::max(
      {recovered_.highest_sequence, sequence_of(held.current), intent ? intent->last_sequence : 0});
  return held;
}

/// Finishes the commit of a process that died over it: the root it published, or nullopt.
std::optional<RootVersion> FileRootRegister::settle(const format::CommitIntent& intent,
                                                    const std::optional<RootVersion>& current) {
  std::optional<RootVersion> found;
  const UUID& id = intent.scan_from.transaction_id;
  const auto file =
      directory_.file_system().open(directory_.wal_path(id), os::OpenMode::kReadWrite);
  if (file) {
    const WALHead head = read_wal_head(*file, id);
    const WALTail tail = read_wal_tail(*file, id, head, WALChain(current).proven(id));
    found = tail.newest_commit;
    if (found &&
        (found->sequence < intent.first_sequence || found->sequence > intent.last_sequence)) {
      found.reset();
    }
    if (!found && tail.unread) throw_lost(tail.unread->pointer, tail.unread->reason);
    if (found) {
      rewrite_tail(*file, id, head, tail);
      write_root_file(0, format::make_published_root(*found));
    }
  }
  format::CommitIntent settled = intent;
  settled.abandoned = true;
  write_root_file(format::kIntentPlace, format::make_intent(settled));
  return found;
}

void FileRootRegister::unlock() noexcept {
  try {
    std::shared_ptr<os::File> file;
    {
      const std::lock_guard lock(mutex_);
      if (base::is_planted(base::PlantedBug::kLockOutlivesKill) && held_)
        directory_.file_system().remove(lock_file_of(directory_));
      held_.reset();
      file = lock_file_;
    }
    if (file) file->unlock(kRootLock);
  } catch (const std::exception& error) {
    // fcntl(F_UNLCK) on a valid descriptor does not fail; if it did, closing the space unlocks.
    if (logger_) logger_(LogLevel::kError, std::string("unlocking the root: ") + error.what());
  }
  {
    const std::lock_guard lock(mutex_);
    locked_ = false;
  }
  unlocked_.notify_one();
}

}  // namespace protobase::file
