#include "protobase/atom_cache.h"

#include "cache/key_hash.h"
#include "cache/striped_cache.h"
#include "protobase/atom.h"
#include "protobase/errors.h"

namespace protobase {
namespace {

// What an allocator makes of a block of this size: a header, and rounding to 16.
constexpr std::size_t block_bytes(std::size_t size) { return (size + 8 + 15) / 16 * 16; }

// The count of owners, and a vector's three words where the bytes were adopted and not copied.
constexpr std::size_t kOwnerBytes = 40;

std::size_t heap_of_atom(const std::shared_ptr<const Atom>& atom) {
  return atom->memory_bytes() + block_bytes(kOwnerBytes);
}

std::size_t heap_of_payload(const CachedPayload& payload) {
  return block_bytes(payload.bytes.size()) + block_bytes(kOwnerBytes);
}

std::uintptr_t address_of(const void* memory) { return reinterpret_cast<std::uintptr_t>(memory); }

// Before what std::make_shared makes lies the count of owners.
constexpr std::uintptr_t kCountBefore = 16;

std::uintptr_t content_of(const Atom& atom) {
  switch (atom.kind()) {
    case AtomKind::kString: return address_of(atom.as_string().data());
    case AtomKind::kBytes: return address_of(atom.as_bytes().data());
    case AtomKind::kArray: return address_of(atom.as_array().data());
    case AtomKind::kObject: return address_of(atom.as_object().data());
    default: return 0;
  }
}

cache::Places<2> places_of_atom(const std::shared_ptr<const Atom>& atom) {
  return {address_of(atom.get()) - kCountBefore, content_of(*atom)};
}

cache::Places<1> places_of_payload(const CachedPayload& payload) {
  return {address_of(payload.bytes.data()) - kCountBefore};
}

using ObjectEntries = cache::StripedCache<cache::ObjectKey, AtomObjectCache::Value, cache::KeyHash,
                                          heap_of_atom, places_of_atom>;
using PayloadEntries = cache::StripedCache<AtomPointer, CachedPayload, cache::KeyHash,
                                           heap_of_payload, places_of_payload>;

}  // namespace

class AtomObjectCache::Impl final {
 public:
  Impl(const AtomCacheOptions& options, std::shared_ptr<os::Clock> clock)
      : entries(options, std::move(clock)) {}
  ObjectEntries entries;
};

AtomObjectCache::AtomObjectCache(const AtomCacheOptions& options, std::shared_ptr<os::Clock> clock)
    : impl_(std::make_unique<Impl>(options, std::move(clock))) {}
AtomObjectCache::~AtomObjectCache() = default;

AtomObjectCache::Value AtomObjectCache::get(const AtomPointer& pointer,
                                            std::uint64_t schema_epoch) const {
  std::optional<Value> found = impl_->entries.get({pointer, schema_epoch});
  return found ? *std::move(found) : nullptr;
}

bool AtomObjectCache::put(const AtomPointer& pointer, std::uint64_t schema_epoch, Value atom) {
  if (atom == nullptr) {
    throw ValidationError("a null atom was put into the object cache for " + pointer.to_string());
  }
  return impl_->entries.put({pointer, schema_epoch}, std::move(atom));
}

AtomObjectCache::Value AtomObjectCache::load(const AtomPointer& pointer, std::uint64_t schema_epoch,
                                             const std::function<Value()>& loader) {
  return impl_->entries.load({pointer, schema_epoch}, [&] {
    Value atom = loader();
    if (atom == nullptr) {
      throw ValidationError("a loader gave a null atom for " + pointer.to_string());
    }
    return atom;
  });
}

void AtomObjectCache::clear() { impl_->entries.clear(); }
CacheStats AtomObjectCache::stats() const { return impl_->entries.stats(); }

class AtomBytesCache::Impl final {
 public:
  Impl(const AtomCacheOptions& options, std::shared_ptr<os::Clock> clock)
      : entries(options, std::move(clock)) {}
  PayloadEntries entries;
};

AtomBytesCache::AtomBytesCache(const AtomCacheOptions& options, std::shared_ptr<os::Clock> clock)
    : impl_(std::make_unique<Impl>(options, std::move(clock))) {}
AtomBytesCache::~AtomBytesCache() = default;

std::optional<CachedPayload> AtomBytesCache::get(const AtomPointer& pointer) const {
  return impl_->entries.get(pointer);
}

bool AtomBytesCache::put(const AtomPointer& pointer, Value payload) {
  return impl_->entries.put(pointer, std::move(payload));
}

CachedPayload AtomBytesCache::load(const AtomPointer& pointer,
                                   const std::function<Value()>& loader) {
  return impl_->entries.load(pointer, loader);
}

void AtomBytesCache::clear() { impl_->entries.clear(); }
CacheStats AtomBytesCache::stats() const { return impl_->entries.stats(); }

}  // namespace protobase
