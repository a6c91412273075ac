#include "engine/atom_store.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "base/safe_logger.h"
#include "engine/for_all.h"
#include "engine/verifier.h"
#include "format/codec.h"
#include "protobase/errors.h"

namespace protobase::engine {
namespace {

AtomCacheOptions cache_options(const StorageOptions& options, bool enabled, std::size_t max_entries,
                               std::size_t max_bytes) {
  AtomCacheOptions cache;
  cache.max_entries = enabled ? max_entries : 0;
  cache.max_bytes = max_bytes;
  cache.stripes = options.cache_stripes;
  cache.probation_ratio = options.cache_probation_ratio;
  return cache;
}

StorageOptions validated(StorageOptions options) {
  options.validate();
  options.logger = base::safe_logger(std::move(options.logger));
  return options;
}

/// A thread's buffer for encoding, kept so that a push allocates nothing; huge ones are let go.
class EncodeBuffer {
 public:
  EncodeBuffer() : text_(buffer()) { text_.clear(); }
  ~EncodeBuffer() {
    if (text_.capacity() > kMaxKept) std::string().swap(text_);
  }
  EncodeBuffer(const EncodeBuffer&) = delete;
  EncodeBuffer& operator=(const EncodeBuffer&) = delete;
  std::string& text() noexcept { return text_; }

