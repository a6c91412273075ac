// A directory of its own for one test, and what tests do with the files of a space: look, compare,
// copy, damage. Everything below it goes with the object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "protobase/shared_bytes.h"
#include "protobase/uuid.h"

namespace protobase::testing {

/// Made by the constructor, removed with all it holds by the destructor. Throws std::runtime_error.
class TemporaryDirectory final {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string path() const { return path_.string(); }
  /// A path below it; nothing is made there.
  std::string at(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// Name and content of every file in `directory`; empty when there is no such directory.
std::map<std::string, std::string> snapshot(const std::string& directory);

/// What a process crash leaves behind: the files as the system has them now.
void copy_directory(const std::string& from, const std::string& to);

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& content);
/// Writes `bytes` over those at `offset`.
void overwrite(const std::string& path, std::uint64_t offset, std::span<const std::byte> bytes);
/// Turns one bit of the byte at `offset`.
void flip_bit(const std::string& path, std::uint64_t offset);

/// The version-1 WALs in a directory, sorted.
std::vector<UUID> wal_files(const std::string& directory);
std::string wal_path(const std::string& directory, const UUID& id);

}  // namespace protobase::testing
