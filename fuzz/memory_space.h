// A space in memory whose files are a fuzzer's, opened as users open theirs. Time stands still and
// randomness counts, so that the same input always does the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fuzz/offset_checking_file_system.h"
#include "os/clock.h"
#include "os/random.h"
#include "protobase/file_block_provider.h"
#include "protobase/standalone_file_storage.h"
#include "testing/memory_file_system.h"

namespace protobase::fuzz {

class StandingClock final : public os::Clock {
 public:
  std::int64_t unix_us() override { return 1'700'000'000'000'000; }
  std::uint64_t monotonic_ns() override { return now_ns_ += 1000; }
  void sleep_us(std::uint64_t duration_us) override { now_ns_ += duration_us * 1000; }

 private:
  std::uint64_t now_ns_ = 0;
};

class CountingRandom final : public os::Random {
 public:
  std::array<std::uint8_t, 16> bytes16() override {
    std::array<std::uint8_t, 16> bytes{};
    bytes.fill(++count_);
    return bytes;
  }

 private:
  std::uint8_t count_ = 0;
};

class MemorySpace final {
 public:
  MemorySpace() { files_->make_directory("/space"); }

  static std::string path(const std::string& name) { return "/space/" + name; }

  void put(const std::string& name, std::span<const std::byte> bytes) {
    files_->open(path(name), os::OpenMode::kCreate);
    files_->set_content(path(name), {bytes.begin(), bytes.end()});
  }

  std::vector<std::byte> content(const std::string& name) const {
    return files_->content(path(name));
  }

  std::uint64_t hash() const { return files_->hash(); }

  /// Errors as FileBlockProvider's.
  std::unique_ptr<StandaloneFileStorage> open(SpaceAccess access) {
    FileBlockProviderOptions provider;
    provider.access = access;
    provider.file_system = std::make_shared<OffsetCheckingFileSystem>(files_);
    provider.clock = std::make_shared<StandingClock>();
    provider.random = random_;
    StorageOptions options;  // the smallest of everything
    options.buffer_size = 4096;
    options.max_unflushed_bytes = 8192;
    options.max_workers = 1;
    options.enable_atom_object_cache = false;
    options.enable_atom_bytes_cache = false;
    return std::make_unique<StandaloneFileStorage>(
        std::make_shared<FileBlockProvider>("/space", std::move(provider)), options);
  }

 private:
  const std::shared_ptr<testing::MemoryFileSystem> files_ =
      std::make_shared<testing::MemoryFileSystem>();
  const std::shared_ptr<os::Random> random_ = std::make_shared<CountingRandom>();
};

}  // namespace protobase::fuzz
