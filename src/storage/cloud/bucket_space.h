// A damaged bucket shown as the directory of a space, to be read only: `<uuid>.wal` with a header
// that says how far the log vouches for it, `<uuid>` for a WAL of the Python storage,
// `protobase.root`, `space_root`.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cloud/log_remains.h"
#include "os/file_system.h"
#include "storage/cloud/remaining_wal.h"

namespace protobase::storage {

/// For one thread. Directories have no part in it: a path is the name at its end.
class BucketSpace final : public os::FileSystem {
 public:
  BucketSpace(const BucketParts& parts, cloud::LogRemains remains);

  /// nullptr: there is no such WAL.
  const RemainingWAL* find(const UUID& wal) const;
  /// What is no range of a WAL of version 1. Ask when everything was read.
  std::vector<BadPlace> other_losses() const;

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override;
  std::optional<os::FileKind> kind_of(const std::string& path) override;
  std::vector<os::DirectoryEntry> list(const std::string& directory) override;
  bool make_directory(const std::string& path) override;
  bool remove(const std::string& path) override;
  void sync_directory(const std::string& path) override;

 private:
  struct ShownWAL {
    std::unique_ptr<RemainingWAL> bytes;
    Bytes header;  ///< empty: the file begins with the bytes
  };

  std::map<UUID, ShownWAL> wals_;
  std::map<std::string, UUID> wal_files_;  ///< by name
  std::map<std::string, Bytes> small_files_;
  std::vector<BadPlace> lost_;
};

}  // namespace protobase::storage
