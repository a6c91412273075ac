// A FileSystem that hands every call on and counts what it costs: bytes read and written, syncs,
// opens.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "os/file_system.h"

namespace protobase::testing {

struct FileCounts {
  std::atomic<std::uint64_t> bytes_read{0};
  std::atomic<std::uint64_t> bytes_written{0};
  std::atomic<std::uint64_t> syncs{0};
  std::atomic<std::uint64_t> directory_syncs{0};
  std::atomic<std::uint64_t> opens{0};
};

class CountingFile final : public os::File {
 public:
  CountingFile(std::unique_ptr<os::File> inner, std::shared_ptr<FileCounts> counts)
      : inner_(std::move(inner)), counts_(std::move(counts)) {}

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    const std::size_t count = inner_->read(offset, out);
    counts_->bytes_read += count;
    return count;
  }
  void write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    for (const auto& part : parts) counts_->bytes_written += part.size();
    inner_->write(offset, parts);
  }
  void allocate(std::uint64_t offset, std::uint64_t length) override {
    inner_->allocate(offset, length);
  }
  void sync_data() override {
    ++counts_->syncs;
    inner_->sync_data();
  }
  void truncate(std::uint64_t size) override { inner_->truncate(size); }
  std::uint64_t size() override { return inner_->size(); }
  bool try_lock(std::uint64_t byte, bool exclusive) override {
    return inner_->try_lock(byte, exclusive);
  }
  void unlock(std::uint64_t byte) override { inner_->unlock(byte); }
  bool is_locked(std::uint64_t byte) override { return inner_->is_locked(byte); }

 private:
  const std::unique_ptr<os::File> inner_;
  const std::shared_ptr<FileCounts> counts_;
};

class CountingFileSystem final : public os::FileSystem {
 public:
  explicit CountingFileSystem(std::shared_ptr<os::FileSystem> inner = os::posix_file_system())
      : inner_(std::move(inner)) {}

  const FileCounts& counts() const noexcept { return *counts_; }

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override {
    auto file = inner_->open(path, mode);
    if (!file) return nullptr;
    ++counts_->opens;
    return std::make_unique<CountingFile>(std::move(file), counts_);
  }
  std::optional<os::FileKind> kind_of(const std::string& path) override {
    return inner_->kind_of(path);
  }
  std::vector<os::DirectoryEntry> list(const std::string& directory) override {
    return inner_->list(directory);
  }
  bool make_directory(const std::string& path) override { return inner_->make_directory(path); }
  bool remove(const std::string& path) override { return inner_->remove(path); }
  void sync_directory(const std::string& path) override {
    ++counts_->directory_syncs;
    inner_->sync_directory(path);
  }

 private:
  const std::shared_ptr<os::FileSystem> inner_;
  const std::shared_ptr<FileCounts> counts_ = std::make_shared<FileCounts>();
};

}  // namespace protobase::testing
