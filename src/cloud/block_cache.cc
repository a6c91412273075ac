#include "cloud/block_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/endian.h"
#include "base/hash.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

constexpr char kMagic[9] = "PBBLOCK\n";
constexpr std::size_t kHeaderSize = 40;
constexpr std::size_t kChecksumPlace = 32;

std::uint64_t checksum(std::span<const std::byte> header, std::span<const std::byte> bytes) {
  base::HashStream hash;
  hash.add(header.first(kChecksumPlace));
  hash.add(bytes);
  return hash.value();
}

std::array<std::byte, kHeaderSize> make_header(const UUID& wal, std::uint64_t begin,
                                               std::span<const std::byte> bytes) {
  std::array<std::byte, kHeaderSize> header{};
  std::memcpy(header.data(), kMagic, 8);
  std::memcpy(header.data() + 8, wal.bytes.data(), 16);
  base::store_le<std::uint64_t>(header.data() + 24, begin);
  base::store_le<std::uint64_t>(header.data() + kChecksumPlace, checksum(header, bytes));
  return header;
}

}  // namespace

BlockCache::BlockCache(BlockCacheOptions options) : options_(std::move(options)) {
  if (is_on_disk()) take_up_directory();
}

std::size_t BlockCache::read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const std::uint64_t at = offset + filled;
    const auto block = find({wal, at / options_.block_size});
    if (!block || at < block->begin || at >= block->begin + block->bytes.size()) break;
    const auto from = block->bytes.span().subspan(at - block->begin);
    const std::size_t size = std::min(from.size(), out.size() - filled);
    std::memcpy(out.data() + filled, from.data(), size);
    filled += size;
  }
  const std::lock_guard lock(mutex_);
  ++(filled > 0 ? counts_.hits : counts_.misses);
  return filled;
}

void BlockCache::put(const UUID& wal, std::uint64_t begin, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const Key key{wal, begin / options_.block_size};
    const std::uint64_t room = (key.block + 1) * options_.block_size - begin;
    const auto part = bytes.first(std::min<std::uint64_t>(bytes.size(), room));
    const auto known = find(key);
    const bool goes_on =
        known && begin >= known->begin && begin <= known->begin + known->bytes.size();
    if (goes_on) {
      if (begin + part.size() > known->begin + known->bytes.size()) {
        Bytes both(known->bytes.span().begin(), known->bytes.span().end());
        both.resize(begin - known->begin);
        both.insert(both.end(), part.begin(), part.end());
        store(key, {known->begin, SharedBytes(std::move(both))});
      }
    } else {
      store(key, {begin, SharedBytes::copy_of(part)});
    }
    begin += part.size();
    bytes = bytes.subspan(part.size());
  }
}

bool BlockCache::drop(const UUID& wal, std::uint64_t offset, std::uint64_t size) {
  bool dropped = false;
  const std::uint64_t last = (offset + std::max<std::uint64_t>(size, 1) - 1) / options_.block_size;
  for (std::uint64_t block = offset / options_.block_size; block <= last; ++block) {
    const Key key{wal, block};
    {
      const std::lock_guard lock(mutex_);
      if (!places_.contains(key)) continue;
    }
    forget(key);
    dropped = true;
  }
  return dropped;
}

BlockCacheCounts BlockCache::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::optional<BlockCache::Block> BlockCache::find(const Key& key) {
  {
    const std::lock_guard lock(mutex_);
    const auto place = places_.find(key);
    if (place == places_.end()) return std::nullopt;
    entries_.splice(entries_.end(), entries_, place->second);
    if (!is_on_disk()) return Block{place->second->begin, place->second->bytes};
  }
  auto block = load(key);
  if (!block) forget(key);  // removed or damaged by somebody else
  return block;
}

