#include "protobase/memory_storage.h"

#include <memory>

#include "engine/atom_store.h"
#include "memory/memory_block_provider.h"

namespace protobase {

MemoryStorage::MemoryStorage(const StorageOptions& options)
    : EngineStorage(std::make_shared<engine::AtomStore>(
          std::make_shared<memory::MemoryBlockProvider>(), options)) {}

}  // namespace protobase
