// BlockProvider and RootRegister without a medium: for MemoryStorage and as the plainest reading of
// the two contracts.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "os/random.h"
#include "protobase/block_provider.h"

namespace protobase::memory {

/// Thread-safe. One holder of the lock at a time, whatever storage it serves.
class MemoryRootRegister final : public RootRegister {
 public:
  std::optional<RootVersion> read() override;
  std::optional<AtomPointer> inherited_root() override { return std::nullopt; }
  std::unique_ptr<RootLock> lock(std::uint64_t timeout_ms) override;
  std::uint64_t next_sequence() override;
  void prepare(std::uint64_t first, std::uint64_t last, const AtomPointer& scan_from) override;
  void abandon() noexcept override {}
  bool compare_and_set(std::optional<std::uint64_t> expected_sequence,
                       const RootVersion& next) override;
  void close();

 private:
  class Lock;

  void throw_if_closed() const;

  std::mutex mutex_;
  std::condition_variable unlocked_;
  bool locked_ = false;
  bool closed_ = false;
  std::uint64_t last_sequence_ = 0;
  std::optional<RootVersion> root_;
};

/// Keeps the written segments themselves: nothing is copied. Thread-safe.
class MemoryBlockProvider final : public BlockProvider {
 public:
  explicit MemoryBlockProvider(std::shared_ptr<os::Random> random = os::system_random())
      : random_(std::move(random)) {}

  AtomPointer claim_wal() override;
  void write(const WALWriteOperation& operation) override;
  std::uint64_t sync(const UUID& wal) override;
  void release_wal(const UUID& wal, bool resumable) override;
  std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                   std::size_t at_least) override;
  WALDescription describe(const UUID& wal) override;
  std::vector<BadPlace> find_damage() override;
  std::vector<UUID> list_wals() override;
  RootRegister& root_register() override { return root_register_; }
  void close() override;

 private:
  struct WAL {
    std::map<std::uint64_t, SharedBytes> segments;  ///< by the offset of their first byte
    std::uint64_t end = kWALFirstRecordOffset;
    std::uint64_t records = 0;
  };

  void throw_if_closed() const;
  const WAL& find(const UUID& wal) const;

  const std::shared_ptr<os::Random> random_;
  MemoryRootRegister root_register_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<UUID, WAL> wals_;
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace protobase::memory
