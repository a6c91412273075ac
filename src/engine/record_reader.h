// Reads one record by its pointer: from the log's buffer while it is there, else from the block
// provider.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/legacy_boundaries.h"
#include "engine/log.h"
#include "engine/mapped_wals.h"
#include "format/record.h"
#include "protobase/atom_cache.h"
#include "protobase/block_provider.h"

namespace protobase::engine {

/// Thread-safe. Whatever it returns has been verified.
class RecordReader {
 public:
  RecordReader(BlockProvider& provider, const Log& log, bool verify_mapped_once)
      : provider_(provider),
        log_(log),
        mapped_(provider, verify_mapped_once),
        legacy_boundaries_(provider) {}

  /// The data record at `pointer`. NotFoundError: no record starts there. CorruptionError: what
  /// is there is not what was written.
  CachedPayload read(const AtomPointer& pointer);

  /// The same without an error and without waiting, for what lies in memory; else nullopt.
  std::optional<CachedPayload> find_mapped(const AtomPointer& pointer) {
    return mapped_.find(pointer);
  }

  /// For each of `pointers` the data record, where reads in flight together bring the whole of it;
  /// nullopt for what is long, damaged, missing, legacy or still in the log's buffer, and for all
  /// when the medium reads one by one: read() gives it, or tells.
  std::vector<std::optional<CachedPayload>> read_many(std::span<const AtomPointer> pointers);

  /// The commit record at `pointer`; errors as above.
  RootVersion read_commit(const AtomPointer& pointer);

  /// The commit that `version` replaced; nullopt when it was the first.
  std::optional<RootVersion> read_previous(const RootVersion& version);

  std::uint64_t reads() const noexcept { return reads_.load(std::memory_order_relaxed); }

 private:
  struct Record {
    format::RecordHeader header;
    SharedBytes payload;
  };

  WALLayout layout_of(const UUID& wal);
  bool has_batches(const UUID& wal);
  std::vector<BlockRead> plan_batch(std::span<const AtomPointer> pointers,
                                    std::span<std::byte> heads);
  void read_batch(std::span<const AtomPointer> pointers, std::span<std::byte> heads,
                  std::span<std::optional<CachedPayload>> payloads);
  Record fetch(const AtomPointer& pointer, bool again = false);
  Record doubt(const AtomPointer& pointer, std::uint64_t size, const std::string& problem,
               bool again);
  Record fetch_unflushed(const AtomPointer& pointer, const SharedBytes& from_here);
  Record fetch_rest(const AtomPointer& pointer, const format::RecordHeader& header,
                    std::span<const std::byte> head, bool again);
  CachedPayload read_legacy(const AtomPointer& pointer);
  [[noreturn]] void explain(const AtomPointer& pointer, const std::string& problem);

  BlockProvider& provider_;
  const Log& log_;
  std::atomic<std::uint64_t> reads_{0};
  MappedWALs mapped_;
  std::atomic<bool> provider_has_batches_{true};  ///< until it says otherwise
  LegacyBoundaries legacy_boundaries_;
  std::shared_mutex layouts_mutex_;
  std::unordered_map<UUID, WALLayout> layouts_;  ///< one small entry for each WAL ever read
};

}  // namespace protobase::engine
