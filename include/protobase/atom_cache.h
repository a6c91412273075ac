// The two caches in front of the log: decoded atoms, then payloads. What is stored under a pointer
// never changes, so an entry is never stale and nothing is ever invalidated.
// Entries and bytes stay within their limits at every moment; one pass over cold data does not wash
// out what is read often.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "protobase/atom_pointer.h"
#include "protobase/cache_stats.h"
#include "protobase/export.h"
#include "protobase/record_format.h"
#include "protobase/shared_bytes.h"

namespace protobase {

class Atom;
namespace os {
class Clock;
}

/// How large a cache may become and how it divides itself.
struct AtomCacheOptions {
  /// Most entries held at once. 0: the cache is off.
  std::size_t max_entries = 262'144;
  /// Most bytes held at once: values, and the cache's own nodes and tables. 0: the cache is off.
  std::size_t max_bytes = std::size_t{256} << 20;
  /// Independently locked parts, 1 to 1024, rounded up to a power of two; each has its equal share
  /// of both limits. A small cache uses fewer, so that a share is at least 64 entries and 64 KiB.
  std::size_t stripes = 64;
  /// Share kept for entries not yet hit since they came in; above 0 and below 1. The rest is
  /// protected: no put of new data pushes it out.
  double probation_ratio = 0.2;
};

/// A record's payload as it was verified, and how to read it.
struct CachedPayload {
  SharedBytes bytes;
  RecordFormat format = RecordFormat::kRaw;
  bool legacy_json_dialect = false;  ///< JSON of the Python storage: NaN, lone surrogates and so on

  friend bool operator==(const CachedPayload&, const CachedPayload&) noexcept = default;
};

/// Decoded atoms by pointer and `schema_epoch`. All members are thread-safe; no lock is held while
/// a loader or a value's destructor runs.
class PROTOBASE_EXPORT AtomObjectCache final {
 public:
  using Value = std::shared_ptr<const Atom>;

  /// `clock` times gets and loads; null stands for the machine's. Throws ValidationError naming the
  /// field when an option is out of range, whether or not the cache is off.
  explicit AtomObjectCache(const AtomCacheOptions& options,
                           std::shared_ptr<os::Clock> clock = nullptr);
  ~AtomObjectCache();
  AtomObjectCache(const AtomObjectCache&) = delete;
  AtomObjectCache& operator=(const AtomObjectCache&) = delete;

  /// The atom, or null when it is not here. Counts as hit or miss. Allocates nothing.
  Value get(const AtomPointer& pointer, std::uint64_t schema_epoch) const;
  /// Takes the atom in, pushing out others as needed; false when it is here already (nothing
  /// changes), too large, or the cache is off. Throws ValidationError when `atom` is null.
  bool put(const AtomPointer& pointer, std::uint64_t schema_epoch, Value atom);

  /// The atom from here or from `loader` (`Value()`), which runs in the calling thread and once for
  /// all threads that ask for this key meanwhile. What it throws reaches each of them and nothing
  /// is kept: the next call tries again. A loader that asks for its own key gets UnexpectedError.
  /// When the cache is off, each call runs its own loader.
  template <typename Loader>
  Value get_or_load(const AtomPointer& pointer, std::uint64_t schema_epoch, Loader&& loader) {
    if (Value found = get(pointer, schema_epoch)) return found;
    return load(pointer, schema_epoch, std::ref(loader));
  }

  /// The second half of get_or_load, for who has asked get() in vain.
  Value load(const AtomPointer& pointer, std::uint64_t schema_epoch,
             const std::function<Value()>& loader);

  /// Lets every entry go and gives the memory back; counters stay.
  void clear();
  CacheStats stats() const;

 private:
  class Impl;

  const std::unique_ptr<Impl> impl_;
};

/// Payloads by pointer. All members are thread-safe; no lock is held while a loader or a value's
/// destructor runs. A value is charged for the bytes it shows: don't put a small view of a large
/// buffer.
class PROTOBASE_EXPORT AtomBytesCache final {
 public:
  using Value = CachedPayload;

  /// As for AtomObjectCache.
  explicit AtomBytesCache(const AtomCacheOptions& options,
                          std::shared_ptr<os::Clock> clock = nullptr);
  ~AtomBytesCache();
  AtomBytesCache(const AtomBytesCache&) = delete;
  AtomBytesCache& operator=(const AtomBytesCache&) = delete;

  /// The payload, or nullopt when it is not here. Counts as hit or miss. Allocates nothing.
  std::optional<Value> get(const AtomPointer& pointer) const;
  /// As AtomObjectCache::put, but any payload is welcome, an empty one too.
  bool put(const AtomPointer& pointer, Value payload);

  /// As AtomObjectCache::get_or_load.
  template <typename Loader>
  Value get_or_load(const AtomPointer& pointer, Loader&& loader) {
    if (std::optional<Value> found = get(pointer)) return *std::move(found);
    return load(pointer, std::ref(loader));
  }

  /// The second half of get_or_load, for who has asked get() in vain.
  Value load(const AtomPointer& pointer, const std::function<Value()>& loader);

  /// Lets every entry go and gives the memory back; counters stay.
  void clear();
  CacheStats stats() const;

 private:
  class Impl;

  const std::unique_ptr<Impl> impl_;
};

}  // namespace protobase
