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
#include <string_view>

#include "os/file_system.h"
#include "protobase/options.h"
#include "protobase/shared_bytes.h"
#include "protobase/uuid.h"

namespace protobase::cloud {

/// What a block costs beside its bytes: in a directory a file's header, name and last page, which
/// is hardly ever full; in memory the nodes and the allocation that it is kept in.
inline constexpr std::uint64_t kFileCost = 4096;
inline constexpr std::uint64_t kEntryCost = 256;

struct BlockCacheOptions {
  std::string directory;  ///< made when missing; empty: memory
  /// Of what blocks cost: their bytes, and kFileCost or kEntryCost for each.
  std::uint64_t max_bytes = std::uint64_t{64} << 20;
  std::uint64_t block_size = 64 * 1024;  ///< a power of two
  std::shared_ptr<os::FileSystem> file_system = os::posix_file_system();
  Logger logger{};
};

struct BlockCacheCounts {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t damaged = 0;  ///< blocks whose checksum did not hold
  std::uint64_t bytes = 0;    ///< now, counted as max_bytes counts them
};

/// What the blocks of a WAL of a store are kept by: never that of another store.
UUID block_key(const UUID& store, const UUID& wal);

/// Thread-safe. `key`: a block_key().
class BlockCache final {
 public:
  struct Block {
    std::uint64_t begin = 0;
    SharedBytes bytes;

    bool has(std::uint64_t offset) const noexcept {
      return offset >= begin && offset - begin < bytes.size();
    }
  };

  /// Takes up what an earlier one left in the directory.
  explicit BlockCache(BlockCacheOptions options);

  /// Fills `out` from `offset` on as far as the blocks reach; returns how much that is.
  std::size_t read(const UUID& key, std::uint64_t offset, std::span<std::byte> out);
  /// The block that has the byte at `offset`. Neither hit nor miss: for who was told of a miss.
  std::optional<Block> find(const UUID& key, std::uint64_t offset);

  /// Keeps a copy, as far as there is room. Never fails: what cannot be kept is logged.
  void put(const UUID& key, std::uint64_t begin, std::span<const std::byte> bytes);

  /// False: there was nothing of [offset, offset + size).
  bool drop(const UUID& key, std::uint64_t offset, std::uint64_t size);

  std::uint64_t block_size() const noexcept { return options_.block_size; }
  std::uint64_t may_hold() const noexcept { return options_.max_bytes; }
  BlockCacheCounts counts() const;

 private:
  struct Place {
    UUID key;
    std::uint64_t begin = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Entry {
    Place place;
    std::uint64_t size = 0;
    SharedBytes bytes;  ///< in memory only
  };
  using Entries = std::list<Entry>;
  using Places = std::map<Place, Entries::iterator>;

  Places::iterator find_around(const UUID& key, std::uint64_t offset);
  SharedBytes load(const Place& place);
  void store(const Place& place, std::span<const std::byte> bytes);
  void keep(const Place& place, std::uint64_t size, SharedBytes bytes);
  bool write_file(const Place& place, std::span<const std::byte> bytes);
  void forget(const Place& place);
  // With the mutex held; the caller hands `gone` to remove_files() without it.
  void erase(Places::iterator found, Entries& gone);
  void make_room(Entries& gone);
  void remove_files(const Entries& gone);
  void take_up_directory();
  bool is_on_disk() const noexcept { return !options_.directory.empty(); }
  std::uint64_t cost_of(std::uint64_t size) const noexcept {
    return size + (is_on_disk() ? kFileCost : kEntryCost);
  }
  static std::optional<Place> parse_name(std::string_view name);
  std::string path_of(const Place& place) const;

  const BlockCacheOptions options_;
  mutable std::mutex mutex_;
  Entries entries_;  ///< the least recently used first
  Places places_;
  BlockCacheCounts counts_;
};

}  // namespace protobase::cloud
