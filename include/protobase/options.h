// Settings of a storage: plain fields with sane defaults, checked once when the storage is built.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "protobase/export.h"

namespace protobase {

enum class LogLevel { kInfo, kWarning, kError };

/// Receives what is worth knowing but is no error of a call. May be called from any thread, also
/// while locks are held: it must call nothing of what it is given to, and return soon. A
/// std::exception that it throws is lost with the message, any other one ends the process.
using Logger = std::function<void(LogLevel level, std::string_view message)>;

/// Options every storage shares. A value out of range makes the constructor throw ValidationError
/// that names the field, before anything is created.
struct PROTOBASE_EXPORT StorageOptions {
  /// Bytes of one buffer of the log; a full one is handed to the background writer. 4 KiB - 64 MiB.
  std::size_t buffer_size = std::size_t{1} << 20;
  /// Largest payload that may be pushed, in bytes. 1 - 2 GiB.
  std::uint64_t blob_max_size = std::uint64_t{1} << 31;
  /// Threads for the async calls, and for get_atoms and get_bytes_many where io_uring does not do;
  /// started on first use. 1 - 256.
  unsigned max_workers = 4;

  bool enable_atom_object_cache = true;
  bool enable_atom_bytes_cache = true;
  /// Bounds of the decoded atoms; zero in either means no such cache.
  std::size_t object_cache_max_entries = 100'000;
  std::size_t object_cache_max_bytes = std::size_t{64} << 20;
  /// Bounds of the payloads; zero in either means no such cache.
  std::size_t bytes_cache_max_entries = 200'000;
  std::size_t bytes_cache_max_bytes = std::size_t{64} << 20;
  /// Independent parts of each cache, rounded up to a power of two. 1 - 1024.
  std::size_t cache_stripes = 16;
  /// Share of a cache that entries seen once may hold. Between 0 and 1, exclusive.
  double cache_probation_ratio = 0.25;
  /// Part of the object cache's key: decoded atoms of another epoch are never returned.
  std::uint64_t schema_epoch = 0;

  /// Only for records that are read through maps (FileBlockProviderOptions::map_wals): true trusts
  /// one that was verified since the storage was opened. What the disk spoils later, in a page that
  /// the kernel let go and reads again, is then not found by a get. Takes up to 1/64 of the mapped
  /// WALs' size in memory, for what is read.
  bool verify_mapped_once = false;

  /// A WAL that has grown past this is finished and the next one begun. 64 KiB - 1 TiB.
  std::uint64_t wal_max_size = std::uint64_t{1} << 30;
  /// Pushed bytes that may await stable storage; never less than 2 x buffer_size. A push beyond it
  /// waits for the background writer, which begins at a quarter of it, so that memory stays bounded
  /// and a small commit never queues behind a bulk load. Records of buffer_size and more do not
  /// count where they go to a file at once: of these up to 128 MiB await it, or one that is larger.
  /// 8 KiB - 1 TiB.
  std::uint64_t max_unflushed_bytes = std::uint64_t{32} << 20;
  /// How long a commit or guard waits for others, threads or processes, before LockingError.
  /// 0 - 86,400,000 (a day).
  std::uint64_t root_lock_timeout_ms = 30'000;

  /// Silent when empty.
  Logger logger;

  /// Throws ValidationError naming the first field that is out of range.
  void validate() const;
};

}  // namespace protobase
