#include "file/space_directory.h"

#include <string_view>

#include "base/planted_bug.h"
#include "format/legacy_space.h"
#include "protobase/errors.h"

namespace protobase::file {
namespace {

constexpr std::string_view kWALSuffix = ".wal";

/// Only the spelling that is used to open the file counts: lower case.
std::optional<UUID> parse_name(std::string_view name) {
  const auto id = UUID::parse(name);
  return id && id->to_string() == name ? id : std::nullopt;
}

/// Adds what one directory entry means to `listing`; false when it is none of a space's.
bool add_entry(const os::DirectoryEntry& entry, SpaceListing& listing) {
  if (entry.kind != os::FileKind::kRegular) return false;
  const std::string_view name = entry.name;
  if (name == "protobase.root" || name == "protobase.lock" || name == "space_root.lock" ||
      name == "space.config") {
    return true;
  }
  if (name == "protobase.copy") return listing.unfinished_copy = true;
  if (name == "space_root") return listing.legacy_root = true;
  if (name.ends_with(kWALSuffix)) {
    const auto id = parse_name(name.substr(0, name.size() - kWALSuffix.size()));
    if (id) listing.wals.push_back(*id);
    return id.has_value();
  }
  const auto id = parse_name(name);
  if (id) listing.legacy_wals.push_back(*id);
  return id.has_value();
}

}  // namespace

SpaceDirectory::SpaceDirectory(std::shared_ptr<os::FileSystem> file_system, std::string path)
    : file_system_(std::move(file_system)), path_(path.empty() ? path : os::absolute_path(path)) {
  if (path_.empty()) throw ValidationError("the path of a space is empty");
}

SpaceListing SpaceDirectory::list() const {
  SpaceListing listing;
  const auto kind = file_system_->kind_of(path_);
  if (!kind) return listing;
  if (*kind != os::FileKind::kDirectory) {
    throw ValidationError(path_ + " is a file: a space is a directory");
  }
  listing.exists = true;
  std::string stranger;
  for (const auto& entry : file_system_->list(path_)) {
    if (add_entry(entry, listing)) {
      listing.is_space = true;
    } else if (entry.name != "lost+found") {  // a fresh file system is an empty directory
      stranger = entry.name;
    }
  }
  if (!listing.is_space && !stranger.empty()) {
    throw ValidationError(path_ + " holds other things (" + stranger +
                          "): choose an empty or new directory for a space");
  }
  return listing;
}

void SpaceDirectory::create() const {
  const std::string parent = os::parent_directory(path_);
  bool made = false;
  if (!file_system_->kind_of(path_)) {
    SpaceDirectory(file_system_, parent).create();
    made = file_system_->make_directory(path_);
  }
  try {
    // Also when it was there: whoever made it may not have lived to do this. Whoever made
    // something in it has.
    SpaceDirectory(file_system_, parent).sync();
  } catch (const NotAuthorizedError&) {
    if (made) throw;  // a directory of somebody else, like a home below /home
  }
}

void SpaceDirectory::sync() const {
  if (!base::is_planted(base::PlantedBug::kNoDirectorySync)) file_system_->sync_directory(path_);
}

std::optional<AtomPointer> SpaceDirectory::read_legacy_root() const {
  const auto file = file_system_->open(legacy_root_path(), os::OpenMode::kRead);
  if (!file) return std::nullopt;
  std::string text(format::kMaxLegacyFileSize, '\0');
  try {
    text.resize(file->read(0, std::as_writable_bytes(std::span(text))));
  } catch (const os::ReadError& error) {
    throw CorruptionError(std::string("the root that the Python storage left: ") + error.what());
  }
  return format::parse_space_root(text);
}

}  // namespace protobase::file
