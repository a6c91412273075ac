// Opens the space a command works on, in a directory or in a bucket.
#pragma once

#include <memory>

#include "cli/location.h"
#include "protobase/cloud_storage_client.h"
#include "protobase/storage.h"

namespace protobase::cli {

struct OpenSpace {
  std::shared_ptr<CloudStorageClient> client;  ///< of a bucket; null for a directory
  std::unique_ptr<SharedStorage> storage;

  SharedStorage* operator->() const { return storage.get(); }
  SharedStorage& operator*() const { return *storage; }
};

enum class Caches { kOn, kOff };

/// Changes nothing. Throws NotFoundError when there is no space. `caches` off: neither of atoms nor
/// of blocks.
OpenSpace open_for_reading(const Location& location, Caches caches = Caches::kOn);

/// Creates nothing before the first flush.
OpenSpace open_for_writing(const Location& location);

/// The same, but NotFoundError when there is no space.
OpenSpace open_existing_for_writing(const Location& location);

/// Whether a space of our own could be made there: a directory that is absent or empty, a bucket
/// with nothing under the prefix but what tests of conditions left. ValidationError: other things
/// are there.
bool is_free(const Location& location);

}  // namespace protobase::cli
