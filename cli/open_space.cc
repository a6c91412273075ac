// See open_space.h.
#include "cli/open_space.h"

#include <filesystem>
#include <utility>

#include "cli/cloud.h"
#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"

namespace protobase::cli {
namespace {

StorageOptions storage_options(Caches caches) {
  StorageOptions options;
  options.enable_atom_object_cache = caches == Caches::kOn;
  options.enable_atom_bytes_cache = caches == Caches::kOn;
  return options;
}

OpenSpace open(const Location& location, SpaceAccess access, Caches caches) {
  const StorageOptions options = storage_options(caches);
  if (const auto* const directory = std::get_if<DirectoryLocation>(&location)) {
    return {nullptr, std::make_unique<StandaloneFileStorage>(directory->path, options, access)};
  }
  auto client = client_of(std::get<BucketLocation>(location));
  auto storage = open_bucket(client, access, options, caches == Caches::kOn);
  return {std::move(client), std::move(storage)};
}

[[noreturn]] void throw_not_there(const std::string& where) {
  throw NotFoundError(where + ": no such space; `protobase push` makes one");
}

}  // namespace

OpenSpace open_for_reading(const Location& location, Caches caches) {
  return open(location, SpaceAccess::kReadOnly, caches);
}

OpenSpace open_for_writing(const Location& location) {
  return open(location, SpaceAccess::kReadWrite, Caches::kOn);
}

OpenSpace open_existing_for_writing(const Location& location) {
  const auto* const directory = std::get_if<DirectoryLocation>(&location);
  if (directory != nullptr && !std::filesystem::exists(directory->path)) {
    throw_not_there(directory->path);
  }
  OpenSpace space = open_for_writing(location);
  // A bucket is known by now: a store that holds nothing is none to whoever looks for a pointer.
  if (space.client && space->list_wals().empty()) throw_not_there(space.client->location());
  return space;
}

bool is_free(const Location& location) {
  namespace fs = std::filesystem;
  if (std::holds_alternative<BucketLocation>(location)) {
    try {
      open_for_reading(location, Caches::kOff);
      return false;
    } catch (const NotFoundError&) {
      return true;
    }
  }
  const std::string& path = std::get<DirectoryLocation>(location).path;
  return !fs::exists(path) || (fs::is_directory(path) && fs::is_empty(path));
}

}  // namespace protobase::cli
