// The WAL files a provider has open for reading: at most so many, the least recently used one goes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <unordered_map>

#include "file/space_directory.h"
#include "protobase/wal.h"

namespace protobase::file {

struct OpenWAL {
  std::unique_ptr<os::File> file;
  WALLayout layout = WALLayout::kVersion1;
  std::string path;
  std::atomic<std::uint64_t> last_use{0};
};

/// Thread-safe. A file that is let go stays open for those who still read it.
class OpenFiles final {
 public:
  OpenFiles(const SpaceDirectory& directory, std::size_t max_files)
      : directory_(directory), max_files_(max_files) {}

  /// nullptr when the space has no such WAL.
  std::shared_ptr<OpenWAL> find(const UUID& id);
  /// Lets go of all; what is found from here on is not kept.
  void close();

 private:
  std::shared_ptr<OpenWAL> open(const UUID& id);

  const SpaceDirectory& directory_;
  const std::size_t max_files_;
  std::atomic<std::uint64_t> uses_{0};
  std::shared_mutex mutex_;
  bool is_closed_ = false;
  std::unordered_map<UUID, std::shared_ptr<OpenWAL>> files_;
};

}  // namespace protobase::file
