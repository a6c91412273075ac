#include "cloud/memory_bucket.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"

namespace protobase::cloud {

namespace {
// 32 digits, like the MD5 that S3 makes its ETags of.
std::string etag_of(const Bytes& bytes) {
  return fmt::format("\"{:016x}{:016x}\"", base::xxh3(bytes), bytes.size());
}
}  // namespace

MemoryBucket::MemoryBucket(std::string name, std::shared_ptr<os::Clock> clock)
    : name_(std::move(name)), clock_(std::move(clock)) {}

std::optional<MemoryObject> MemoryBucket::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(key);
  return found == objects_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<MemoryObject> MemoryBucket::put(const std::string& key, Bytes bytes,
                                              const Condition& condition) {
  MemoryObject object;
  object.etag = etag_of(bytes);
  object.bytes = std::make_shared<const Bytes>(std::move(bytes));
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(key);
  if (condition && !condition(found == objects_.end() ? nullptr : &found->second)) {
    return std::nullopt;
  }
  object.generation = ++last_generation_;
  object.last_modified_us = clock_->unix_us();
  return objects_.insert_or_assign(key, std::move(object)).first->second;
}

std::vector<std::pair<std::string, MemoryObject>> MemoryBucket::list(const std::string& prefix,
                                                                     const std::string& start_after,
                                                                     std::size_t limit) const {
  std::vector<std::pair<std::string, MemoryObject>> result;
  const std::lock_guard lock(mutex_);
  auto at = start_after < prefix ? objects_.lower_bound(prefix) : objects_.upper_bound(start_after);
  for (; at != objects_.end() && at->first.starts_with(prefix) && result.size() < limit; ++at) {
    result.emplace_back(*at);
  }
  return result;
}

bool MemoryBucket::remove(const std::string& key) {
  const std::lock_guard lock(mutex_);
  return objects_.erase(key) > 0;
}

std::size_t MemoryBucket::object_count() const {
  const std::lock_guard lock(mutex_);
  return objects_.size();
}

std::uint64_t MemoryBucket::total_bytes() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t total = 0;
  for (const auto& [key, object] : objects_) total += object.bytes->size();
  return total;
}

}  // namespace protobase::cloud
