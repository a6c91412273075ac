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

std::array<std::byte, kHeaderSize> make_header(const UUID& key, std::uint64_t begin,
                                               std::span<const std::byte> bytes) {
  std::array<std::byte, kHeaderSize> header{};
  std::memcpy(header.data(), kMagic, 8);
  std::memcpy(header.data() + 8, key.bytes.data(), 16);
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

std::size_t BlockCache::read(const UUID& key, std::uint64_t offset, std::span<std::byte> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const std::uint64_t at = offset + filled;
    const auto block = find(key, at);
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

void BlockCache::put(const UUID& key, std::uint64_t begin, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::uint64_t room = options_.block_size - begin % options_.block_size;
    const auto part = bytes.first(std::min<std::uint64_t>(bytes.size(), room));
    store({key, begin}, part);
    begin += part.size();
    bytes = bytes.subspan(part.size());
  }
}

bool BlockCache::drop(const UUID& key, std::uint64_t offset, std::uint64_t size) {
  const std::uint64_t from = offset - std::min(offset, options_.block_size);
  Entries gone;
  {
    const std::lock_guard lock(mutex_);
    for (auto found = places_.lower_bound({key, from}); found != places_.end();) {
      const auto& [place, entry] = *found;
      if (place.key != key || place.begin >= offset + size) break;
      const bool reaches = place.begin + entry->size > offset;
      const auto next = std::next(found);
      if (reaches) erase(found, gone);
      found = next;
    }
  }
  remove_files(gone);
  return !gone.empty();
}

BlockCacheCounts BlockCache::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::optional<BlockCache::Block> BlockCache::find(const UUID& key, std::uint64_t offset) {
  Place place;
  {
    const std::lock_guard lock(mutex_);
    const auto found = find_around(key, offset);
    if (found == places_.end()) return std::nullopt;
    place = found->first;
    entries_.splice(entries_.end(), entries_, found->second);
    if (!is_on_disk()) return Block{place.begin, found->second->bytes};
  }
  const Block block{place.begin, load(place)};
  if (block.has(offset)) return block;
  forget(place);  // removed or damaged by somebody else
  return std::nullopt;
}

BlockCache::Places::iterator BlockCache::find_around(const UUID& key, std::uint64_t offset) {
  // Mostly the nearest one; an older, shorter one may stand before it.
  constexpr int kSteps = 4;
  auto found = places_.upper_bound({key, offset});
  for (int step = 0; step < kSteps && found != places_.begin(); ++step) {
    --found;
    if (found->first.key != key) break;
    if (offset - found->first.begin < found->second->size) return found;
  }
  return places_.end();
}

/// Empty: it is not there, or not what was written.
SharedBytes BlockCache::load(const Place& place) {
  try {
    const auto file = options_.file_system->open(path_of(place), os::OpenMode::kRead);
    if (!file) return {};
    Bytes bytes(std::min<std::uint64_t>(file->size(), kHeaderSize + options_.block_size));
    bytes.resize(file->read(0, bytes));
    const std::span<const std::byte> all(bytes);
    if (all.size() > kHeaderSize && std::memcmp(all.data(), kMagic, 8) == 0 &&
        std::memcmp(all.data() + 8, place.key.bytes.data(), 16) == 0 &&
        base::load_le<std::uint64_t>(all.data() + 24) == place.begin &&
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

void BlockCache::store(const Place& place, std::span<const std::byte> bytes) {
  if (cost_of(bytes.size()) > options_.max_bytes) return;
  {
    const std::lock_guard lock(mutex_);
    const auto known = places_.find(place);
    if (known != places_.end() && known->second->size >= bytes.size()) return;
  }
  if (is_on_disk() && !write_file(place, bytes)) return;
  keep(place, bytes.size(), is_on_disk() ? SharedBytes() : SharedBytes::copy_of(bytes));
}

/// Lists a block, as the one used last.
void BlockCache::keep(const Place& place, std::uint64_t size, SharedBytes bytes) {
  Entries gone;
  {
    const std::lock_guard lock(mutex_);
    Entries kept{{place, size, std::move(bytes)}};
    const auto [found, is_new] = places_.try_emplace(place, kept.begin());
    if (!is_new) {
      counts_.bytes -= cost_of(found->second->size);
      entries_.erase(found->second);
      found->second = kept.begin();
    }
    counts_.bytes += cost_of(size);
    entries_.splice(entries_.end(), kept);
    make_room(gone);
  }
  remove_files(gone);
}

bool BlockCache::write_file(const Place& place, std::span<const std::byte> bytes) {
  try {
    const auto file = options_.file_system->open(path_of(place), os::OpenMode::kCreate);
    const auto header = make_header(place.key, place.begin, bytes);
    const std::array<std::span<const std::byte>, 2> parts{header, bytes};
    file->write(0, parts);
    file->truncate(kHeaderSize + bytes.size());
    return true;
  } catch (const ProtoBaseError& error) {
    if (options_.logger) options_.logger(LogLevel::kWarning, error.what());
    return false;
  }
}

void BlockCache::make_room(Entries& gone) {
  while (counts_.bytes > options_.max_bytes && !entries_.empty()) {
    erase(places_.find(entries_.front().place), gone);
  }
}

void BlockCache::forget(const Place& place) {
  Entries gone;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = places_.find(place); found != places_.end()) erase(found, gone);
  }
  remove_files(gone);
}

void BlockCache::erase(Places::iterator found, Entries& gone) {
  counts_.bytes -= cost_of(found->second->size);
  gone.splice(gone.end(), entries_, found->second);
  places_.erase(found);
}

/// A block that is kept again meanwhile may lose its new file: it is found missing, and read again.
void BlockCache::remove_files(const Entries& gone) {
  if (!is_on_disk()) return;
  for (const Entry& entry : gone) {
    try {
      options_.file_system->remove(path_of(entry.place));
    } catch (const ProtoBaseError& error) {
      if (options_.logger) options_.logger(LogLevel::kWarning, error.what());
    }
  }
}

void BlockCache::take_up_directory() {
  os::FileSystem& files = *options_.file_system;
  files.make_directory(options_.directory);
  for (const os::DirectoryEntry& entry : files.list(options_.directory)) {
    const auto place = parse_name(entry.name);
    if (!place) continue;  // not ours: left alone
    const auto file = files.open(path_of(*place), os::OpenMode::kRead);
    const std::uint64_t size = file ? file->size() : 0;
    if (size > kHeaderSize) keep(*place, size - kHeaderSize, {});
  }
}

std::optional<BlockCache::Place> BlockCache::parse_name(std::string_view name) {
  constexpr std::size_t kUUID = 36;
  const auto key = UUID::parse(name.substr(0, kUUID));
  if (!key || name.size() < kUUID + 2 || name[kUUID] != '-') return std::nullopt;
  Place place{*key, 0};
  const char* const last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data() + kUUID + 1, last, place.begin);
  if (error != std::errc() || end != last) return std::nullopt;
  return place;
}

std::string BlockCache::path_of(const Place& place) const {
  return fmt::format("{}/{}-{}", options_.directory, place.key.to_string(), place.begin);
}

}  // namespace protobase::cloud
