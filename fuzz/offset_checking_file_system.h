// A FileSystem that refuses offsets that the system's type has no room for, as the real calls do;
// files in memory know no such limit, so a forged offset would go unnoticed.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "protobase/errors.h"
#include "testing/forwarding_file_system.h"

namespace protobase::fuzz {

class OffsetCheckingFile final : public testing::ForwardingFile {
 public:
  using ForwardingFile::ForwardingFile;

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    check(offset);
    return ForwardingFile::read(offset, out);
  }
  void write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    check(offset);
    ForwardingFile::write(offset, parts);
  }
  void allocate(std::uint64_t offset, std::uint64_t length) override {
    check(offset);
    ForwardingFile::allocate(offset, length);
  }
  void truncate(std::uint64_t size) override {
    check(size);
    ForwardingFile::truncate(size);
  }

 private:
  static void check(std::uint64_t offset) {
    if (offset <= std::numeric_limits<std::int64_t>::max()) return;
    throw UnexpectedError("Invalid argument");  // EINVAL
  }
};

class OffsetCheckingFileSystem final : public testing::ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override {
    auto file = ForwardingFileSystem::open(path, mode);
    return file ? std::make_unique<OffsetCheckingFile>(std::move(file)) : nullptr;
  }
};

}  // namespace protobase::fuzz
