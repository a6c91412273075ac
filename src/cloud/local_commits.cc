#include "cloud/local_commits.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "cloud/refusal.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

// Between two tries while the bucket cannot be reached; each of them is many requests.
constexpr std::chrono::milliseconds kPause{1000};
// A year: more than a caller means, less than what a clock can add.
constexpr std::uint64_t kLongestWaitMs = 365ull * 86'400'000;

}  // namespace

LocalCommits::LocalCommits(CommitLog& log, SlotPublisher& publisher, PendingWALs& pending,
                           RetryParts retry_parts, LocalCommitsOptions options,
                           std::function<void()> published)
    : log_(log),
      publisher_(publisher),
      pending_(pending),
      retry_parts_(std::move(retry_parts)),
      options_(std::move(options)),
      published_(std::move(published)),
      journal_(options_.directory, options_.file_system, options_.logger) {
  take_up(journal_.take_left());
}

LocalCommits::~LocalCommits() { close(); }

/// What is in the log already was put by the earlier process and not forgotten.
void LocalCommits::take_up(std::vector<JournalEntry> left) {
  if (left.empty()) return;
  if (!log_.known().is_open() || log_.known().store() != journal_.store()) {
    throw ValidationError(
        fmt::format("{} holds commits of another store (its id is {}) that are not in its bucket "
                    "yet: open that one with it, or give this one another journal_dir",
                    journal_.directory(), journal_.store()->to_string()));
  }
  for (const JournalEntry& entry : left) {
    if (log_.known().end_of(entry.wal).value_or(0) >= entry.end) continue;
    check_left(entry);
    pending_.restore(entry);
    const auto moved = moved_root(entry.wal, entry.begin, entry.commit_offset);
    if (moved) {
      const RootVersion first = pending_.first_of_chain(*moved, entry.wal, entry.begin);
      const auto before = root_ ? root_ : log_.known().root();
      if (first.previous_sequence != (before ? before->sequence : 0)) throw_overtaken(first);
      root_ = moved;
    }
    enqueue(entry);
  }
  if (waiting_.empty()) {
    journal_.forget(left.back().number);
  } else {
    try {
      thread_ = std::jthread([this] { run(); });
    } catch (const std::system_error& error) {
      throw UnexpectedError(std::string("the thread that puts what waits: ") + error.what());
    }
  }
}

void LocalCommits::check_left(const JournalEntry& entry) const {
  const std::uint64_t begin =
      std::max(log_.known().end_of(entry.wal).value_or(kWALFirstRecordOffset),
               pending_.end_of(entry.wal).value_or(kWALFirstRecordOffset));
  if (entry.begin == begin) return;
  throw CorruptionError(
      {entry.wal, begin},
      fmt::format("{}, entry {}: it begins at offset {} of its WAL, expected {}: what lies between "
                  "is neither here nor in the bucket",
                  journal_.directory(), entry.number, entry.begin, begin));
}

void LocalCommits::enqueue(const JournalEntry& entry) {
  waiting_.push_back(
      {entry.number, entry.wal, entry.begin, entry.end, entry.records, entry.commit_offset});
  waiting_bytes_ += entry.end - entry.begin;
}

void LocalCommits::throw_overtaken(const RootVersion& first) const {
  throw LockingError(fmt::format(
      "{}: another writer moved the root after these commits were acknowledged here, from commit "
      "{} (sequence {}) on; they are not in the bucket and will not be. They stay in {}: give "
      "another journal_dir, open the storage again and read the root",
      log_.location(), first.commit.to_string(), first.sequence, journal_.directory()));
}

void LocalCommits::commit(const UnsyncedRange& range, const std::optional<RootVersion>& root) {
  JournalEntry entry;
  entry.wal = range.wal;
  entry.begin = range.begin;
  entry.end = range.end;
  entry.records = range.records;
  entry.commit_offset = root ? root->commit.offset : 0;
  entry.parts = range.parts;
  {
    Lock lock(mutex_);
    wait_for_room(lock, range.end - range.begin);
  }
  {
    const std::lock_guard journal_lock(journal_mutex_);
    if (closed_) throw_closed();
    {
      const Lock lock(mutex_);
      throw_if_failed();  // it cannot come about before this entry is there: see note()
    }
    journal_.append(log_.known().store(), entry);
  }
  const Lock lock(mutex_);
  pending_.mark_synced(entry.wal, entry.end);
  if (root) root_ = root;
  enqueue(entry);
  start_thread();
  changed_.notify_all();
}

