// The journal of a store whose commits are durable here before they are in the bucket: what is yet
// to be put, in files of one directory, in the order of the commits. For one process.
//
// docs/internals/cloud_format.md has the layout of the files.
//
// Invariants: an entry is synced before the next is written, so only the last one may be torn;
// numbers have no gaps, within a file and from file to file; after a failed write or sync nothing
// more is appended.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "os/file_system.h"
#include "protobase/options.h"
#include "protobase/shared_bytes.h"
#include "protobase/uuid.h"

namespace protobase::cloud {

/// A range of a WAL, whole records.
struct JournalEntry {
  std::uint64_t number = 0;  ///< given by append()
  UUID wal;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t records = 0;        ///< of the WAL, up to `end`
  std::uint64_t commit_offset = 0;  ///< of the newest commit record that moved the root; 0: none
  std::vector<SharedBytes> parts;   ///< the bytes
};

/// Not thread-safe but for its destruction.
class Journal final {
 public:
  /// Takes the directory, made when missing, for this process, and reads what an earlier one left.
  /// LockingError: another process has it. CorruptionError naming file and offset: an entry that
  /// was durable is damaged or missing; nothing is changed then. NotSupportedError: a newer
  /// version.
  Journal(std::string directory, std::shared_ptr<os::FileSystem> file_system, Logger logger);

  /// What an earlier process left, in order. Empty when it was asked for before.
  std::vector<JournalEntry> take_left() { return std::move(left_); }
  /// Of what it left; nullopt: nothing.
  std::optional<UUID> store() const noexcept { return store_; }

  /// Durable on return: one fdatasync. Sets the number. NoSpaceError: nothing was written. After
  /// any other failure every later call throws.
  void append(const UUID& store, JournalEntry& entry);
  /// Entries up to `number` are in the bucket: files that hold no others are removed.
  void forget(std::uint64_t number);

  /// Gives the directory back; leaves no file when all of it was forgotten.
  void close();

  const std::string& directory() const noexcept { return directory_; }

 private:
  struct JournalFile {
    std::uint64_t first = 0;  ///< its entries begin with this
    std::string path;
  };

  void take_directory();
  void read_file(const JournalFile& file, bool is_last);
  void note_end(const std::string& path, std::uint64_t offset,
                std::span<const std::byte> rest) const;
  void harden_last(os::File& file, std::uint64_t offset);
  void start_file(const UUID& store);
  void write_entry(const JournalEntry& entry);
  std::string path_of(std::uint64_t first) const;

  const std::string directory_;
  const std::shared_ptr<os::FileSystem> file_system_;
  const Logger logger_;
  std::unique_ptr<os::File> lock_;
  std::vector<JournalFile> files_;  // oldest first
  std::unique_ptr<os::File> file_;  // the last one, when it is being appended to
  std::uint64_t position_ = 0;
  std::uint64_t allocated_ = 0;
  std::uint64_t next_number_ = 1;
  std::uint64_t forgotten_ = 0;  // up to this
  bool is_closing_ = false;
  bool poisoned_ = false;
  std::optional<UUID> store_;
  std::vector<JournalEntry> left_;
};

}  // namespace protobase::cloud
