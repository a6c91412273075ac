// Commits that are durable in a journal here before they are in the bucket
// (commit_durability = kLocal): keeps their order, brings them into the commit log in the
// background, goes on where an earlier process ended.
//
// Invariants:
//  - What is acknowledged is synced in the journal, or in the log.
//  - Ranges are put in the order in which they were committed; one that may have been put is tried
//    again as the same slot with the same commit id until its outcome is known.
//  - When another writer took over, nothing more is put or acknowledged, and the journal stays.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "cloud/commit_log.h"
#include "cloud/journal.h"
#include "cloud/pending_wals.h"
#include "cloud/slot_publisher.h"
#include "protobase/cloud_block_provider.h"

namespace protobase::cloud {

struct LocalCommitsOptions {
  std::string directory;
  std::uint64_t max_bytes = 0;  ///< that may wait for the bucket
  std::uint64_t object_size = 0;
  std::shared_ptr<os::FileSystem> file_system;
  Logger logger{};
};

/// Thread-safe; commit() by one thread at a time.
class LocalCommits final {
 public:
  /// Takes up what an earlier process left. `published` runs after each slot, on the background
  /// thread. Errors as Journal's, and LockingError: another writer moved the root meanwhile.
  /// Precondition: the log has been read.
  LocalCommits(CommitLog& log, SlotPublisher& publisher, PendingWALs& pending,
               RetryParts retry_parts, LocalCommitsOptions options,
               std::function<void()> published);
  ~LocalCommits();
  LocalCommits(const LocalCommits&) = delete;
  LocalCommits& operator=(const LocalCommits&) = delete;

  /// Makes the range durable in the journal. `root`: what it moves the root to. Waits while too
  /// much waits for the bucket; CloudStorageError (NothingTookEffect) when that lasts longer than
  /// a commit may. LockingError: another writer took over. ValidationError: it is closed.
  void commit(const UnsyncedRange& range, const std::optional<RootVersion>& root);
  /// The newest one of ours; nullopt: none yet.
  std::optional<RootVersion> root() const;

  CloudUploadStats stats() const;
  /// True: all that was committed before is in the bucket. ValidationError: it is closed, and was
  /// not put.
  bool wait_until_published(std::uint64_t timeout_ms);
  /// Puts what waits, until one try fails, and ends. Idempotent.
  void close();

 private:
  using Lock = std::unique_lock<std::mutex>;

  /// An entry of the journal that is not in the log.
  struct Waiting {
    std::uint64_t number = 0;
    UUID wal;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t records = 0;
    std::uint64_t commit_offset = 0;
  };
  /// What is being put: the first ones that wait.
  struct Attempt {
    SlotContents contents;
    std::size_t entries = 0;
  };

  void take_up(std::vector<JournalEntry> left);
  void check_left(const JournalEntry& entry) const;
  void enqueue(const JournalEntry& entry);
  [[noreturn]] void throw_overtaken(const RootVersion& first) const;
  void wait_for_room(Lock& lock, std::uint64_t size);
  void throw_if_failed() const;
  [[noreturn]] static void throw_closed();
  void start_thread();
  void run();
  bool publish(std::optional<Attempt>& attempt);
  std::optional<Attempt> next_attempt();
  std::optional<RootVersion> moved_root(const UUID& wal, std::uint64_t begin,
                                        std::uint64_t commit_offset) const;
  void take_off(std::size_t entries);
  template <typename Error>
  void note(const Error& error, bool is_final);

  CommitLog& log_;
  SlotPublisher& publisher_;
  PendingWALs& pending_;
  const RetryParts retry_parts_;
  const LocalCommitsOptions options_;
  const std::function<void()> published_;
  Journal journal_;           // used by commit() and the thread
  std::mutex journal_mutex_;  // guards it; taken before the other
  bool closed_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  std::optional<RootVersion> root_;
  std::exception_ptr failure_;  // nothing more is acknowledged
  std::string last_error_;      // of the last try; empty: it went well
  bool finishing_ = false;
  bool has_finished_ = false;  // nothing more is put
  std::jthread thread_;  // started with the first that waits; last, because it is joined first
};

}  // namespace protobase::cloud
