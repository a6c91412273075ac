// Copies of blocks of WALs that were read from a bucket: in files of a directory, or in memory.
// Bounded; the least recently used go first. Never needed: whatever is lost, damaged or removed by
// somebody else is read from the bucket again.
//
// Blocks of several stores may lie side by side, also of the same WAL: what a copy of a store had
// is not what another copy got since.
//
// A file is named KEY-OFFSET and holds (little-endian): 8 B magic "PBBLOCK\n", 16 B key, u64 offset
// in the WAL of its first byte, u64 XXH3-64 of the 32 bytes before and the bytes, then the bytes,
// which lie between two multiples of the block size.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "os/file_system.h"
#include "protobase/options.h"
#include "protobase/shared_bytes.h"
#include "protobase/uuid.h"

namespace protobase::cloud {

struct BlockCacheOptions {
  std::string directory;  ///< made when missing; empty: memory
  std::uint64_t max_bytes = std::uint64_t{64} << 20;
  std::uint64_t block_size = 64 * 1024;  ///< a power of two
  std::shared_ptr<os::FileSystem> file_system = os::posix_file_system();
  Logger logger{};
};

struct BlockCacheCounts {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t damaged = 0;  ///< blocks whose checksum did not hold
  std::uint64_t bytes = 0;    ///< now
};

/// What the blocks of a WAL of a store are kept by: never that of another store.
UUID block_key(const UUID& store, const UUID& wal);

/// Thread-safe. `key`: a block_key().
class BlockCache final {
 public:
  /// Takes up what an earlier one left in the directory.
  explicit BlockCache(BlockCacheOptions options);

  /// Fills `out` from `offset` on as far as the blocks reach; returns how much that is.
  std::size_t read(const UUID& key, std::uint64_t offset, std::span<std::byte> out);

  /// Keeps a copy, as far as there is room. Never fails: what cannot be kept is logged.
  void put(const UUID& key, std::uint64_t begin, std::span<const std::byte> bytes);

  /// False: there was nothing of [offset, offset + size).
  bool drop(const UUID& key, std::uint64_t offset, std::uint64_t size);

  std::uint64_t block_size() const noexcept { return options_.block_size; }
  std::uint64_t may_hold() const noexcept { return options_.max_bytes; }
  BlockCacheCounts counts() const;

 private:
  struct Key {
    UUID wal;
    std::uint64_t begin = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Entry {
    Key key;
    std::uint64_t size = 0;
    SharedBytes bytes;  ///< in memory only
  };
  using Entries = std::list<Entry>;
  using Places = std::map<Key, Entries::iterator>;

  struct Block {
    std::uint64_t begin = 0;
    SharedBytes bytes;
  };

  std::optional<Block> find(const UUID& wal, std::uint64_t offset);
  Places::iterator place_around(const UUID& wal, std::uint64_t offset);
  SharedBytes load(const Key& key);
  void store(const Key& key, std::span<const std::byte> bytes);
  bool write_file(const Key& key, std::span<const std::byte> bytes);
  void forget(const Key& key);
  void erase(Places::iterator place);
  void make_room();
  void remove_file(const Key& key);
  void take_up_directory();
  bool is_on_disk() const noexcept { return !options_.directory.empty(); }
  std::string path_of(const Key& key) const;

  const BlockCacheOptions options_;
  mutable std::mutex mutex_;
  Entries entries_;  ///< the least recently used first
  Places places_;
  BlockCacheCounts counts_;
};

}  // namespace protobase::cloud
