// The forwarding half of every storage: SharedStorage in terms of the engine. Written once here
// instead of in each of the five recipes (docs/adr/005).
#pragma once

#include "protobase/block_provider.h"
#include "protobase/options.h"
#include "protobase/storage.h"

namespace protobase {

namespace engine {
class AtomStore;
}

/// Not for users: derive nothing from it, hold SharedStorage instead.
class PROTOBASE_EXPORT EngineStorage : public SharedStorage {
 public:
  ~EngineStorage() override;
  EngineStorage(const EngineStorage&) = delete;
  EngineStorage& operator=(const EngineStorage&) = delete;

  AtomPointer push_atom(Atom atom) final;
  AtomPointer push_atom_msgpack(Atom atom) final;
  AtomPointer push_bytes(std::span<const std::byte> bytes,
                         RecordFormat format = RecordFormat::kRaw) final;
  std::vector<AtomPointer> push_bytes_many(std::span<const std::span<const std::byte>> many,
                                           RecordFormat format = RecordFormat::kRaw) final;
  AtomPointer push_bytes_msgpack(Atom value) final;
  std::shared_ptr<const Atom> get_atom(const AtomPointer& pointer) final;
  SharedBytes get_bytes(const AtomPointer& pointer) final;
  RecordFormat get_format(const AtomPointer& pointer) final;
  std::vector<std::shared_ptr<const Atom>> get_atoms(std::span<const AtomPointer> pointers) final;
  std::vector<SharedBytes> get_bytes_many(std::span<const AtomPointer> pointers) final;
  std::future<std::shared_ptr<const Atom>> get_atom_async(const AtomPointer& pointer) final;
  std::future<SharedBytes> get_bytes_async(const AtomPointer& pointer) final;
  std::optional<AtomPointer> read_current_root() final;
  void set_current_root(const AtomPointer& root) final;
  bool compare_and_set_root(const std::optional<AtomPointer>& expected,
                            const AtomPointer& root) final;
  RootGuard root_context_manager() final;
  std::vector<RootVersion> root_history(std::size_t limit) final;
  FlushResult flush_wal() final;
  void reserve(std::uint64_t bytes) final;
  StorageStats stats() const final;
  std::vector<WALDescription> list_wals() final;
  void scan_wal(const UUID& wal, const std::function<bool(const RecordInfo&)>& visit) final;
  VerifyReport verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) final;
  void close() override;

 protected:
  explicit EngineStorage(std::shared_ptr<engine::AtomStore> store);
  /// Closes the provider when closed.
  EngineStorage(std::shared_ptr<BlockProvider> provider, const StorageOptions& options);

 private:
  std::shared_ptr<engine::AtomStore> store_;
};

}  // namespace protobase
