// A space as a directory: which names mean what, and whether a directory is one.
//
//   <uuid>.wal        a version-1 WAL
//   protobase.root    the newest root, for other processes (format/root_file.h)
//   protobase.lock    empty; its bytes are locked: see kMembershipLock and the others below
//   protobase.copy    an unfinished copy: the space cannot be opened
//   <uuid>, space_root, space_root.lock, space.config   left by the Python storage; only read
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "os/file_system.h"
#include "protobase/atom_pointer.h"
#include "protobase/uuid.h"

namespace protobase::file {

/// Bytes of protobase.lock.
inline constexpr std::uint64_t kMembershipLock = 0;  ///< shared: this process has the space open
inline constexpr std::uint64_t kRootLock = 1;        ///< exclusive: moving the root
inline constexpr std::uint64_t kJoinLock = 2;        ///< exclusive: opening the space
/// Byte of a WAL file: its writer holds it exclusively.
inline constexpr std::uint64_t kWriterLock = 0;

struct SpaceListing {
  bool exists = false;    ///< the directory is there
  bool is_space = false;  ///< and holds at least one file of a space
  bool unfinished_copy = false;
  bool legacy_root = false;
  std::vector<UUID> wals;
  std::vector<UUID> legacy_wals;
};

class SpaceDirectory final {
 public:
  SpaceDirectory(std::shared_ptr<os::FileSystem> file_system, std::string path);

  /// Throws ValidationError when `path` is no directory or a directory of other things only.
  SpaceListing list() const;
  /// Makes the directory and its missing parents, durably.
  void create() const;
  /// Makes the entries of the directory durable.
  void sync() const;

  /// The root the Python storage left; nullopt when none. CorruptionError when unreadable.
  std::optional<AtomPointer> read_legacy_root() const;

  os::FileSystem& file_system() const noexcept { return *file_system_; }
  const std::string& path() const noexcept { return path_; }
  std::string wal_path(const UUID& id) const { return path_ + "/" + id.to_string() + ".wal"; }
  std::string legacy_wal_path(const UUID& id) const { return path_ + "/" + id.to_string(); }
  std::string root_path() const { return path_ + "/protobase.root"; }
  std::string lock_path() const { return path_ + "/protobase.lock"; }
  std::string copy_path() const { return path_ + "/protobase.copy"; }
  std::string legacy_root_path() const { return path_ + "/space_root"; }

 private:
  const std::shared_ptr<os::FileSystem> file_system_;
  const std::string path_;
};

}  // namespace protobase::file
