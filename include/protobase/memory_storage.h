// MemoryStorage: the same store with nothing behind it. For tests and development.
#pragma once

#include "protobase/engine_storage.h"
#include "protobase/options.h"

namespace protobase {

/// Keeps its WALs in memory; nothing survives the object. Same options, caches and behaviour as
/// StandaloneFileStorage otherwise.
class PROTOBASE_EXPORT MemoryStorage final : public EngineStorage {
 public:
  /// Throws ValidationError when an option is out of range.
  explicit MemoryStorage(const StorageOptions& options = {});
};

}  // namespace protobase
