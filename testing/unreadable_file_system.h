// Decorator of os::FileSystem: bytes that the disk does not give back, for good or some times only,
// or until they are written again as a whole.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "os/file_system.h"
#include "testing/forwarding_file_system.h"

namespace protobase::testing {

/// Thread-safe.
class UnreadableFileSystem final : public ForwardingFileSystem {
 public:
  static constexpr std::uint64_t kForGood = std::numeric_limits<std::uint64_t>::max();

  explicit UnreadableFileSystem(std::shared_ptr<os::FileSystem> inner)
      : ForwardingFileSystem(std::move(inner)), state_(std::make_shared<State>()) {}

  /// From now on a read of the file at `path` that touches [begin, end) fails, so many times.
  void damage(const std::string& path, std::uint64_t begin, std::uint64_t end,
              std::uint64_t times = kForGood) {
    const std::lock_guard lock(state_->mutex);
    state_->places.push_back({path, begin, end, times});
  }
  /// Reads that failed.
  std::uint64_t hits() const {
    const std::lock_guard lock(state_->mutex);
    return state_->hits;
  }

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override {
    auto file = ForwardingFileSystem::open(path, mode);
    return file ? std::make_unique<UnreadableFile>(std::move(file), path, state_) : nullptr;
  }

 private:
  struct Place {
    std::string path;
    std::uint64_t begin;
    std::uint64_t end;
    std::uint64_t times;
  };
  struct State {
    std::mutex mutex;
    std::vector<Place> places;
    std::uint64_t hits = 0;
  };

  class UnreadableFile final : public ForwardingFile {
   public:
    UnreadableFile(std::unique_ptr<os::File> file, std::string path, std::shared_ptr<State> state)
        : ForwardingFile(std::move(file)), path_(std::move(path)), state_(std::move(state)) {}

    std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
      throw_if_unreadable(offset, std::min(offset + out.size(), size()));
      return ForwardingFile::read(offset, out);
    }
    void write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
      std::uint64_t end = offset;
      for (const auto& part : parts) end += part.size();
      heal(offset, end);
      ForwardingFile::write(offset, parts);
    }

   private:
    void heal(std::uint64_t begin, std::uint64_t end) {
      const std::lock_guard lock(state_->mutex);
      std::erase_if(state_->places, [&](const Place& place) {
        return place.path == path_ && begin <= place.begin && end >= place.end;
      });
    }
    void throw_if_unreadable(std::uint64_t begin, std::uint64_t end) {
      const std::lock_guard lock(state_->mutex);
      for (Place& place : state_->places) {
        const bool touches = place.path == path_ && begin < place.end && end > place.begin;
        if (!touches || place.times == 0) continue;
        if (place.times != kForGood) --place.times;
        ++state_->hits;
        throw os::ReadError(path_ + ": Input/output error");
      }
    }

    const std::string path_;
    const std::shared_ptr<State> state_;
  };

  const std::shared_ptr<State> state_;
};

}  // namespace protobase::testing
