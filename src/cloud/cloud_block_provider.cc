#include "protobase/cloud_block_provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <filesystem>
#include <limits>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/check_range.h"
#include "base/safe_logger.h"
#include "cloud/block_cache.h"
#include "cloud/cloud_root_register.h"
#include "cloud/commit_log.h"
#include "cloud/merger.h"
#include "cloud/slot.h"
#include "cloud/wal_reader.h"
#include "cloud/wal_uploader.h"
#include "protobase/errors.h"

namespace protobase {
namespace {

using cloud::BlockCache;
using cloud::CommitLog;

// So many slots behind a checkpoint still come in one page of a listing.
constexpr std::uint64_t kCheckpointSlots = 900;
constexpr std::uint64_t kCheckpointSlotsAtClose = 16;

CloudStorageOptions with_safe_logger(CloudStorageOptions options) {
  options.logger = base::safe_logger(std::move(options.logger));
  return options;
}

cloud::BlockCacheOptions cache_options(const CloudStorageOptions& options) {
  cloud::BlockCacheOptions cache;
  cache.directory = options.cache_dir;
  cache.max_bytes = options.cache_size;
  cache.block_size = options.cache_block_size;
  if (options.file_system) cache.file_system = options.file_system;
  cache.logger = options.logger;
  return cache;
}

cloud::LocalCommitsOptions local_options(const CloudStorageOptions& options) {
  return {options.journal_dir, options.max_journal_bytes, options.object_size,
          options.file_system ? options.file_system : os::posix_file_system(), options.logger};
}

bool is_below(const std::string& path, const std::string& directory) {
  if (path.empty() || directory.empty()) return false;
  const auto whole = [](const std::string& name) {
    std::string normal = std::filesystem::path(os::absolute_path(name)).lexically_normal().string();
    while (normal.ends_with('/')) normal.pop_back();
    return normal + "/";
  };
  return whole(path).starts_with(whole(directory));
}

cloud::Bucket bucket_of(std::shared_ptr<CloudStorageClient> client,
                        const CloudStorageOptions& options) {
  if (!client) throw ValidationError("CloudBlockProvider needs a client of a bucket, got none");
  options.validate();
  return {std::move(client),
          {options.clock ? options.clock : os::system_clock(),
           options.random ? options.random : os::system_random(), options.commit_timeout_ms}};
}

}  // namespace

void CloudStorageOptions::validate() const {
  using base::check_range;
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  check_range<std::uint64_t>("cache_block_size", cache_block_size, 4096, kMiB);
  if (!std::has_single_bit(cache_block_size)) {
    throw ValidationError(
        fmt::format("cache_block_size = {} is no power of two", cache_block_size));
  }
  check_range<std::uint64_t>("object_size", object_size, kMiB, 64 * kMiB);
  check_range<unsigned>("max_parallel_requests", max_parallel_requests, 1, 64);
  check_range<std::uint64_t>("poll_interval_ms", poll_interval_ms, 0, 86'400'000);
  check_range<std::uint64_t>("merge_after_slots", merge_after_slots, 0, 1'000'000);
  check_range<std::uint64_t>("commit_timeout_ms", commit_timeout_ms, 1, 3'600'000);
  check_range<std::uint64_t>("max_journal_bytes", max_journal_bytes, kMiB, 65'536 * kMiB);
  check_range<std::uint64_t>("upload_interval_ms", upload_interval_ms, 0, 86'400'000);
  if (max_put_rate != 0) check_range<double>("max_put_rate", max_put_rate, 0.01, 100'000);
  const bool is_local = commit_durability == CommitDurability::kLocal;
  if (is_local && access == SpaceAccess::kReadWrite && journal_dir.empty()) {
    throw ValidationError("commit_durability = kLocal needs a journal_dir");
  }
  if (!is_local && !journal_dir.empty()) {
    throw ValidationError(
        "journal_dir is of commit_durability = kLocal: what waits in it would be passed over");
  }
  if (is_local && is_below(journal_dir, cache_dir)) {
    throw ValidationError("journal_dir must not lie in cache_dir, which may be deleted");
  }
}

class CloudBlockProvider::Impl final {
 public:
  Impl(std::shared_ptr<CloudStorageClient> client, const CloudStorageOptions& options)
      : bucket_(bucket_of(std::move(client), options)),
        is_read_only_(options.access == SpaceAccess::kReadOnly),
        logger_(options.logger),
        cache_(cache_options(options)),
        pool_(options.max_parallel_requests - 1),  // and the calling thread
        log_(bucket_, pool_,
             [this](const UUID& store, const UUID& wal, std::uint64_t begin,
                    std::span<const std::byte> bytes) {
               cache_.put(cloud::block_key(store, wal), begin, bytes);
             }),
        uploader_(log_, bucket_, pool_, {options.object_size, options.max_put_rate}),
        register_(log_, uploader_, bucket_.retry_parts().clock, options.poll_interval_ms,
                  is_read_only_),
        reader_(log_, cache_, bucket_, pool_),
        merge_after_slots_(options.merge_after_slots) {
    if (!log_.open() && is_read_only_) {
      throw NotFoundError(bucket_.location() + ": there is no store; look at the prefix");
    }
    if (options.commit_durability == CommitDurability::kLocal && !is_read_only_) {
      uploader_.commit_locally(local_options(options), [this] { keep_house(); });
    }
  }

  AtomPointer claim_wal() {
    throw_if_not_writable();
    return uploader_.claim_wal();
  }

  void write(const WALWriteOperation& operation) {
    throw_if_closed();
    uploader_.write(operation);
  }

  std::uint64_t sync(const UUID& wal) {
    throw_if_closed();
    if (const auto end = uploader_.sync(wal)) {
      if (uploader_.local() == nullptr) keep_house();
      return *end;
    }
    return known_end(wal, 0);
  }

  void release_wal(const UUID& wal) {
    throw_if_closed();
    uploader_.release_wal(wal);
  }

  std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                   std::size_t at_least) {
    throw_if_closed();
    const bool can_be = offset <= std::numeric_limits<std::uint64_t>::max() - at_least;
    const std::uint64_t end = known_end(wal, can_be ? offset + at_least : 0);
    if (!can_be || end < offset + at_least) {
      log_.known().throw_if_broken();  // it may be in what is missing, or behind it
      throw NotFoundError(fmt::format("WAL {} ends at offset {}: no {} bytes at {}",
                                      wal.to_string(), end, at_least, offset));
    }
    if (offset < log_.known().begin_of(wal)) return read_below_records(wal, offset, out, at_least);
    out = out.first(std::min<std::uint64_t>(out.size(), end - std::min(end, offset)));
    if (at_least == 0) at_least = out.size();
    std::size_t filled = 0;
    while (filled < at_least) {
      // What is not in the log yet leaves the uploader only after it is.
      const std::uint64_t at = offset + filled;
      const auto rest = out.subspan(filled);
      std::size_t count = uploader_.pending().read(wal, at, rest);
      if (count == 0) {
        const auto logged =
            rest.first(std::min<std::uint64_t>(rest.size(), *log_.known().end_of(wal) - at));
        count = reader_.read(wal, at, logged, std::min(logged.size(), at_least - filled));
      }
      filled += count;
    }
    return filled;
  }

  bool drop_copies(const UUID& wal, std::uint64_t offset, std::uint64_t size) {
    throw_if_closed();
    return cache_.drop(cloud::block_key(log_.known().store(), wal), offset, size);
  }

  std::uint64_t record_begin_before(const UUID& wal, std::uint64_t offset) {
    throw_if_closed();
    if (const auto place = log_.known().find_place(wal, offset)) return place->begin;
    return log_.known().end_of(wal).value_or(kWALFirstRecordOffset);
  }

  WALDescription describe(const UUID& wal) {
    throw_if_closed();
    const std::uint64_t end = known_end(wal, 0);
    constexpr std::uint64_t kBegin = kWALFirstRecordOffset;
    WALDescription description{wal, WALLayout::kVersion1, 0, kBegin, kBegin, 0};
    if (log_.known().end_of(wal)) description = log_.known().describe(wal);
    if (uploader_.local() != nullptr && uploader_.pending().end_of(wal)) {
      description.durable = std::min(end, uploader_.pending().synced_of(wal));
      description.records = uploader_.pending().records_of(wal);
    }
    if (end > description.end) {  // it waits here
      description.stored_bytes += end - description.end;
      description.end = end;
    }
    return description;
  }

  std::vector<UUID> list_wals() {
    throw_if_closed();
    std::vector<UUID> wals = log_.known().list_wals();
    if (uploader_.local() == nullptr) return wals;
    for (const UUID& own : uploader_.pending().ids()) {
      const bool has_bytes = *uploader_.pending().end_of(own) > kWALFirstRecordOffset;
      const bool is_listed = std::find(wals.begin(), wals.end(), own) != wals.end();
      if (has_bytes && !is_listed) wals.push_back(own);
    }
    return wals;
  }

  std::vector<BadPlace> find_damage() {
    throw_if_closed();
    return log_.find_damage(
        [this](const UUID& wal, std::uint64_t begin, std::span<const std::byte> bytes) {
          // What was cached came in parts, which nothing could check.
          const UUID key = cloud::block_key(log_.known().store(), wal);
          cache_.drop(key, begin, bytes.size());
          cache_.put(key, begin, bytes);
        });
  }

  RootRegister& root_register() { return register_; }

  void close() {
    closed_ = true;
    const std::lock_guard closing(closing_mutex_);
    if (std::exchange(has_closed_, true)) return;
    merges_.request_stop();
    register_.close();
    uploader_.close();
    {
      const std::lock_guard lock(background_mutex_);
      background_.request_stop();
    }
    if (background_.joinable()) background_.join();
    checkpoint(kCheckpointSlotsAtClose);
    pool_.stop();
  }

  CloudMergeReport merge(const CloudMergeProgress& progress) {
    throw_if_not_writable();
    const std::lock_guard lock(merge_mutex_);
    throw_if_closed();
    register_.poll();  // so that there is something to merge for who only merges
    if (!log_.known().is_open()) return {};  // nobody has committed yet
    return run_merger(progress, merges_.get_token());
  }

  CloudUnnamedSegments unnamed_segments() {
    throw_if_closed();
    register_.poll();
    return log_.unnamed_segments();
  }

  CloudCheckpointSize checkpoint_size() const {
    return {log_.checkpoint_size(), cloud::kMaxCheckpointSize};
  }

  UUID store_id() const { return log_.known().store(); }

  CloudUploadStats upload_stats() const {
    return uploader_.local() == nullptr ? CloudUploadStats{} : uploader_.local()->stats();
  }

  bool wait_until_uploaded(std::uint64_t timeout_ms) {
    throw_if_closed();
    return uploader_.local() == nullptr || uploader_.local()->wait_until_published(timeout_ms);
  }

  CloudCacheStats cache_stats() const {
    const cloud::BlockCacheCounts counts = cache_.counts();
    return {counts.hits, counts.misses, counts.damaged, counts.bytes};
  }

 private:
  void throw_if_closed() const {
    if (closed_) throw ValidationError("the block provider is closed");
  }

  void throw_if_not_writable() const {
    throw_if_closed();
    if (is_read_only_) {
      throw NotSupportedError(bucket_.location() + ": the store is open for reading only");
    }
  }

  /// Where the WAL ends, after one more look into the bucket if that is below `wanted`.
  std::uint64_t known_end(const UUID& wal, std::uint64_t wanted) {
    if (const auto end = uploader_.pending().end_of(wal)) return *end;
    auto end = log_.known().end_of(wal);
    if (!end || *end < wanted) {
      register_.poll();
      end = log_.known().end_of(wal);
    }
    if (end) return *end;
    log_.known().throw_if_broken();  // it may be in what is missing, or behind it
    throw NotFoundError(bucket_.location() + ": no WAL " + wal.to_string());
  }

  /// There is nothing: zeros.
  std::size_t read_below_records(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                                 std::size_t at_least) {
    const std::size_t size = std::min<std::uint64_t>(out.size(), kWALFirstRecordOffset - offset);
    std::fill_n(out.begin(), size, std::byte{0});
    if (size >= at_least) return size;
    return size + read(wal, kWALFirstRecordOffset, out.subspan(size), at_least - size);
  }

  /// What is due when a slot was put: a checkpoint, or a merge.
  void keep_house() {
    checkpoint(kCheckpointSlots);
    merge_if_due();
  }

  void merge_if_due() {
    if (merge_after_slots_ == 0 || log_.known().unmerged() < merge_after_slots_) return;
    const std::lock_guard lock(background_mutex_);
    if (closed_ || is_merging_ || log_.known().unmerged() < next_merge_) return;
    is_merging_ = true;
    if (background_.joinable()) background_.join();  // it has ended
    try {
      background_ = std::jthread([this](const std::stop_token& stop) { merge_quietly(stop); });
    } catch (const std::system_error& error) {  // the commit that came here is done all the same
      is_merging_ = false;
      if (logger_) logger_(LogLevel::kWarning, std::string("not merged: ") + error.what());
    }
  }

  /// What another merger took away meanwhile is no damage: begins again behind it.
  CloudMergeReport run_merger(const CloudMergeProgress& progress, const std::stop_token& stop) {
    constexpr int kMergersFaster = 8;
    for (int tries = 0; tries < kMergersFaster; ++tries) {
      const std::uint64_t boundary = log_.known().boundary();
      try {
        const auto report = cloud::Merger(log_, bucket_, pool_, progress).run(stop);
        if (report) return *report;
      } catch (const CorruptionError&) {
        log_.expect_checkpoint();
        if (log_.known().boundary() <= boundary) throw;
      }
    }
    throw CloudStorageError(
        CloudFailure::kNotNow, 0,
        fmt::format("{}: {} times another merge was faster; it has done the work",
                    bucket_.location(), kMergersFaster));
  }

  /// What fails here is done by the next merge, when as many slots more have come.
  void merge_quietly(const std::stop_token& stop) {
    try {
      const std::lock_guard lock(merge_mutex_);
      run_merger({}, stop);
    } catch (const std::exception& error) {
      if (logger_) logger_(LogLevel::kWarning, std::string("not merged: ") + error.what());
    }
    const std::uint64_t left = log_.known().unmerged();
    const std::lock_guard lock(background_mutex_);
    next_merge_ = left < merge_after_slots_ ? 0 : left + merge_after_slots_;
    is_merging_ = false;
  }

  /// A hint: what fails here costs later openings some requests.
  void checkpoint(std::uint64_t slots) {
    if (!log_.has_claimed()) return;
    try {
      log_.checkpoint(slots);
      warn_of_large_checkpoint();
    } catch (const std::exception& error) {
      if (logger_) logger_(LogLevel::kWarning, std::string("no checkpoint: ") + error.what());
    }
  }

  /// Says so the first time only.
  void warn_of_large_checkpoint() {
    const CloudCheckpointSize size = checkpoint_size();
    if (!logger_ || !size.is_large() || has_warned_.exchange(true)) return;
    logger_(LogLevel::kWarning,
            fmt::format("{}: the checkpoint has {} bytes, {} are the limit: merge the store",
                        bucket_.location(), size.bytes, size.max_bytes));
  }

  const cloud::Bucket bucket_;
  const bool is_read_only_;
  const Logger logger_;
  BlockCache cache_;
  engine::WorkerPool pool_;
  CommitLog log_;
  cloud::WALUploader uploader_;
  cloud::CloudRootRegister register_;
  cloud::WALReader reader_;
  const std::uint64_t merge_after_slots_;
  std::mutex merge_mutex_;   // held by who merges
  std::stop_source merges_;  // those that callers asked for
  std::mutex background_mutex_;
  bool is_merging_ = false;
  std::uint64_t next_merge_ = 0;  // not before so many slots wait
  std::atomic<bool> closed_{false};
  std::mutex closing_mutex_;  // held by close(): who comes second waits for the first
  bool has_closed_ = false;
  std::atomic<bool> has_warned_{false};
  std::jthread background_;  // last, because it is joined first
};

CloudBlockProvider::CloudBlockProvider(std::shared_ptr<CloudStorageClient> client,
                                       CloudStorageOptions options)
    : impl_(std::make_unique<Impl>(std::move(client), with_safe_logger(std::move(options)))) {}
CloudBlockProvider::~CloudBlockProvider() { impl_->close(); }

AtomPointer CloudBlockProvider::claim_wal() { return impl_->claim_wal(); }
void CloudBlockProvider::write(const WALWriteOperation& operation) { impl_->write(operation); }
std::uint64_t CloudBlockProvider::sync(const UUID& wal) { return impl_->sync(wal); }
void CloudBlockProvider::release_wal(const UUID& wal, bool /*resumable*/) {
  impl_->release_wal(wal);
}
std::size_t CloudBlockProvider::read(const UUID& wal, std::uint64_t offset,
                                     std::span<std::byte> out, std::size_t at_least) {
  return impl_->read(wal, offset, out, at_least);
}
bool CloudBlockProvider::drop_copies(const UUID& wal, std::uint64_t offset, std::uint64_t size) {
  return impl_->drop_copies(wal, offset, size);
}
std::uint64_t CloudBlockProvider::record_begin_before(const UUID& wal, std::uint64_t offset) {
  return impl_->record_begin_before(wal, offset);
}
WALDescription CloudBlockProvider::describe(const UUID& wal) { return impl_->describe(wal); }
std::vector<BadPlace> CloudBlockProvider::find_damage() { return impl_->find_damage(); }
std::vector<UUID> CloudBlockProvider::list_wals() { return impl_->list_wals(); }
RootRegister& CloudBlockProvider::root_register() { return impl_->root_register(); }
void CloudBlockProvider::close() { impl_->close(); }
CloudMergeReport CloudBlockProvider::merge(const CloudMergeProgress& progress) {
  return impl_->merge(progress);
}
CloudUnnamedSegments CloudBlockProvider::unnamed_segments() { return impl_->unnamed_segments(); }
UUID CloudBlockProvider::store_id() const { return impl_->store_id(); }
CloudCheckpointSize CloudBlockProvider::checkpoint_size() const { return impl_->checkpoint_size(); }
CloudCacheStats CloudBlockProvider::cache_stats() const { return impl_->cache_stats(); }
CloudUploadStats CloudBlockProvider::upload_stats() const { return impl_->upload_stats(); }
bool CloudBlockProvider::wait_until_uploaded(std::uint64_t timeout_ms) {
  return impl_->wait_until_uploaded(timeout_ms);
}

}  // namespace protobase
