#include "cloud/cloud_root_register.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "protobase/errors.h"

namespace protobase::cloud {

class CloudRootRegister::Lock final : public RootLock {
 public:
  explicit Lock(CloudRootRegister& owner) : owner_(owner) {}
  ~Lock() override {
    {
      const std::lock_guard lock(owner_.mutex_);
      owner_.is_locked_ = false;
    }
    owner_.unlocked_.notify_one();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  CloudRootRegister& owner_;
};

std::optional<RootVersion> CloudRootRegister::read() {
  throw_if_closed();
  {
    const std::lock_guard lock(mutex_);
    if (log_.has_claimed() && is_writer_) return published_;
    const std::uint64_t now = clock_->monotonic_ns();
    if (now - polled_ns_ < poll_interval_ns_) return newest();
    polled_ns_ = now;
  }
  log_.poll();
  const std::lock_guard lock(mutex_);
  return newest();
}

/// Never goes back: neither to what a writer has published when the log is a commit ahead of that,
/// nor for a writer whose journal was overtaken.
std::optional<RootVersion> CloudRootRegister::newest() const {
  if (log_.has_claimed() && is_writer_) return published_;
  const auto known = uploader_.root();
  if (!published_) return known;
  return known && known->sequence > published_->sequence ? known : published_;
}

void CloudRootRegister::poll() {
  {
    const std::lock_guard lock(mutex_);
    polled_ns_ = clock_->monotonic_ns();
  }
  log_.refresh();
}

std::unique_ptr<RootLock> CloudRootRegister::lock(std::uint64_t timeout_ms) {
  throw_if_closed();
  if (is_read_only_) {
    throw NotSupportedError(log_.location() + ": the store is open for reading only");
  }
  std::unique_lock lock(mutex_);
  const bool is_free = unlocked_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                          [&] { return closed_ || !is_locked_; });
  throw_if_closed();
  if (!is_free) {
    throw LockingError(fmt::format(
        "{}: another thread held the root lock for {} ms; nothing was committed: try again, or "
        "allow more by root_lock_timeout_ms",
        log_.location(), timeout_ms));
  }
  is_locked_ = true;
  lock.unlock();
  auto held = std::make_unique<Lock>(*this);
  uploader_.claim_log();
  lock.lock();
  if (!std::exchange(is_writer_, true)) published_ = uploader_.root();
  return held;
}

std::uint64_t CloudRootRegister::next_sequence() {
  throw_if_closed();
  const auto root = uploader_.root();
  const std::lock_guard lock(mutex_);
  return std::max(last_tried_, root ? root->sequence : 0) + 1;
}

void CloudRootRegister::prepare(std::uint64_t /*first*/, std::uint64_t last,
                                const AtomPointer& /*scan_from*/) {
  const std::lock_guard lock(mutex_);
  last_tried_ = std::max(last_tried_, last);
}

bool CloudRootRegister::compare_and_set(std::optional<std::uint64_t> expected_sequence,
                                        const RootVersion& next) {
  throw_if_closed();
  const std::lock_guard lock(mutex_);
  const auto current = published_ ? std::optional(published_->sequence) : std::nullopt;
  // The slot that made the commit record durable has moved the root in the bucket: one PUT is both.
  // So has the entry of a journal, here.
  if (current != expected_sequence || uploader_.root() != next) return false;
  published_ = next;
  return true;
}

void CloudRootRegister::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  unlocked_.notify_all();
}

void CloudRootRegister::throw_if_closed() const {
  if (closed_) throw ValidationError("the root register is closed");
}

}  // namespace protobase::cloud
