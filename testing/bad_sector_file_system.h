// A FileSystem whose disk does not give back some bytes of one file, until they are written again
// as a whole.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "testing/forwarding_file_system.h"

namespace protobase::testing {

/// Bytes [begin, end) of a file.
struct BadSector {
  std::string path;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::atomic<bool> is_bad{true};
  std::atomic<std::uint64_t> hits{0};  ///< reads that failed
};

class BadSectorFile final : public ForwardingFile {
 public:
  BadSectorFile(std::unique_ptr<os::File> inner, std::shared_ptr<BadSector> sector)
      : ForwardingFile(std::move(inner)), sector_(std::move(sector)) {}

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    const std::uint64_t end = std::min(offset + out.size(), size());
    if (sector_->is_bad && offset < sector_->end && end > sector_->begin) {
      ++sector_->hits;
      throw os::ReadError(sector_->path + ": pread failed: Input/output error");
    }
    return ForwardingFile::read(offset, out);
  }
  void write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    std::uint64_t end = offset;
    for (const auto& part : parts) end += part.size();
    if (offset <= sector_->begin && end >= sector_->end) sector_->is_bad = false;
    ForwardingFile::write(offset, parts);
  }

 private:
  const std::shared_ptr<BadSector> sector_;
};

class BadSectorFileSystem final : public ForwardingFileSystem {
 public:
  BadSectorFileSystem(const std::string& path, std::uint64_t begin, std::uint64_t end,
                      std::shared_ptr<os::FileSystem> inner = os::posix_file_system())
      : ForwardingFileSystem(std::move(inner)), sector_(std::make_shared<BadSector>()) {
    sector_->path = path;
    sector_->begin = begin;
    sector_->end = end;
  }
  const BadSector& sector() const { return *sector_; }

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override {
    auto file = ForwardingFileSystem::open(path, mode);
    if (!file || path != sector_->path) return file;
    return std::make_unique<BadSectorFile>(std::move(file), sector_);
  }

 private:
  const std::shared_ptr<BadSector> sector_;
};

}  // namespace protobase::testing
