#include "protobase/standalone_file_storage.h"

#include <memory>

#include "engine/atom_store.h"
#include "protobase/errors.h"

namespace protobase {
namespace {

std::shared_ptr<engine::AtomStore> open_store(const std::string& directory,
                                              const StorageOptions& options, SpaceAccess access) {
  options.validate();  // before the directory is touched
  FileBlockProviderOptions provider_options;
  provider_options.access = access;
  provider_options.logger = options.logger;
  return std::make_shared<engine::AtomStore>(
      std::make_shared<FileBlockProvider>(directory, provider_options), options);
}

std::shared_ptr<engine::AtomStore> open_store(std::shared_ptr<BlockProvider> provider,
                                              const StorageOptions& options) {
  if (!provider) throw ValidationError("StandaloneFileStorage needs a block provider, got none");
  return std::make_shared<engine::AtomStore>(std::move(provider), options);
}

}  // namespace

StandaloneFileStorage::StandaloneFileStorage(const std::string& directory,
                                             const StorageOptions& options, SpaceAccess access)
    : EngineStorage(open_store(directory, options, access)) {}

StandaloneFileStorage::StandaloneFileStorage(std::shared_ptr<BlockProvider> provider,
                                             const StorageOptions& options)
    : EngineStorage(open_store(std::move(provider), options)) {}

}  // namespace protobase