 private:
  static constexpr std::size_t kMaxKept = 64 * 1024;
  static std::string& buffer() {
    thread_local std::string text;
    return text;
  }
  std::string& text_;
};

void check_format(RecordFormat format) {
  if (static_cast<std::uint8_t>(format) <= static_cast<std::uint8_t>(RecordFormat::kMsgPack))
    return;
  throw ValidationError("push_bytes: unknown format " +
                        std::to_string(static_cast<unsigned>(format)));
}

/// Runs `task` on the pool; the future holds its result or exception.
template <typename Task>
auto run_async(WorkerPool& pool, Task task) {
  auto packaged = std::make_shared<std::packaged_task<decltype(task())()>>(std::move(task));
  auto result = packaged->get_future();
  pool.submit([packaged] { (*packaged)(); });
  return result;
}

}  // namespace

AtomStore::AtomStore(std::shared_ptr<BlockProvider> provider, const StorageOptions& options,
                     std::shared_ptr<os::Clock> clock)
    : options_(validated(options)),
      provider_(std::move(provider)),
      object_cache_(cache_options(options, options.enable_atom_object_cache,
                                  options.object_cache_max_entries, options.object_cache_max_bytes),
                    clock),
      bytes_cache_(cache_options(options, options.enable_atom_bytes_cache,
                                 options.bytes_cache_max_entries, options.bytes_cache_max_bytes),
                   clock),
      log_(*provider_, options_),
      reader_(*provider_, log_, options.verify_mapped_once),
      committer_(provider_->root_register(), log_, clock, options.root_lock_timeout_ms),
      pool_(options.max_workers) {}

AtomStore::~AtomStore() { close_quietly(); }

void AtomStore::close_quietly() noexcept {
  try {
    close();
  } catch (const std::exception& error) {
    // Nobody is left to hear it but the log; what was acknowledged is durable all the same.
    if (options_.logger) {
      options_.logger(LogLevel::kError, std::string("closing a storage failed: ") + error.what());
    }
  }
}

AtomPointer AtomStore::push_atom(Atom atom, RecordFormat format) {
  throw_if_closed();
  EncodeBuffer buffer;
  format::encode(atom, format, buffer.text());
  check_payload_size(buffer.text().size());
  const auto payload = as_bytes(buffer.text());
  const AtomPointer pointer = log_.append(format, payload);
  cache_payload(pointer, payload, format);
  if (options_.enable_atom_object_cache) {
    object_cache_.put(pointer, options_.schema_epoch,
                      std::make_shared<const Atom>(std::move(atom)));
  }
  return pointer;
}

AtomPointer AtomStore::push_bytes(std::span<const std::byte> bytes, RecordFormat format) {
  throw_if_closed();
  check_format(format);
  check_bytes(bytes);
  const AtomPointer pointer = log_.append(format, bytes);
  cache_payload(pointer, bytes, format);
  return pointer;
}

std::vector<AtomPointer> AtomStore::push_bytes_many(
    std::span<const std::span<const std::byte>> many, RecordFormat format) {
  throw_if_closed();
  check_format(format);
  for (const auto bytes : many) check_bytes(bytes);
  std::vector<AtomPointer> pointers(many.size());
  log_.append_many(format, many, pointers);
  for (std::size_t i = 0; i < many.size(); ++i) cache_payload(pointers[i], many[i], format);
  return pointers;
}

void AtomStore::check_bytes(std::span<const std::byte> bytes) const {
  if (bytes.empty()) throw ValidationError("push_bytes: there are no bytes to push");
  check_payload_size(bytes.size());
}

void AtomStore::cache_payload(const AtomPointer& pointer, std::span<const std::byte> payload,
                              RecordFormat format) {
  // One that would not be kept is not copied.
  if (!options_.enable_atom_bytes_cache || payload.size() > options_.bytes_cache_max_bytes / 16) {
    return;
  }
  bytes_cache_.put(pointer, {SharedBytes::copy_of(payload), format, false});
}

std::shared_ptr<const Atom> AtomStore::get_atom(const AtomPointer& pointer) {
  throw_if_closed();
  return object_cache_.get_or_load(pointer, options_.schema_epoch,
                                   [&] { return decode_payload(pointer, load_payload(pointer)); });
}

SharedBytes AtomStore::get_bytes(const AtomPointer& pointer) {
  throw_if_closed();
  return load_payload(pointer).bytes;
}

RecordFormat AtomStore::get_format(const AtomPointer& pointer) {
  throw_if_closed();
  return load_payload(pointer).format;
}

std::vector<std::shared_ptr<const Atom>> AtomStore::get_atoms(
    std::span<const AtomPointer> pointers) {
  throw_if_closed();
  std::vector<std::shared_ptr<const Atom>> atoms(pointers.size());
  std::vector<Wanted> wanted;
  for (std::size_t i = 0; i < pointers.size(); ++i) {
    atoms[i] = object_cache_.get(pointers[i], options_.schema_epoch);
    if (!atoms[i]) wanted.push_back({i, bytes_cache_.get(pointers[i])});
  }
  read_ahead(pointers, wanted);
  for_all(pool_, std::span(wanted), [&](const Wanted& one) {
    const AtomPointer& pointer = pointers[one.index];
    atoms[one.index] = object_cache_.load(pointer, options_.schema_epoch, [&] {
      return decode_payload(pointer, load_wanted(pointer, one));
    });
  });
  return atoms;
}

std::vector<SharedBytes> AtomStore::get_bytes_many(std::span<const AtomPointer> pointers) {
  throw_if_closed();
  std::vector<SharedBytes> payloads(pointers.size());
  std::vector<Wanted> wanted;
  for (std::size_t i = 0; i < pointers.size(); ++i) {
    if (auto found = bytes_cache_.get(pointers[i])) {
      payloads[i] = std::move(found->bytes);
    } else {
      wanted.push_back({i});
    }
  }
  read_ahead(pointers, wanted);
  // What came with a batch is not worth another thread's while.
  for (const Wanted& one : wanted) {
    if (one.payload) payloads[one.index] = one.payload->bytes;
  }
  std::erase_if(wanted, [](const Wanted& one) { return one.payload.has_value(); });
  for_all(pool_, std::span(wanted), [&](const Wanted& one) {
    payloads[one.index] = load_wanted(pointers[one.index], one).bytes;
  });
  return payloads;
}

std::future<std::shared_ptr<const Atom>> AtomStore::get_atom_async(const AtomPointer& pointer) {
  throw_if_closed();
  return run_async(pool_, [this, pointer] { return get_atom(pointer); });
}

std::future<SharedBytes> AtomStore::get_bytes_async(const AtomPointer& pointer) {
  throw_if_closed();
  return run_async(pool_, [this, pointer] { return get_bytes(pointer); });
}

std::optional<AtomPointer> AtomStore::read_current_root() {
  throw_if_closed();
  const auto version = provider_->root_register().read();
  return version ? std::optional(version->root) : std::nullopt;
}

bool AtomStore::commit_root(const AtomPointer& root,
                            const std::optional<std::optional<AtomPointer>>& expected) {
  throw_if_closed();
  check_root(root);
  return committer_.commit(root, expected);
}

RootGuard AtomStore::root_context_manager() {
  throw_if_closed();
  return committer_.guard(shared_from_this());
}

std::vector<RootVersion> AtomStore::root_history(std::size_t limit) {
  throw_if_closed();
  std::vector<RootVersion> history;
  auto version = provider_->root_register().read();
  while (version && history.size() < limit) {
    history.push_back(*version);
    // The inherited root is the oldest. What was not asked for may be damaged.
    if (version->sequence == 0 || history.size() == limit) break;
    version = previous_version(*version);
  }
  return history;
}

std::optional<RootVersion> AtomStore::previous_version(const RootVersion& version) {
  if (const auto previous = reader_.read_previous(version)) return previous;
  const auto inherited = provider_->root_register().inherited_root();
  if (!inherited) return std::nullopt;
  RootVersion oldest;
  oldest.root = *inherited;
  return oldest;
}

void AtomStore::reserve(std::uint64_t bytes) {
  throw_if_closed();
  log_.reserve(bytes);
}

FlushResult AtomStore::flush() {
  throw_if_closed();
  return log_.flush();
}

StorageStats AtomStore::stats() const {
  throw_if_closed();
  StorageStats stats;
  stats.commits = committer_.commits();
  const LogCounts log = log_.counts();
  stats.pushed_records = log.pushed_records;
  stats.pushed_bytes = log.pushed_bytes;
  stats.syncs = log.syncs;
  stats.written_bytes = log.written_bytes;
  stats.record_reads = reader_.reads();
  stats.wal = log_.state();
  stats.object_cache = object_cache_.stats();
  stats.bytes_cache = bytes_cache_.stats();
  return stats;
}

std::vector<WALDescription> AtomStore::list_wals() {
  throw_if_closed();
  std::vector<WALDescription> wals;
  for (const UUID& id : provider_->list_wals()) wals.push_back(provider_->describe(id));
  std::sort(wals.begin(), wals.end(), [](const WALDescription& a, const WALDescription& b) {
    return a.transaction_id < b.transaction_id;
  });
  return wals;
}

void AtomStore::scan_wal(const UUID& wal, const std::function<bool(const RecordInfo&)>& visit) {
  throw_if_closed();
  engine::scan_wal(*provider_, wal,
                   [&](const RecordInfo& info, std::span<const std::byte>) { return visit(info); });
}

VerifyReport AtomStore::verify(
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
  throw_if_closed();
  return verify_store(*provider_, reader_, list_wals(), progress);
}

void AtomStore::close() {
  closed_ = true;
  const std::lock_guard closing(closing_mutex_);
  if (std::exchange(has_closed_, true)) return;
  pool_.stop();
  committer_.close();
  std::exception_ptr failure;
  try {
    log_.close();
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  provider_->close();
  object_cache_.clear();
  bytes_cache_.clear();
  if (failure) std::rethrow_exception(failure);
}

void AtomStore::throw_if_closed() const {
  if (closed_.load(std::memory_order_acquire)) throw ValidationError("the storage is closed");
}

void AtomStore::check_payload_size(std::size_t size) const {
  if (size > options_.blob_max_size) {
    throw ValidationError(
        "a payload of " + std::to_string(size) +
        " bytes is over blob_max_size = " + std::to_string(options_.blob_max_size));
  }
}

CachedPayload AtomStore::load_payload(const AtomPointer& pointer) {
  if (auto mapped = reader_.find_mapped(pointer)) return *std::move(mapped);
  return bytes_cache_.get_or_load(pointer, [&] { return reader_.read(pointer); });
}

void AtomStore::read_ahead(std::span<const AtomPointer> pointers, std::span<Wanted> wanted) {
  std::vector<AtomPointer> unread;
  for (const Wanted& one : wanted) {
    if (!one.payload) unread.push_back(pointers[one.index]);
  }
  auto payloads = reader_.read_many(unread);
  auto payload = payloads.begin();
  for (Wanted& one : wanted) {
    if (one.payload) continue;
    one.payload = std::move(*payload++);
    if (one.payload) bytes_cache_.put(pointers[one.index], *one.payload);
  }
}

CachedPayload AtomStore::load_wanted(const AtomPointer& pointer, const Wanted& wanted) {
  throw_if_closed();
  if (wanted.payload) return *wanted.payload;
  if (auto mapped = reader_.find_mapped(pointer)) return *std::move(mapped);
  return bytes_cache_.load(pointer, [&] { return reader_.read(pointer); });
}

std::shared_ptr<const Atom> AtomStore::decode_payload(const AtomPointer& pointer,
                                                      const CachedPayload& payload) {
  const auto dialect =
      payload.legacy_json_dialect ? format::JSONDialect::kLegacy : format::JSONDialect::kVersion1;
  try {
    return std::make_shared<const Atom>(
        format::decode(payload.bytes.span(), payload.format, dialect));
  } catch (const ValidationError& error) {
    throw ValidationError("no atom can be read at " + pointer.to_string() + ": " + error.what());
  }
}

void AtomStore::check_root(const AtomPointer& root) {
  if (log_.has_just_placed(root)) return;  // ours, and much to read for nothing
  try {
    load_payload(root);
  } catch (const NotFoundError& error) {
    throw ValidationError(std::string("a root must point at something stored: ") + error.what());
  }
  // What this storage pushed becomes durable with the commit. Another writer's atom may not be yet.
  const WALState log = log_.state();
  if (root.transaction_id == log.transaction_id || log_.find_unflushed(root)) return;
  if (provider_->describe(root.transaction_id).durable > root.offset) return;
  if (provider_->sync(root.transaction_id) <= root.offset) {
    throw ValidationError("a root must point at something stored: the writer of " +
                          root.to_string() + " failed before it was");
  }
}

}  // namespace protobase::engine
