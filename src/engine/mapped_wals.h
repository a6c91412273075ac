// Records read where they lie in memory, for providers that can map a WAL: no system call, no copy.
//
// Invariants:
//  - Only bytes that are durable are touched: they never change and their file never gets shorter.
//  - Every record is verified every time, or once if the storage was told so.
//  - Whatever is unusual is left to the reader that explains.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/verified_places.h"
#include "protobase/atom_cache.h"
#include "protobase/block_provider.h"

namespace protobase::engine {

/// Thread-safe. Keeps up to kMaxWALs maps until it is destroyed; WALs beyond are read otherwise,
/// and no lock is taken for them.
class MappedWALs final {
 public:
  /// 1 TiB of addresses, out of 128, and 16 KiB of slots.
  static constexpr std::size_t kMaxWALs = 1024;

  MappedWALs(BlockProvider& provider, bool verify_once)
      : provider_(provider), enabled_(provider.can_map()), verify_once_(verify_once) {}
  MappedWALs(const MappedWALs&) = delete;
  MappedWALs& operator=(const MappedWALs&) = delete;

  /// The payload of the data record at `pointer`, in place; nullopt when it is not mapped, larger
  /// than is good to map, not known to be durable, or not valid. The first question is asked here,
  /// because every get of every storage asks it.
  std::optional<CachedPayload> find(const AtomPointer& pointer) {
    return enabled_ ? look_for(pointer) : std::nullopt;
  }

 private:
  static constexpr std::size_t kSlots = 2 * kMaxWALs;
  static constexpr std::size_t kOwners = 16;

  /// An owner's count is written by whoever takes and drops a payload. With several owners, threads
  /// seldom write to the same one.
  struct alignas(64) Owner {
    std::shared_ptr<const SharedBytes> map;
  };
  struct View {
    UUID wal;
    SharedBytes bytes;  ///< empty: this one cannot be mapped
    std::atomic<std::uint64_t> durable{0};
    std::atomic<std::uint32_t> beyond{0};  ///< reads behind `durable`
    std::array<Owner, kOwners> owners;
    VerifiedPlaces verified;  ///< for `verify_once`
  };

  std::optional<CachedPayload> look_for(const AtomPointer& pointer);
  View* view_of(const UUID& wal);
  View* open(const UUID& wal);
  bool is_durable(View& view, std::uint64_t end);
  bool is_valid(View& view, std::span<const std::byte> record, const AtomPointer& pointer);

  BlockProvider& provider_;
  const bool enabled_;
  const bool verify_once_;
  std::array<std::atomic<View*>, kSlots> slots_{};  ///< open addressing; filled, never emptied
  std::atomic<bool> full_{false};                   ///< nothing is filled any more
  std::mutex mutex_;                                ///< for those who fill
  std::vector<std::unique_ptr<View>> views_;
};

}  // namespace protobase::engine
