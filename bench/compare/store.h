// The interface of every contestant: put records, commit them durably, get them back. Small enough
// that nobody wins or loses by it; what each does behind it is listed in README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace protobase::compare {

using Record = std::span<const std::byte>;

/// How a record is asked for: the key of a peer, the packed address of a log or of our store.
using Handle = std::uint64_t;

struct StoreSettings {
  std::filesystem::path directory;
  bool bulk = false;           ///< load fast: durable only at the end, at commit()
  bool caches = true;          ///< the store's own cache; off, the page cache is what is left
  bool mapped = false;         ///< ours: map_wals
  bool verified_once = false;  ///< ours: verify_mapped_once
  bool singly = false;         ///< ours: put_many() by push_bytes, not by push_bytes_many
  std::uint64_t cache_bytes = std::uint64_t{64} << 20;
  std::uint64_t unflushed_bytes = std::uint64_t{32} << 20;      ///< ours: max_unflushed_bytes
  std::uint64_t preallocated_bytes = std::uint64_t{256} << 20;  ///< the floor's file
  bool create = true;                                           ///< false: open what is there
};

/// What a get does with the bytes, the same for all: the first eight are the next handle of a
/// chain, the last is touched so that the whole record has to be there.
inline Handle touch(Record record) {
  Handle next = 0;
  if (record.size() < sizeof next) throw std::runtime_error("record too short");
  std::memcpy(&next, record.data(), sizeof next);
  const volatile std::byte last = record.back();
  static_cast<void>(last);
  return next;
}

/// One thread's way to read. Not thread-safe; take one for each thread.
class Reader {
 public:
  virtual ~Reader() = default;
  /// touch() of the record; throws when it is not there or damaged.
  virtual Handle get(Handle handle) = 0;
  /// All of them, with the reads in flight together where the contestant can.
  virtual void get_many(std::span<const Handle> handles) {
    for (const Handle handle : handles) get(handle);
  }
};

class Store {
 public:
  virtual ~Store() = default;
  /// Before measuring: makes room on the disk for `bytes` more, in blocks that were written before,
  /// where the store can.
  virtual void prepare(std::uint64_t bytes) { static_cast<void>(bytes); }
  /// One thread only. Stored with the next commit().
  virtual Handle put(Record record) = 0;
  /// put() of all of them, in the store's own way to be given many.
  virtual void put_many(std::span<const Record> records) {
    for (const Record record : records) put(record);
  }
  /// Everything put is durable on return.
  virtual void commit() = 0;
  /// put and commit; thread-safe where threads() says so.
  virtual void commit_one(Record record) {
    put(record);
    commit();
  }
  virtual std::unique_ptr<Reader> reader() = 0;
};

/// Names as in the results: floor, checksummed_log, bare_map, mmap_log, array, unordered_map,
/// protobase (with any suffix), rocksdb, leveldb, lmdb, sqlite, io_uring. Throws for another.
std::unique_ptr<Store> make_store(std::string_view name, const StoreSettings& settings);

std::unique_ptr<Store> make_protobase(const StoreSettings& settings);
std::unique_ptr<Store> make_rocksdb(const StoreSettings& settings);
std::unique_ptr<Store> make_leveldb(const StoreSettings& settings);
std::unique_ptr<Store> make_lmdb(const StoreSettings& settings);
std::unique_ptr<Store> make_sqlite(const StoreSettings& settings);
std::unique_ptr<Store> make_array();
std::unique_ptr<Store> make_unordered_map();

enum class LogRead { kPread, kMmap, kURing };
/// Plain pwrite and fdatasync into a preallocated, zeroed file, with group commit.
std::unique_ptr<Store> make_bare_log(const StoreSettings& settings, bool checksums, LogRead read);

/// Makes the file that long by writing zeros behind its end, and syncs it.
void write_zeros(const std::filesystem::path& path, std::uint64_t size);

/// A key as peers get it: eight bytes, big-endian, so that counting up is appending.
struct Key {
  explicit Key(Handle handle) {
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(handle >> (56 - 8 * i));
  }
  char bytes[8];
};

inline const char* text_of(Record record) { return reinterpret_cast<const char*>(record.data()); }
inline Record record_of(const char* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

}  // namespace protobase::compare
