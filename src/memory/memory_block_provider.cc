#include "memory/memory_block_provider.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>

#include "protobase/errors.h"

namespace protobase::memory {

class MemoryRootRegister::Lock final : public RootLock {
 public:
  explicit Lock(MemoryRootRegister& owner) : owner_(owner) {}
  ~Lock() override {
    {
      const std::lock_guard lock(owner_.mutex_);
      owner_.locked_ = false;
    }
    owner_.unlocked_.notify_one();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  MemoryRootRegister& owner_;
};

void MemoryRootRegister::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  unlocked_.notify_all();
}

void MemoryRootRegister::throw_if_closed() const {
  if (closed_) throw ValidationError("the root register is closed");
}

std::optional<RootVersion> MemoryRootRegister::read() {
  const std::lock_guard lock(mutex_);
  throw_if_closed();
  return root_;
}

std::unique_ptr<RootLock> MemoryRootRegister::lock(std::uint64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  const bool is_free = unlocked_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                          [&] { return closed_ || !locked_; });
  throw_if_closed();
  if (!is_free) {
    throw LockingError("the root lock was not free within " + std::to_string(timeout_ms) + " ms");
  }
  locked_ = true;
  return std::make_unique<Lock>(*this);
}

std::uint64_t MemoryRootRegister::next_sequence() {
  const std::lock_guard lock(mutex_);
  throw_if_closed();
  return last_sequence_ + 1;
}

void MemoryRootRegister::prepare(std::uint64_t /*first*/, std::uint64_t last,
                                 const AtomPointer& /*scan_from*/) {
  const std::lock_guard lock(mutex_);
  last_sequence_ = last;
}

bool MemoryRootRegister::compare_and_set(std::optional<std::uint64_t> expected_sequence,
                                         const RootVersion& next) {
  const std::lock_guard lock(mutex_);
  throw_if_closed();
  const auto current = root_ ? std::optional(root_->sequence) : std::nullopt;
  if (current != expected_sequence) return false;
  root_ = next;
  last_sequence_ = std::max(last_sequence_, next.sequence);
  return true;
}

AtomPointer MemoryBlockProvider::claim_wal() {
  const std::unique_lock lock(mutex_);
  throw_if_closed();
  UUID id = UUID::from_random(random_->bytes16());
  while (wals_.contains(id)) id = UUID::from_random(random_->bytes16());
  wals_.emplace(id, WAL{});
  return {id, kWALFirstRecordOffset};
}

void MemoryBlockProvider::write(const WALWriteOperation& operation) {
  const std::unique_lock lock(mutex_);
  throw_if_closed();
  const auto found = wals_.find(operation.transaction_id);
  if (found == wals_.end()) {
    throw NotFoundError("no WAL " + operation.transaction_id.to_string());
  }
  WAL& wal = found->second;
  std::uint64_t offset = operation.offset;
  const bool is_new = offset >= wal.end;
  for (const SharedBytes& segment : operation.segments) {
    wal.segments.insert_or_assign(offset, segment);
    offset += segment.size();
  }
  wal.end = std::max(wal.end, offset);
  if (is_new) wal.records += operation.records;
}

std::uint64_t MemoryBlockProvider::sync(const UUID& wal) {
  const std::shared_lock lock(mutex_);
  throw_if_closed();
  return find(wal).end;
}

void MemoryBlockProvider::release_wal(const UUID& wal, bool /*resumable*/) {
  const std::shared_lock lock(mutex_);
  throw_if_closed();
  find(wal);
}

std::size_t MemoryBlockProvider::read(const UUID& id, std::uint64_t offset,
                                      std::span<std::byte> out, std::size_t at_least) {
  const std::shared_lock lock(mutex_);
  throw_if_closed();
  const WAL& wal = find(id);
  const std::uint64_t available = offset < wal.end ? wal.end - offset : 0;
  if (available < at_least) {
    throw NotFoundError("WAL " + id.to_string() + " ends at offset " + std::to_string(wal.end) +
                        ": no " + std::to_string(at_least) + " bytes at " + std::to_string(offset));
  }
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), available));
  out = out.first(size);
  std::fill(out.begin(), out.end(), std::byte{0});  // below the first record there is nothing
  auto segment = wal.segments.upper_bound(offset);
  if (segment != wal.segments.begin()) --segment;
  for (; segment != wal.segments.end() && segment->first < offset + size; ++segment) {
    const std::uint64_t from = std::max(segment->first, offset);
    const std::uint64_t to = std::min(segment->first + segment->second.size(), offset + size);
    if (from >= to) continue;
    std::memcpy(out.data() + (from - offset), segment->second.data() + (from - segment->first),
                static_cast<std::size_t>(to - from));
  }
  return size;
}

WALDescription MemoryBlockProvider::describe(const UUID& id) {
  const std::shared_lock lock(mutex_);
  throw_if_closed();
  const WAL& wal = find(id);
  return {id, WALLayout::kVersion1, wal.end, wal.end, wal.end, wal.records};
}

std::vector<BadPlace> MemoryBlockProvider::find_damage() {
  const std::shared_lock lock(mutex_);
  throw_if_closed();
  return {};
}

std::vector<UUID> MemoryBlockProvider::list_wals() {
  const std::shared_lock lock(mutex_);
  throw_if_closed();
  std::vector<UUID> ids;
  for (const auto& [id, wal] : wals_) ids.push_back(id);
  return ids;
}

void MemoryBlockProvider::close() {
  root_register_.close();
  const std::unique_lock lock(mutex_);
  closed_ = true;
  wals_.clear();
}

/// With mutex_ held: what close() took away is not missed.
void MemoryBlockProvider::throw_if_closed() const {
  if (closed_) throw ValidationError("the block provider is closed");
}

const MemoryBlockProvider::WAL& MemoryBlockProvider::find(const UUID& wal) const {
  const auto found = wals_.find(wal);
  if (found == wals_.end()) throw NotFoundError("no WAL " + wal.to_string());
  return found->second;
}

}  // namespace protobase::memory
