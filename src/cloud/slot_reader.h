// Reads slots of the commit log: which of those listed follow each other, and the headers of those
// whose sizes do not say enough.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cloud/bucket.h"
#include "cloud/slot.h"
#include "engine/worker_pool.h"
#include "protobase/cloud_storage_client.h"

namespace protobase::cloud {

struct ListedSlot {
  std::uint64_t number = 0;
  std::uint64_t size = 0;
  SlotKind kind = SlotKind::kPlain;
  std::optional<SlotHeader> header{};  ///< if it was needed
  std::vector<std::uint64_t> segment_ends{};
};

/// Thread-safe.
class SlotReader final {
 public:
  /// Hears of bytes of WALs that were read on the way.
  using Found = std::function<void(const UUID& store, const UUID& wal, std::uint64_t begin,
                                   std::span<const std::byte> bytes)>;

  SlotReader(Bucket bucket, engine::WorkerPool& pool, Found found)
      : bucket_(std::move(bucket)), pool_(pool), found_(std::move(found)) {}

  /// Slots of the page from number `next` on, up to the first that is not there.
  std::vector<ListedSlot> unbroken_run(const CloudListPage& page, std::uint64_t next) const;

  /// Reads the headers of slots that begin a WAL or have segments, of the last one, and of the last
  /// before each claim. Throws CorruptionError, NotSupportedError.
  void read_needed(std::vector<ListedSlot>& slots) const;

  /// The slot with its header, by one request unless it names many segments; nullopt: there is
  /// none. Throws as above.
  std::optional<ListedSlot> read_if_there(std::uint64_t number) const;

  /// The header of the slot; nullopt: there is none. A request that fails is not tried again.
  std::optional<SlotHeader> find(std::uint64_t number) const;

 private:
  SlotKind kind_of(const std::string& key, std::uint64_t size) const;
  void read(ListedSlot& slot) const;
  SharedBytes get(const ListedSlot& slot, std::uint64_t offset, std::uint64_t length) const;
  void expect_size(const ListedSlot& slot, const CloudGetResult& got, std::uint64_t offset,
                   std::uint64_t length) const;
  void take_apart(ListedSlot& slot, const SharedBytes& object) const;

  const Bucket bucket_;
  engine::WorkerPool& pool_;
  const Found found_;
};

}  // namespace protobase::cloud
