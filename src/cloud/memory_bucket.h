// A bucket in memory, behind the mock clients. Several clients on one bucket are several machines.
//
// Invariants:
//  - An object is immutable; a put replaces it as a whole, at one moment, under the lock.
//  - Generations grow over the whole bucket and are never used again, also not after a removal.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "os/clock.h"
#include "protobase/shared_bytes.h"

namespace protobase::cloud {

struct MemoryObject {
  std::shared_ptr<const Bytes> bytes;
  std::uint64_t generation = 0;
  /// Quoted, of the content alone: the same bytes put again have the same one, as on S3.
  std::string etag;
  std::int64_t last_modified_us = 0;
};

/// Thread-safe. Keys are whole ones, in byte order; nothing is checked here.
class MemoryBucket final {
 public:
  explicit MemoryBucket(std::string name = "mock",
                        std::shared_ptr<os::Clock> clock = os::system_clock());

  const std::string& name() const noexcept { return name_; }

  std::optional<MemoryObject> find(const std::string& key) const;

  /// What is there, or null.
  using Condition = std::function<bool(const MemoryObject*)>;
  /// What was stored; nullopt when the condition (empty: none) did not hold.
  std::optional<MemoryObject> put(const std::string& key, Bytes bytes,
                                  const Condition& condition = {});

  /// At most `limit` objects whose keys begin with `prefix` and come behind `start_after`.
  std::vector<std::pair<std::string, MemoryObject>> list(const std::string& prefix,
                                                         const std::string& start_after,
                                                         std::size_t limit) const;

  /// False when there was none.
  bool remove(const std::string& key);

  std::size_t object_count() const;
  std::uint64_t total_bytes() const;

 private:
  const std::string name_;
  const std::shared_ptr<os::Clock> clock_;
  mutable std::mutex mutex_;
  std::uint64_t last_generation_ = 0;
  std::map<std::string, MemoryObject> objects_;
};

}  // namespace protobase::cloud
