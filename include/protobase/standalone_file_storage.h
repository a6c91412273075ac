// StandaloneFileStorage: a store in a directory of one machine, shared between its processes.
#pragma once

#include <memory>
#include <string>

#include "protobase/block_provider.h"
#include "protobase/engine_storage.h"
#include "protobase/file_block_provider.h"
#include "protobase/options.h"

namespace protobase {

/// Durable on return of set_current_root, compare_and_set_root and flush_wal: one fdatasync each,
/// shared by the threads that commit at the same time. See docs/guide/durability.md.
class PROTOBASE_EXPORT StandaloneFileStorage final : public EngineStorage {
 public:
  /// Opens or creates the space at `directory`; errors as FileBlockProvider's.
  explicit StandaloneFileStorage(const std::string& directory, const StorageOptions& options = {},
                                 SpaceAccess access = SpaceAccess::kReadWrite);
  /// Over any provider; the root is the provider's own. Closes the provider when closed.
  explicit StandaloneFileStorage(std::shared_ptr<BlockProvider> provider,
                                 const StorageOptions& options = {});
};

}  // namespace protobase
