// The engine behind every storage: atoms in, pointers out, caches in front, log and provider below.
// Knows records, WALs and caches; nothing of files, sockets or HTTP.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/committer.h"
#include "engine/log.h"
#include "engine/record_reader.h"
#include "engine/worker_pool.h"
#include "os/clock.h"
#include "protobase/atom_cache.h"
#include "protobase/block_provider.h"
#include "protobase/options.h"
#include "protobase/storage.h"

namespace protobase::engine {

/// Thread-safe. Functions are SharedStorage's, with its errors and its durability.
class AtomStore final : public std::enable_shared_from_this<AtomStore> {
 public:
  /// Throws ValidationError when an option is out of range. Owns the provider: close() closes it.
  AtomStore(std::shared_ptr<BlockProvider> provider, const StorageOptions& options,
            std::shared_ptr<os::Clock> clock = os::system_clock());
  ~AtomStore();
  AtomStore(const AtomStore&) = delete;
  AtomStore& operator=(const AtomStore&) = delete;

  AtomPointer push_atom(Atom atom, RecordFormat format);
  AtomPointer push_bytes(std::span<const std::byte> bytes, RecordFormat format);
  std::vector<AtomPointer> push_bytes_many(std::span<const std::span<const std::byte>> many,
                                           RecordFormat format);

  std::shared_ptr<const Atom> get_atom(const AtomPointer& pointer);
  SharedBytes get_bytes(const AtomPointer& pointer);
  RecordFormat get_format(const AtomPointer& pointer);
  std::vector<std::shared_ptr<const Atom>> get_atoms(std::span<const AtomPointer> pointers);
  std::vector<SharedBytes> get_bytes_many(std::span<const AtomPointer> pointers);
  std::future<std::shared_ptr<const Atom>> get_atom_async(const AtomPointer& pointer);
  std::future<SharedBytes> get_bytes_async(const AtomPointer& pointer);

  std::optional<AtomPointer> read_current_root();
  bool commit_root(const AtomPointer& root,
                   const std::optional<std::optional<AtomPointer>>& expected);
  RootGuard root_context_manager();
  std::vector<RootVersion> root_history(std::size_t limit);

  FlushResult flush();
  void reserve(std::uint64_t bytes);
  StorageStats stats() const;
  std::vector<WALDescription> list_wals();
  void scan_wal(const UUID& wal, const std::function<bool(const RecordInfo&)>& visit);
  VerifyReport verify(const std::function<void(std::uint64_t done, std::uint64_t total)>& progress);

  void close();
  /// For destructors: closes, and tells a failure to the logger only.
  void close_quietly() noexcept;

 private:
  /// One of many that a cache does not have. What is not here yet is to be loaded.
  struct Wanted {
    std::size_t index = 0;
    std::optional<CachedPayload> payload{};
  };

  void throw_if_closed() const;
  void check_payload_size(std::size_t size) const;
  void check_bytes(std::span<const std::byte> bytes) const;
  void cache_payload(const AtomPointer& pointer, std::span<const std::byte> payload,
                     RecordFormat format);
  CachedPayload load_payload(const AtomPointer& pointer);
  void read_ahead(std::span<const AtomPointer> pointers, std::span<Wanted> wanted);
  CachedPayload load_wanted(const AtomPointer& pointer, const Wanted& wanted);
  static std::shared_ptr<const Atom> decode_payload(const AtomPointer& pointer,
                                                    const CachedPayload& payload);
  void check_root(const AtomPointer& root);
  std::optional<RootVersion> previous_version(const RootVersion& version);

  const StorageOptions options_;
  const std::shared_ptr<BlockProvider> provider_;
  AtomObjectCache object_cache_;
  AtomBytesCache bytes_cache_;
  Log log_;
  RecordReader reader_;
  Committer committer_;
  WorkerPool pool_;
  std::atomic<bool> closed_{false};
  std::mutex closing_mutex_;  // held by close(): who comes second waits for the first
  bool has_closed_ = false;
};

}  // namespace protobase::engine
