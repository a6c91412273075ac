// The only road to files. Thin: one call here is one system call there, with EINTR and short
// transfers handled and errors turned into exceptions. Tests put an in-memory or fault-injecting
// one in its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"

namespace protobase::os {

/// The medium does not give back what lies there (EIO, or a checksum of the file system or disk
/// that does not match): that place is damaged. Every other error may be of the moment.
class ReadError : public UnexpectedError {
 public:
  using UnexpectedError::UnexpectedError;
};

/// The process or the machine has no descriptor for one more open file; nothing was opened.
class OutOfDescriptorsError : public UnexpectedError, public NothingTookEffect {
 public:
  using UnexpectedError::UnexpectedError;
};

enum class FileKind { kRegular, kDirectory, kOther };

struct DirectoryEntry {
  std::string name;
  FileKind kind = FileKind::kRegular;
};

enum class OpenMode {
  kRead,       ///< must exist
  kReadWrite,  ///< must exist
  kCreateNew,  ///< must not exist; read and write
  kCreate,     ///< read and write, made when missing
};

/// Bytes [begin, end) of a file that are known to be lost.
struct FileHole {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// An open file. Thread-safe. Closed by destruction, which also drops its locks.
///
/// Errors of all calls: NoSpaceError (disk, quota or size limit), NotAuthorizedError, ReadError (of
/// read() only), else UnexpectedError; each names path, call and the system's reason.
class File {
 public:
  virtual ~File() = default;

  /// Reads until `out` is full or the file ends; returns bytes read.
  virtual std::size_t read(std::uint64_t offset, std::span<std::byte> out) = 0;

  /// The first one that ends behind `offset`. Reading it gives 0xFF and is in vain, however long it
  /// is. nullopt: no more is known to be lost; what cannot be read, reading tells.
  virtual std::optional<FileHole> next_hole(std::uint64_t offset) {
    static_cast<void>(offset);
    return std::nullopt;
  }

  /// The first `size` bytes of the file in memory, also what is yet to be written; touching what
  /// lies behind the file's end, or cannot be read, is fatal. Empty when files cannot be mapped
  /// here.
  virtual SharedBytes map(std::uint64_t size) {
    static_cast<void>(size);
    return {};
  }

  /// Writes all parts, one behind the other. When it throws, any prefix may have been written.
  virtual void write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) = 0;

  /// Reserves space so that writing [offset, offset + length) cannot run out of it, growing the
  /// file with zeros as needed. NoSpaceError leaves the content as it was.
  virtual void allocate(std::uint64_t offset, std::uint64_t length) = 0;

  /// fdatasync: content, and the size when it changed.
  virtual void sync_data() = 0;

  virtual void truncate(std::uint64_t size) = 0;
  virtual std::uint64_t size() = 0;

  /// Locks one byte for this open file (open file description lock: shared neither with other
  /// opens in this process nor with forked children's opens; dies with the process). Replaces a
  /// lock this open file holds on the byte. False when someone else's lock stands against it.
  virtual bool try_lock(std::uint64_t byte, bool exclusive) = 0;
  virtual void unlock(std::uint64_t byte) = 0;
  /// Whether another open file holds any lock on the byte. Works on files opened for reading.
  virtual bool is_locked(std::uint64_t byte) = 0;
};

/// One read of many.
struct FileRead {
  File* file = nullptr;
  std::uint64_t offset = 0;
  std::span<std::byte> out{};
  std::size_t filled = 0;  ///< set by read_many()
};

/// Thread-safe. Paths are absolute or relative to the working directory. What opens a file or a
/// directory may throw OutOfDescriptorsError.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// nullptr when `mode` needs an existing file and there is none, or kCreateNew finds one.
  virtual std::unique_ptr<File> open(const std::string& path, OpenMode mode) = 0;
  /// nullopt when nothing is there.
  virtual std::optional<FileKind> kind_of(const std::string& path) = 0;
  virtual std::vector<DirectoryEntry> list(const std::string& directory) = 0;
  /// Makes one directory; false when it is there already.
  virtual bool make_directory(const std::string& path) = 0;
  /// Removes a file; false when there is none.
  virtual bool remove(const std::string& path) = 0;
  /// fsync of a directory: entries made and removed before are durable.
  virtual void sync_directory(const std::string& path) = 0;

  /// Tries all of them in flight together, each for itself. `filled` is how much of `out` has been
  /// read, from its beginning: less than File::read() would give, or nothing, for any reason, which
  /// File::read() tells. Only files that this file system opened are tried. False: it has no such
  /// way, now or later, and nothing was tried.
  virtual bool read_many(std::span<FileRead> reads) {
    static_cast<void>(reads);
    return false;
  }
};

/// The machine's own.
std::shared_ptr<FileSystem> posix_file_system();

/// `path` as it stands when the working directory changes later.
std::string absolute_path(const std::string& path);

/// Whether both are there and are the same directory, whatever they are called.
bool is_same_directory(const std::string& a, const std::string& b);

/// `path` up to its last component: "." when it has none.
std::string parent_directory(const std::string& path);

}  // namespace protobase::os