void LocalCommits::start_thread() {
  if (thread_.joinable() || finishing_) return;
  try {
    thread_ = std::jthread([this] { run(); });
  } catch (const std::system_error& error) {  // durable all the same; the next commit tries again
    last_error_ = error.what();
  }
}

/// One that is larger than the limit is let through alone.
void LocalCommits::wait_for_room(Lock& lock, std::uint64_t size) {
  const auto has_room = [&] {
    return failure_ || waiting_.empty() || waiting_bytes_ + size <= options_.max_bytes;
  };
  const auto may_go_on = [&] { return finishing_ || has_room(); };
  const auto timeout = std::chrono::milliseconds(retry_parts_.timeout_ms);
  const bool goes_on = changed_.wait_for(lock, timeout, may_go_on);
  if (!has_room() && finishing_) throw_closed();
  if (!goes_on) {
    throw_refusal(std::make_exception_ptr(CloudStorageError(
        CloudFailure::kNotNow, 0,
        fmt::format("{}: {} bytes wait in {} for the bucket, max_journal_bytes are {}{}{}",
                    log_.location(), waiting_bytes_, journal_.directory(), options_.max_bytes,
                    last_error_.empty() ? "" : "; the last try: ", last_error_))));
  }
  throw_if_failed();
}

void LocalCommits::throw_if_failed() const {
  if (failure_) std::rethrow_exception(failure_);
}

void LocalCommits::throw_closed() { throw ValidationError("the block provider is closed"); }

std::optional<RootVersion> LocalCommits::root() const {
  const Lock lock(mutex_);
  return root_;
}

CloudUploadStats LocalCommits::stats() const {
  const Lock lock(mutex_);
  return {waiting_.size(), waiting_bytes_, last_error_};
}

bool LocalCommits::wait_until_published(std::uint64_t timeout_ms) {
  Lock lock(mutex_);
  const std::uint64_t last = waiting_.empty() ? 0 : waiting_.back().number;
  const auto timeout = std::chrono::milliseconds(std::min(timeout_ms, kLongestWaitMs));
  const auto is_done = [&] { return waiting_.empty() || waiting_.front().number > last; };
  changed_.wait_for(lock, timeout, [&] { return failure_ || has_finished_ || is_done(); });
  throw_if_failed();
  if (!is_done() && has_finished_) throw_closed();
  return is_done();
}

void LocalCommits::close() {
  {
    const Lock lock(mutex_);
    finishing_ = true;
  }
  publisher_.stop_pacing();
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  {
    const Lock lock(mutex_);
    has_finished_ = true;
  }
  changed_.notify_all();
  {
    const std::lock_guard lock(journal_mutex_);
    if (std::exchange(closed_, true)) return;
    journal_.close();
  }
  const CloudUploadStats left = stats();
  if (left.waiting_commits > 0 && options_.logger) {
    options_.logger(
        LogLevel::kWarning,
        fmt::format("{}: {} commits stay in {} until the store is opened again: {}",
                    log_.location(), left.waiting_commits, journal_.directory(), left.last_error));
  }
}

// --- in the background

void LocalCommits::run() {
  std::optional<Attempt> attempt;  // what may have been put is put again as it is
  Lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return finishing_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    lock.unlock();
    const bool is_done = publish(attempt);
    if (is_done) published_();
    lock.lock();
    changed_.notify_all();
    if (failure_ || (!is_done && finishing_)) return;
    if (!is_done) changed_.wait_for(lock, kPause, [&] { return finishing_; });
  }
}

