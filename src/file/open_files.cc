#include "file/open_files.h"

#include <algorithm>
#include <mutex>

namespace protobase::file {

std::shared_ptr<OpenWAL> OpenFiles::find(const UUID& id) {
  const std::uint64_t now = uses_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::shared_lock lock(mutex_);
    const auto found = files_.find(id);
    if (found != files_.end()) {
      found->second->last_use.store(now, std::memory_order_relaxed);
      return found->second;
    }
  }
  auto wal = open(id);
  if (!wal) return nullptr;
  wal->last_use.store(now, std::memory_order_relaxed);
  const std::unique_lock lock(mutex_);
  if (is_closed_) return wal;
  while (files_.size() >= max_files_) {
    files_.erase(std::min_element(files_.begin(), files_.end(), [](const auto& a, const auto& b) {
      return a.second->last_use.load() < b.second->last_use.load();
    }));
  }
  return files_.emplace(id, std::move(wal)).first->second;
}

void OpenFiles::close() {
  const std::unique_lock lock(mutex_);
  is_closed_ = true;
  files_.clear();
}

std::shared_ptr<OpenWAL> OpenFiles::open(const UUID& id) {
  auto wal = std::make_shared<OpenWAL>();
  auto& file_system = directory_.file_system();
  wal->path = directory_.wal_path(id);
  wal->file = file_system.open(wal->path, os::OpenMode::kRead);
  if (!wal->file) {
    wal->path = directory_.legacy_wal_path(id);
    wal->layout = WALLayout::kLegacyPython;
    wal->file = file_system.open(wal->path, os::OpenMode::kRead);
  }
  return wal->file ? wal : nullptr;
}

}  // namespace protobase::file
