// A FileSystem that hands every call on and counts what it costs: bytes read and written, syncs,
// opens.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "testing/forwarding_file_system.h"

namespace protobase::testing {

struct FileCounts {
  std::atomic<std::uint64_t> bytes_read{0};
  std::atomic<std::uint64_t> bytes_written{0};
  std::atomic<std::uint64_t> syncs{0};
  std::atomic<std::uint64_t> directory_syncs{0};
  std::atomic<std::uint64_t> opens{0};
};

class CountingFile final : public ForwardingFile {
 public:
  CountingFile(std::unique_ptr<os::File> inner, std::shared_ptr<FileCounts> counts)
      : ForwardingFile(std::move(inner)), counts_(std::move(counts)) {}

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    const std::size_t count = ForwardingFile::read(offset, out);
    counts_->bytes_read += count;
    return count;
  }
  void write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    for (const auto& part : parts) counts_->bytes_written += part.size();
    ForwardingFile::write(offset, parts);
  }
  void sync_data() override {
    ++counts_->syncs;
    ForwardingFile::sync_data();
  }

 private:
  const std::shared_ptr<FileCounts> counts_;
};

class CountingFileSystem final : public ForwardingFileSystem {
 public:
  explicit CountingFileSystem(std::shared_ptr<os::FileSystem> inner = os::posix_file_system())
      : ForwardingFileSystem(std::move(inner)) {}

  const FileCounts& counts() const noexcept { return *counts_; }

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override {
    auto file = ForwardingFileSystem::open(path, mode);
    if (!file) return nullptr;
    ++counts_->opens;
    return std::make_unique<CountingFile>(std::move(file), counts_);
  }
  void sync_directory(const std::string& path) override {
    ++counts_->directory_syncs;
    ForwardingFileSystem::sync_directory(path);
  }

 private:
  const std::shared_ptr<FileCounts> counts_ = std::make_shared<FileCounts>();
};

}  // namespace protobase::testing
