#include "protobase/engine_storage.h"

#include <utility>

#include "engine/atom_store.h"

namespace protobase {

EngineStorage::EngineStorage(std::shared_ptr<engine::AtomStore> store) : store_(std::move(store)) {}

EngineStorage::EngineStorage(std::shared_ptr<BlockProvider> provider, const StorageOptions& options)
    : store_(std::make_shared<engine::AtomStore>(std::move(provider), options)) {}

// A guard may keep the engine alive, so it is closed here, not by its own destructor.
EngineStorage::~EngineStorage() { store_->close_quietly(); }

AtomPointer EngineStorage::push_atom(Atom atom) {
  return store_->push_atom(std::move(atom), RecordFormat::kJSON);
}
AtomPointer EngineStorage::push_atom_msgpack(Atom atom) {
  return store_->push_atom(std::move(atom), RecordFormat::kMsgPack);
}
AtomPointer EngineStorage::push_bytes(std::span<const std::byte> bytes, RecordFormat format) {
  return store_->push_bytes(bytes, format);
}
std::vector<AtomPointer> EngineStorage::push_bytes_many(
    std::span<const std::span<const std::byte>> many, RecordFormat format) {
  return store_->push_bytes_many(many, format);
}
AtomPointer EngineStorage::push_bytes_msgpack(Atom value) {
  return store_->push_atom(std::move(value), RecordFormat::kMsgPack);
}
std::shared_ptr<const Atom> EngineStorage::get_atom(const AtomPointer& pointer) {
  return store_->get_atom(pointer);
}
SharedBytes EngineStorage::get_bytes(const AtomPointer& pointer) {
  return store_->get_bytes(pointer);
}
RecordFormat EngineStorage::get_format(const AtomPointer& pointer) {
  return store_->get_format(pointer);
}
std::vector<std::shared_ptr<const Atom>> EngineStorage::get_atoms(
    std::span<const AtomPointer> pointers) {
  return store_->get_atoms(pointers);
}
std::vector<SharedBytes> EngineStorage::get_bytes_many(std::span<const AtomPointer> pointers) {
  return store_->get_bytes_many(pointers);
}
std::future<std::shared_ptr<const Atom>> EngineStorage::get_atom_async(const AtomPointer& pointer) {
  return store_->get_atom_async(pointer);
}
std::future<SharedBytes> EngineStorage::get_bytes_async(const AtomPointer& pointer) {
  return store_->get_bytes_async(pointer);
}
std::optional<AtomPointer> EngineStorage::read_current_root() {
  return store_->read_current_root();
}
void EngineStorage::set_current_root(const AtomPointer& root) {
  store_->commit_root(root, std::nullopt);
}
bool EngineStorage::compare_and_set_root(const std::optional<AtomPointer>& expected,
                                         const AtomPointer& root) {
  return store_->commit_root(root, std::optional(expected));
}
RootGuard EngineStorage::root_context_manager() { return store_->root_context_manager(); }
std::vector<RootVersion> EngineStorage::root_history(std::size_t limit) {
  return store_->root_history(limit);
}
FlushResult EngineStorage::flush_wal() { return store_->flush(); }
void EngineStorage::reserve(std::uint64_t bytes) { store_->reserve(bytes); }
StorageStats EngineStorage::stats() const { return store_->stats(); }
std::vector<WALDescription> EngineStorage::list_wals() { return store_->list_wals(); }
void EngineStorage::scan_wal(const UUID& wal, const std::function<bool(const RecordInfo&)>& visit) {
  store_->scan_wal(wal, visit);
}
VerifyReport EngineStorage::verify(
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
  return store_->verify(progress);
}
void EngineStorage::close() { store_->close(); }

}  // namespace protobase
