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

UUID block_key(const UUID& store, const UUID& wal) {
  UUID key = wal;
  for (std::size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] ^= store.bytes[i];
  return key;
}

BlockCache::BlockCache(BlockCacheOptions options) : options_(std::move(options)) {
  if (is_on_disk()) take_up_directory();
}

std::size_t BlockCache::read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const std::uint64_t at = offset + filled;
    const auto block = find(wal, at);
    if (!block) break;
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
    const std::uint64_t room = options_.block_size - begin % options_.block_size;
    const auto part = bytes.first(std::min<std::uint64_t>(bytes.size(), room));
    store({wal, begin}, part);
    begin += part.size();
    bytes = bytes.subspan(part.size());
  }
}

bool BlockCache::drop(const UUID& wal, std::uint64_t offset, std::uint64_t size) {
  const std::uint64_t from = offset - std::min(offset, options_.block_size);
  const std::lock_guard lock(mutex_);
  bool dropped = false;
  for (auto place = places_.lower_bound({wal, from});
       place != places_.end() && place->first.wal == wal && place->first.begin < offset + size;) {
    const auto next = std::next(place);
    if (place->first.begin + place->second->size > offset) {
      erase(place);
      dropped = true;
    }
    place = next;
  }
  return dropped;
}

BlockCacheCounts BlockCache::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

/// The block that has the byte at `offset`.
std::optional<BlockCache::Block> BlockCache::find(const UUID& wal, std::uint64_t offset) {
  Key key;
  {
    const std::lock_guard lock(mutex_);
    const auto place = place_around(wal, offset);
    if (place == places_.end()) return std::nullopt;
    key = place->first;
    entries_.splice(entries_.end(), entries_, place->second);
    if (!is_on_disk()) return Block{key.begin, place->second->bytes};
  }
  const SharedBytes bytes = load(key);
  if (offset - key.begin < bytes.size()) return Block{key.begin, bytes};
  forget(key);  // removed or damaged by somebody else
  return std::nullopt;
}

BlockCache::Places::iterator BlockCache::place_around(const UUID& wal, std::uint64_t offset) {
  // Mostly the nearest one; an older, shorter one may stand before it.
  constexpr int kSteps = 4;
  auto place = places_.upper_bound({wal, offset});
  for (int step = 0; step < kSteps && place != places_.begin(); ++step) {
    --place;
    if (place->first.wal != wal) break;
    if (offset - place->first.begin < place->second->size) return place;
  }
  return places_.end();
}

/// Empty: it is not there, or not what was written.
SharedBytes BlockCache::load(const Key& key) {
  try {
    const auto file = options_.file_system->open(path_of(key), os::OpenMode::kRead);
    if (!file) return {};
    Bytes bytes(std::min<std::uint64_t>(file->size(), kHeaderSize + options_.block_size));
    bytes.resize(file->read(0, bytes));
    const std::span<const std::byte> all(bytes);
    if (all.size() > kHeaderSize && std::memcmp(all.data(), kMagic, 8) == 0 &&
        std::memcmp(all.data() + 8, key.wal.bytes.data(), 16) == 0 &&
        base::load_le<std::uint64_t>(all.data() + 24) == key.begin &&
        base::load_le<std::uint64_t>(all.data() + kChecksumPlace) ==
            checksum(all, all.subspan(kHeaderSize))) {
      const auto owner = std::make_shared<const Bytes>(std::move(bytes));
      return {owner, std::span<const std::byte>(*owner).subspan(kHeaderSize)};
    }
    const std::lock_guard lock(mutex_);
    ++counts_.damaged;
  } catch (const ProtoBaseError& error) {
    if (options_.logger) options_.logger(LogLevel::kWarning, error.what());
  }
  return {};
}

void BlockCache::store(const Key& key, std::span<const std::byte> bytes) {
  if (bytes.size() > options_.max_bytes) return;
  {
    const std::lock_guard lock(mutex_);
    const auto known = places_.find(key);
    if (known != places_.end() && known->second->size >= bytes.size()) return;
  }
  if (is_on_disk() && !write_file(key, bytes)) return;
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = places_.try_emplace(key);
  if (is_new) place->second = entries_.insert(entries_.end(), Entry{key, 0, {}});
  Entry& entry = *place->second;
  counts_.bytes += bytes.size() - entry.size;
  entry.size = bytes.size();
  if (!is_on_disk()) entry.bytes = SharedBytes::copy_of(bytes);
  entries_.splice(entries_.end(), entries_, place->second);
  make_room();
}

bool BlockCache::write_file(const Key& key, std::span<const std::byte> bytes) {
  try {
    const auto file = options_.file_system->open(path_of(key), os::OpenMode::kCreate);
    const auto header = make_header(key.wal, key.begin, bytes);
    const std::array<std::span<const std::byte>, 2> parts{header, bytes};
    file->write(0, parts);
    file->truncate(kHeaderSize + bytes.size());
    return true;
  } catch (const ProtoBaseError& error) {
    if (options_.logger) options_.logger(LogLevel::kWarning, error.what());
    return false;
  }
}

void BlockCache::make_room() {
  while (counts_.bytes > options_.max_bytes && !entries_.empty()) {
    erase(places_.find(entries_.front().key));
  }
}

void BlockCache::forget(const Key& key) {
  const std::lock_guard lock(mutex_);
  if (const auto place = places_.find(key); place != places_.end()) erase(place);
}

void BlockCache::erase(Places::iterator place) {
  remove_file(place->first);
  counts_.bytes -= place->second->size;
  entries_.erase(place->second);
  places_.erase(place);
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
        std::from_chars(name.data() + kUUID + 1, name.data() + name.size(), key.begin);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    const auto file = files.open(path_of(key), os::OpenMode::kRead);
    const std::uint64_t size = file ? file->size() : 0;
    if (size <= kHeaderSize) continue;
    const std::lock_guard lock(mutex_);
    places_[key] = entries_.insert(entries_.end(), Entry{key, size - kHeaderSize, {}});
    counts_.bytes += size - kHeaderSize;
    make_room();
  }
}

std::string BlockCache::path_of(const Key& key) const {
  return fmt::format("{}/{}-{}", options_.directory, key.wal.to_string(), key.begin);
}

}  // namespace protobase::cloud