std::optional<BlockCache::Block> BlockCache::load(const Key& key) {
  try {
    const auto file = options_.file_system->open(path_of(key), os::OpenMode::kRead);
    if (!file) return std::nullopt;
    Bytes bytes(std::min<std::uint64_t>(file->size(), kHeaderSize + options_.block_size));
    bytes.resize(file->read(0, bytes));
    const std::span<const std::byte> all(bytes);
    if (all.size() > kHeaderSize && std::memcmp(all.data(), kMagic, 8) == 0 &&
        std::memcmp(all.data() + 8, key.wal.bytes.data(), 16) == 0 &&
        base::load_le<std::uint64_t>(all.data() + kChecksumPlace) ==
            checksum(all, all.subspan(kHeaderSize))) {
      const auto begin = base::load_le<std::uint64_t>(all.data() + 24);
      const auto owner = std::make_shared<const Bytes>(std::move(bytes));
      return Block{begin, {owner, std::span<const std::byte>(*owner).subspan(kHeaderSize)}};
    }
    const std::lock_guard lock(mutex_);
    ++counts_.damaged;
  } catch (const ProtoBaseError& error) {
    if (options_.logger) options_.logger(LogLevel::kWarning, error.what());
  }
  return std::nullopt;
}

void BlockCache::store(const Key& key, const Block& block) {
  if (block.bytes.size() > options_.max_bytes) return;
  if (is_on_disk()) {
    try {
      const auto file = options_.file_system->open(path_of(key), os::OpenMode::kCreate);
      const auto header = make_header(key.wal, block.begin, block.bytes.span());
      const std::array<std::span<const std::byte>, 2> parts{header, block.bytes.span()};
      file->write(0, parts);
      file->truncate(kHeaderSize + block.bytes.size());
    } catch (const ProtoBaseError& error) {
      if (options_.logger) options_.logger(LogLevel::kWarning, error.what());
      return;
    }
  }
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = places_.try_emplace(key);
  if (is_new) {
    place->second = entries_.insert(entries_.end(), Entry{key, 0, 0, {}});
  }
  Entry& entry = *place->second;
  counts_.bytes += block.bytes.size() - entry.size;
  entry.size = block.bytes.size();
  entry.begin = block.begin;
  if (!is_on_disk()) entry.bytes = block.bytes;
  entries_.splice(entries_.end(), entries_, place->second);
  make_room();
}

void BlockCache::make_room() {
  while (counts_.bytes > options_.max_bytes && !entries_.empty()) {
    const Entry& oldest = entries_.front();
    remove_file(oldest.key);
    counts_.bytes -= oldest.size;
    places_.erase(oldest.key);
    entries_.pop_front();
  }
}

void BlockCache::forget(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(key);
  if (place == places_.end()) return;
  counts_.bytes -= place->second->size;
  entries_.erase(place->second);
  places_.erase(place);
  remove_file(key);
}

void BlockCache::remove_file(const Key& key) {
  if (!is_on_disk()) return;
  try {
    options_.file_system->remove(path_of(key));
  } catch (const ProtoBaseError& error) {
    if (options_.logger) options_.logger(LogLevel::kWarning, error.what());
  }
}

void BlockCache::take_up_directory() {
  os::FileSystem& files = *options_.file_system;
  files.make_directory(options_.directory);
  for (const os::DirectoryEntry& entry : files.list(options_.directory)) {
    const std::string& name = entry.name;
    constexpr std::size_t kUUID = 36;
    const auto wal = UUID::parse(std::string_view(name).substr(0, kUUID));
    Key key;
    if (!wal || name.size() < kUUID + 2 || name[kUUID] != '-') continue;  // not ours: left alone
    key.wal = *wal;
    const auto [end, error] =
        std::from_chars(name.data() + kUUID + 1, name.data() + name.size(), key.block);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    const auto file = files.open(path_of(key), os::OpenMode::kRead);
    const std::uint64_t size = file ? file->size() : 0;
    if (size <= kHeaderSize) continue;
    const std::lock_guard lock(mutex_);
    places_[key] = entries_.insert(entries_.end(), Entry{key, size - kHeaderSize, 0, {}});
    counts_.bytes += size - kHeaderSize;
    make_room();
  }
}

std::string BlockCache::path_of(const Key& key) const {
  return fmt::format("{}/{}-{}", options_.directory, key.wal.to_string(), key.block);
}

}  // namespace protobase::cloud
