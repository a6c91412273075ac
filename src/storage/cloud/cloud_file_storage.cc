#include "protobase/cloud_file_storage.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/safe_logger.h"
#include "protobase/errors.h"

namespace protobase {
namespace {

std::shared_ptr<CloudBlockProvider> open_provider(std::shared_ptr<CloudStorageClient> client,
                                                  const CloudStorageOptions& cloud,
                                                  const StorageOptions& options) {
  options.validate();  // before the bucket is asked
  return std::make_shared<CloudBlockProvider>(std::move(client), cloud);
}

/// Room for several objects on their way while more is pushed.
StorageOptions with_room(StorageOptions options, const CloudStorageOptions& cloud) {
  constexpr std::uint64_t kObjects = 16;
  options.max_unflushed_bytes = std::max(options.max_unflushed_bytes, kObjects * cloud.object_size);
  return options;
}

}  // namespace

/// Flushes what was pushed and not flushed, so that nothing waits longer than the interval, and the
/// flush. Costs nothing while nothing is pushed.
class CloudFileStorage::IntervalFlusher final {
 public:
  IntervalFlusher(CloudFileStorage& storage, std::uint64_t interval_ms, Logger logger)
      : storage_(storage),
        logger_(std::move(logger)),
        pause_(std::max<std::uint64_t>(interval_ms / 2, 1)),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  /// From any thread.
  void stop() {
    const std::lock_guard stopping(stopping_mutex_);
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      never.wait_for(lock, stop, pause_, [] { return false; });
      if (stop.stop_requested() || !flush()) return;
    }
  }

  /// False: the storage has stopped; who commits next is told.
  bool flush() {
    try {
      if (storage_.stats().wal.buffered_bytes > 0) storage_.flush_wal();
      return true;
    } catch (const std::exception& error) {
      if (logger_) logger_(LogLevel::kWarning, std::string("not flushed: ") + error.what());
      return dynamic_cast<const NothingTookEffect*>(&error) != nullptr;
    }
  }

  CloudFileStorage& storage_;
  const Logger logger_;
  const std::chrono::milliseconds pause_;
  std::mutex stopping_mutex_;
  std::jthread thread_;  // last, because it is joined first
};

CloudFileStorage::CloudFileStorage(std::shared_ptr<CloudStorageClient> client,
                                   const CloudStorageOptions& cloud, const StorageOptions& options)
    : CloudFileStorage(open_provider(std::move(client), cloud, options),
                       with_room(options, cloud)) {
  if (cloud.upload_interval_ms > 0 && cloud.access == SpaceAccess::kReadWrite) {
    flusher_ = std::make_unique<IntervalFlusher>(*this, cloud.upload_interval_ms,
                                                 base::safe_logger(cloud.logger));
  }
}

CloudFileStorage::~CloudFileStorage() = default;

CloudFileStorage::CloudFileStorage(std::shared_ptr<CloudBlockProvider> provider,
                                   const StorageOptions& options)
    : EngineStorage(provider, options), provider_(std::move(provider)) {}

void CloudFileStorage::close() {
  if (flusher_) flusher_->stop();
  EngineStorage::close();
}

CloudMergeReport CloudFileStorage::merge(const CloudMergeProgress& progress) {
  return provider_->merge(progress);
}

CloudUnnamedSegments CloudFileStorage::unnamed_segments() { return provider_->unnamed_segments(); }
CloudCheckpointSize CloudFileStorage::checkpoint_size() const {
  return provider_->checkpoint_size();
}
CloudCacheStats CloudFileStorage::cache_stats() const { return provider_->cache_stats(); }
CloudUploadStats CloudFileStorage::upload_stats() const { return provider_->upload_stats(); }
bool CloudFileStorage::wait_until_uploaded(std::uint64_t timeout_ms) {
  return provider_->wait_until_uploaded(timeout_ms);
}

}  // namespace protobase
