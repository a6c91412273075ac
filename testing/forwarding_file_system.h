// A FileSystem and a File that hand every call on: decorators override the calls they care about.
// Only read_many() is not: what a decorator does to reads shall befall each of them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "os/file_system.h"

namespace protobase::testing {

class ForwardingFile : public os::File {
 public:
  explicit ForwardingFile(std::unique_ptr<os::File> inner) : inner_(std::move(inner)) {}

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    return inner_->read(offset, out);
  }
  void write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    inner_->write(offset, parts);
  }
  void allocate(std::uint64_t offset, std::uint64_t length) override {
    inner_->allocate(offset, length);
  }
  void sync_data() override { inner_->sync_data(); }
  void truncate(std::uint64_t size) override { inner_->truncate(size); }
  std::uint64_t size() override { return inner_->size(); }
  bool try_lock(std::uint64_t byte, bool exclusive) override {
    return inner_->try_lock(byte, exclusive);
  }
  void unlock(std::uint64_t byte) override { inner_->unlock(byte); }
  bool is_locked(std::uint64_t byte) override { return inner_->is_locked(byte); }

 private:
  const std::unique_ptr<os::File> inner_;
};

class ForwardingFileSystem : public os::FileSystem {
 public:
  explicit ForwardingFileSystem(std::shared_ptr<os::FileSystem> inner) : inner_(std::move(inner)) {}

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override {
    return inner_->open(path, mode);
  }
  std::optional<os::FileKind> kind_of(const std::string& path) override {
    return inner_->kind_of(path);
  }
  std::vector<os::DirectoryEntry> list(const std::string& directory) override {
    return inner_->list(directory);
  }
  bool make_directory(const std::string& path) override { return inner_->make_directory(path); }
  bool remove(const std::string& path) override { return inner_->remove(path); }
  void sync_directory(const std::string& path) override { inner_->sync_directory(path); }

 private:
  const std::shared_ptr<os::FileSystem> inner_;
};

}  // namespace protobase::testing
