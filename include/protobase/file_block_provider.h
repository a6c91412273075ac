// FileBlockProvider: WALs as files of one directory, shared between processes.
#pragma once

#include <memory>
#include <string>

#include "protobase/block_provider.h"
#include "protobase/export.h"
#include "protobase/options.h"

namespace protobase {

namespace os {
class FileSystem;
class Clock;
class Random;
}  // namespace os

/// What a FileBlockProvider may do with its directory.
enum class SpaceAccess {
  kReadWrite,  ///< opens or creates; creating waits for the first write
  kReadOnly,   ///< opens an existing space and changes nothing, not even a lock
};

/// The parts a FileBlockProvider stands on; empty ones mean the machine's own.
struct FileBlockProviderOptions {
  /// Read and write, or only read.
  SpaceAccess access = SpaceAccess::kReadWrite;
  /// Files of other WALs kept open for reading at most. 1 - 65536.
  std::size_t max_open_files = 128;
  /// Reads what is durable through maps of the files: no system call and no copy for what is in the
  /// page cache. The price: where a disk cannot be read, the process dies of SIGBUS instead of
  /// getting an error.
  bool map_wals = false;
  std::shared_ptr<os::FileSystem> file_system{};  ///< null: the machine's
  std::shared_ptr<os::Clock> clock{};             ///< null: the machine's
  std::shared_ptr<os::Random> random{};           ///< null: the kernel's
  Logger logger{};                                ///< silent when empty
};

/// Directory layout, file format and sharing protocol: docs/internals/file_format.md.
///
/// Durability: write() puts bytes into the page cache, sync() is one fdatasync of the WAL file; a
/// new WAL file's header and directory entry are synced before its first record is written.
///
/// Caveats: the directory must be on a file system with working fdatasync and fcntl OFD locks
/// (local Linux file systems; not NFS before version 4). Do not copy a space with other tools while
/// it is being written; `protobase copy` does. Do not delete single files of it.
class PROTOBASE_EXPORT FileBlockProvider final : public BlockProvider {
 public:
  /// Opens the space at `directory`. Errors: NotFoundError (read-only and not there),
  /// ValidationError (a file, or a directory of other things), NotAuthorizedError,
  /// NotSupportedError (written by a newer version). Damage does not stop opening; it is logged
  /// and thrown by what touches it.
  explicit FileBlockProvider(std::string directory, FileBlockProviderOptions options = {});
  ~FileBlockProvider() override;

  AtomPointer claim_wal() override;
  void write(const WALWriteOperation& operation) override;
  bool can_place() const noexcept override { return true; }
  void place(const UUID& wal, std::uint64_t offset, std::span<const std::byte> bytes,
             const std::function<void(std::span<const std::byte>)>& passes) override;
  std::uint64_t sync(const UUID& wal) override;
  void reserve(const UUID& wal, std::uint64_t bytes) override;
  void release_wal(const UUID& wal, bool resumable) override;
  std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                   std::size_t at_least) override;
  bool can_map() const noexcept override;
  SharedBytes map(const UUID& wal) override;
  bool read_many(std::span<BlockRead> reads) override;
  WALDescription describe(const UUID& wal) override;
  std::vector<BadPlace> find_damage() override;
  std::vector<UUID> list_wals() override;
  RootRegister& root_register() override;
  void close() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace protobase