/// False: not now, or never (failure_).
bool LocalCommits::publish(std::optional<Attempt>& attempt) {
  try {
    publisher_.claim();
    if (!attempt) attempt = next_attempt();
    if (attempt) {
      publisher_.put_segments(attempt->contents);
      publisher_.put_slot(attempt->contents);
      take_off(attempt->entries);
      attempt.reset();
    }
    return true;
  } catch (const CloudStorageError& error) {
    note(error, /*is_final=*/false);
  } catch (const NotAuthorizedError& error) {
    note(error, /*is_final=*/false);
  } catch (const NotFoundError& error) {  // the bucket
    note(error, /*is_final=*/false);
  } catch (const LockingError& error) {
    if (dynamic_cast<const NothingTookEffect*>(&error) != nullptr) {  // others claim all the time
      note(error, /*is_final=*/false);
    } else {
      note(LockingError(
               fmt::format("{}; what was acknowledged here and is not in the bucket stays in {}",
                           error.what(), journal_.directory())),
           /*is_final=*/true);
    }
  } catch (const std::exception& error) {
    note(UnexpectedError(error.what()), /*is_final=*/true);
  }
  return false;
}

/// The first ones that wait, as one slot; nullopt: all of them are in the log. LockingError:
/// somebody else moved the root.
std::optional<LocalCommits::Attempt> LocalCommits::next_attempt() {
  std::size_t known = 0;  // put by the earlier process, and seen only when the log was claimed
  Attempt attempt;
  SlotContents& contents = attempt.contents;
  std::uint64_t commit_offset = 0;
  std::uint64_t end = 0;
  {
    const Lock lock(mutex_);
    const auto is_known = [&](const Waiting& entry) {
      return log_.known().end_of(entry.wal).value_or(0) >= entry.end;
    };
    while (known < waiting_.size() && is_known(waiting_[known])) ++known;
    for (std::size_t i = known; i < waiting_.size(); ++i) {
      const Waiting& entry = waiting_[i];
      if (i == known) {
        contents.wal = entry.wal;
        contents.begin = entry.begin;
      } else if (entry.wal != contents.wal || entry.end - contents.begin > options_.object_size) {
        break;
      }
      end = entry.end;
      contents.records = entry.records;
      if (entry.commit_offset != 0) commit_offset = entry.commit_offset;
      ++attempt.entries;
    }
  }
  if (known > 0) take_off(known);
  if (attempt.entries == 0) return std::nullopt;
  contents.commit_id = UUID::from_random(retry_parts_.random->bytes16());
  contents.inline_parts = pending_.parts(contents.wal, contents.begin, end);
  contents.root = moved_root(contents.wal, contents.begin, commit_offset);
  if (contents.root) {
    const RootVersion first = pending_.first_of_chain(*contents.root, contents.wal, contents.begin);
    const auto before = log_.known().root();
    if (first.previous_sequence != (before ? before->sequence : 0)) throw_overtaken(first);
  }
  return attempt;
}

std::optional<RootVersion> LocalCommits::moved_root(const UUID& wal, std::uint64_t begin,
                                                    std::uint64_t commit_offset) const {
  if (commit_offset < begin || commit_offset == 0) return std::nullopt;
  return pending_.read_commit(wal, commit_offset);
}

/// The first `entries` that wait are in the log.
void LocalCommits::take_off(std::size_t entries) {
  std::uint64_t number = 0;
  {
    const Lock lock(mutex_);
    for (; entries > 0; --entries) {
      const Waiting& entry = waiting_.front();
      pending_.drop(entry.wal, entry.end);
      waiting_bytes_ -= entry.end - entry.begin;
      number = entry.number;
      waiting_.pop_front();
    }
    last_error_.clear();
  }
  const std::lock_guard lock(journal_mutex_);
  journal_.forget(number);
}

template <typename Error>
void LocalCommits::note(const Error& error, bool is_final) {
  {
    const std::lock_guard journal_lock(journal_mutex_);  // no entry is on its way
    const Lock lock(mutex_);
    last_error_ = error.what();
    if (is_final) failure_ = std::make_exception_ptr(error);
  }
  if (!options_.logger) return;
  options_.logger(is_final ? LogLevel::kError : LogLevel::kWarning,
                  fmt::format("{}: what is in {} was not put into the bucket: {}", log_.location(),
                              journal_.directory(), error.what()));
}

}  // namespace protobase::cloud
