// Shared by copy_space and salvage_space: making a space out of the files of another one.
//
// The target carries protobase.copy from the first write to the last sync and cannot be opened
// meanwhile: a root in it may name atoms that are not there yet.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "file/space_directory.h"
#include "format/record.h"
#include "os/file_system.h"
#include "protobase/copy.h"
#include "protobase/salvage.h"
#include "protobase/storage.h"
#include "wal/scanner.h"

namespace protobase::storage {

inline constexpr int kReadTries = 3;

/// Where a transfer stands, in bytes of all.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// The public functions, on any file system.
CopyReport copy_space(const std::shared_ptr<os::FileSystem>& files, const std::string& from,
                      const std::string& to, const Progress& progress);
SalvageReport salvage_space(const std::shared_ptr<os::FileSystem>& files, const std::string& from,
                            const std::string& to, const Progress& progress);

/// Of a record that a scan found whole.
format::RecordType type_of(RecordKind kind) noexcept;

/// Collects records and writes them to a WAL file, a megabyte at a time, each to its old address.
class RecordWriter final {
 public:
  RecordWriter(os::File& file, const UUID& wal, std::uint64_t offset)
      : file_(file), wal_(wal), offset_(offset) {}

  /// Where the next record goes.
  std::uint64_t position() const noexcept { return offset_ + buffer_.size(); }
  std::uint64_t records() const noexcept { return records_; }
  /// `info` lies at position().
  void add(const RecordInfo& info, std::span<const std::byte> payload);
  /// Void records up to `end`, at least 16 bytes behind position(). What they hold are the zeros of
  /// a file that was written nowhere behind position(): where WALs lack much, that takes no room.
  void fill_to(std::uint64_t end);
  void flush();

 private:
  std::span<std::byte> extend(std::uint64_t size);

  os::File& file_;
  const UUID wal_;
  std::uint64_t offset_;
  std::uint64_t records_ = 0;
  std::vector<std::byte> buffer_;
};

/// Keeps the root of a space where it is as long as it lives. nullptr where nobody can move it: the
/// directory may not be written, or has no lock file. LockingError after 30 s.
std::unique_ptr<os::File> hold_root(const file::SpaceDirectory& space);

/// A reader of `file` for wal::scan_records(). `file` must outlive it.
wal::WindowReader window_of(os::File& file, wal::OnReadError on_error = wal::OnReadError::kThrow);

/// read(), again when it meets a ReadError: a disk may give at the third try what it refused.
template <typename Read>
auto read_patiently(Read read) {
  for (int tries = 1;; ++tries) {
    try {
      return read();
    } catch (const os::ReadError&) {
      if (tries == kReadTries) throw;
    }
  }
}

/// What a target's marker calls the source of a transfer.
struct SourceName {
  std::string text;
  /// Whether another text means this source too.
  std::function<bool(const std::string&)> is_also;

  /// The directory counts, not how its path is spelled.
  static SourceName of(const file::SpaceDirectory& source);
};

/// Refuses a target that is the source itself or lies within it. ValidationError.
void check_apart(const file::SpaceDirectory& source, const file::SpaceDirectory& target);
/// Refuses a target that is a space, or is what another transfer left: one of another kind ("copy"
/// or "salvage") or from another source. ValidationError.
void check_target(const SourceName& source, const file::SpaceDirectory& target,
                  const std::string& kind);
/// Makes the directory and its marker, which says what is unfinished. Precondition: check_target().
void begin_target(const SourceName& source, const file::SpaceDirectory& target,
                  const std::string& kind);
/// Everything written is durable: takes the marker away.
void finish_target(const file::SpaceDirectory& target);

/// The first `size` bytes that `read` gives are in `to` and durable. `progress` hears how many.
/// CorruptionError: there are fewer; `name` says of what.
void copy_bytes(os::FileSystem& files, const std::string& name, const wal::ReadSome& read,
                const std::string& to, std::uint64_t size,
                const std::function<void(std::uint64_t)>& progress);
/// The same from a file.
void copy_file(os::FileSystem& files, const std::string& from, const std::string& to,
               std::uint64_t size, const std::function<void(std::uint64_t)>& progress);

}  // namespace protobase::storage
