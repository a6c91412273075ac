#include "cloud/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/endian.h"
#include "base/hash.h"
#include "protobase/errors.h"
#include "protobase/wal.h"

namespace protobase::cloud {
namespace {

using base::load_le;
using base::store_le;

constexpr char kFileMagic[9] = "PBJRNL\r\n";
constexpr char kEntryMagic[9] = "PBENTRY\n";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kFileHeaderSize = 64;
constexpr std::size_t kEntryHeaderSize = 80;
constexpr std::uint64_t kAlignment = 8;
constexpr std::size_t kNameDigits = 20;
constexpr const char* kSuffix = ".journal";
// Space is taken in such steps, so that few syncs have a size to write down too.
constexpr std::uint64_t kAllocation = std::uint64_t{4} << 20;
// What has grown past this is finished: it can be removed when all of it is in the bucket.
constexpr std::uint64_t kFileSize = std::uint64_t{32} << 20;
constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 62;
constexpr const char* kWayOn =
    "; commits that were acknowledged here may never have reached the bucket: keep the directory, "
    "nothing else has them. To go on without them open the store with another journal_dir, and "
    "read the root";

std::array<std::byte, kFileHeaderSize> make_file_header(std::uint64_t first, const UUID& store) {
  std::array<std::byte, kFileHeaderSize> header{};
  std::memcpy(header.data(), kFileMagic, 8);
  store_le<std::uint32_t>(header.data() + 8, kVersion);
  store_le<std::uint32_t>(header.data() + 12, kFileHeaderSize);
  store_le<std::uint64_t>(header.data() + 16, first);
  std::memcpy(header.data() + 24, store.bytes.data(), 16);
  store_le<std::uint64_t>(header.data() + 56, base::xxh3({header.data(), 56}));
  return header;
}

/// Of any version: every later one keeps these 64 bytes and what their checksum is of.
bool has_file_header(std::span<const std::byte> bytes) {
  return bytes.size() >= kFileHeaderSize && std::memcmp(bytes.data(), kFileMagic, 8) == 0 &&
         load_le<std::uint64_t>(bytes.data() + 56) == base::xxh3(bytes.first(56));
}

bool is_file_header(std::span<const std::byte> bytes, std::uint64_t first) {
  return has_file_header(bytes) && load_le<std::uint32_t>(bytes.data() + 8) == kVersion &&
         load_le<std::uint32_t>(bytes.data() + 12) == kFileHeaderSize &&
         load_le<std::uint64_t>(bytes.data() + 16) == first;
}

std::array<std::byte, kEntryHeaderSize> make_entry_header(const JournalEntry& entry) {
  base::HashStream hash;
  for (const SharedBytes& part : entry.parts) hash.add(part.span());
  std::array<std::byte, kEntryHeaderSize> header{};
  std::memcpy(header.data(), kEntryMagic, 8);
  store_le<std::uint64_t>(header.data() + 8, entry.number);
  std::memcpy(header.data() + 16, entry.wal.bytes.data(), 16);
  store_le<std::uint64_t>(header.data() + 32, entry.begin);
  store_le<std::uint64_t>(header.data() + 40, entry.end - entry.begin);
  store_le<std::uint64_t>(header.data() + 48, entry.records);
  store_le<std::uint64_t>(header.data() + 56, entry.commit_offset);
  store_le<std::uint64_t>(header.data() + 64, hash.value());
  store_le<std::uint64_t>(header.data() + 72, base::xxh3({header.data(), 72}));
  return header;
}

/// The entry that lies at the beginning of `bytes`, without its parts; nullopt: none does.
std::optional<JournalEntry> read_entry_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kEntryHeaderSize || std::memcmp(bytes.data(), kEntryMagic, 8) != 0 ||
      load_le<std::uint64_t>(bytes.data() + 72) != base::xxh3(bytes.first(72))) {
    return std::nullopt;
  }
  JournalEntry entry;
  entry.number = load_le<std::uint64_t>(bytes.data() + 8);
  std::memcpy(entry.wal.bytes.data(), bytes.data() + 16, 16);
  entry.begin = load_le<std::uint64_t>(bytes.data() + 32);
  const auto length = load_le<std::uint64_t>(bytes.data() + 40);
  entry.records = load_le<std::uint64_t>(bytes.data() + 48);
  entry.commit_offset = load_le<std::uint64_t>(bytes.data() + 56);
  if (entry.begin < kWALFirstRecordOffset || entry.begin >= kMaxOffset || length == 0 ||
      length >= kMaxOffset) {
    return std::nullopt;
  }
  entry.end = entry.begin + length;
  const bool is_within = entry.commit_offset >= entry.begin && entry.commit_offset < entry.end;
  return entry.commit_offset == 0 || is_within ? std::optional(entry) : std::nullopt;
}

/// Entry and bytes are whole.
bool is_whole(const JournalEntry& entry, std::span<const std::byte> bytes) {
  const std::uint64_t length = entry.end - entry.begin;
  return bytes.size() - kEntryHeaderSize >= length &&
         load_le<std::uint64_t>(bytes.data() + 64) ==
             base::xxh3(bytes.subspan(kEntryHeaderSize, length));
}

/// Whether an entry with this number or a higher one begins anywhere in `bytes`: what lies before
/// it was durable then.
bool has_entry_from(std::span<const std::byte> bytes, std::uint64_t number) {
  for (; bytes.size() >= kEntryHeaderSize; bytes = bytes.subspan(kAlignment)) {
    const auto entry = read_entry_header(bytes);
    if (entry && entry->number >= number) return true;
  }
  return false;
}

std::optional<std::uint64_t> parse_name(const std::string& name) {
  if (name.size() != kNameDigits + std::strlen(kSuffix) || !name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  std::uint64_t first = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kNameDigits, first);
  const bool is_number = error == std::errc() && end == name.data() + kNameDigits && first > 0;
  return is_number ? std::optional(first) : std::nullopt;
}

}  // namespace

Journal::Journal(std::string directory, std::shared_ptr<os::FileSystem> file_system, Logger logger)
    : directory_(os::absolute_path(directory)),
      file_system_(std::move(file_system)),
      logger_(std::move(logger)) {
  take_directory();
  for (const os::DirectoryEntry& entry : file_system_->list(directory_)) {
    if (const auto first = parse_name(entry.name)) files_.push_back({*first, path_of(*first)});
  }
  std::sort(files_.begin(), files_.end(),
            [](const JournalFile& a, const JournalFile& b) { return a.first < b.first; });
  if (!files_.empty()) next_number_ = files_.front().first;
  for (std::size_t i = 0; i < files_.size(); ++i) read_file(files_[i], i + 1 == files_.size());
}

void Journal::take_directory() {
  // Who made it may have died before it was durable, and so may who removed files in it.
  file_system_->make_directory(directory_);
  file_system_->sync_directory(os::parent_directory(directory_));
  lock_ = file_system_->open(directory_ + "/lock", os::OpenMode::kCreate);
  if (!lock_->try_lock(0, /*exclusive=*/true)) {
    throw LockingError(directory_ + ": another process keeps its journal here");
  }
  file_system_->sync_directory(directory_);
}

void Journal::read_file(const JournalFile& journal_file, bool is_last) {
  const auto file = file_system_->open(journal_file.path, os::OpenMode::kReadWrite);
  if (!file) {
    throw CorruptionError(journal_file.path + ": it vanished while it was being read" + kWayOn);
  }
  auto owner = std::make_shared<Bytes>(file->size());
  owner->resize(file->read(0, *owner));
  const std::span<const std::byte> all(*owner);
  const auto damaged = [&](std::uint64_t offset, const char* what) -> CorruptionError {
    return CorruptionError(
        fmt::format("{}, offset {}: {}{}", journal_file.path, offset, what, kWayOn));
  };
  if (journal_file.first != next_number_) throw damaged(0, "the journal has a gap before it");
  if (has_file_header(all) && load_le<std::uint32_t>(all.data() + 8) > kVersion) {
    throw NotSupportedError(
        fmt::format("{}: format version {}, this program knows versions up to {}; use a newer one",
                    journal_file.path, load_le<std::uint32_t>(all.data() + 8), kVersion));
  }
  if (!is_file_header(all, journal_file.first)) {
    if (!is_last || has_entry_from(all, journal_file.first))
      throw damaged(0, "its header is damaged");
    return;  // its first entry was never durable
  }
  UUID store;
  std::memcpy(store.bytes.data(), all.data() + 24, 16);
  if (store_ && *store_ != store) throw damaged(0, "it is of another store than the file before");
  std::uint64_t offset = kFileHeaderSize;
  std::uint64_t last = 0;
  while (offset < all.size()) {
    const auto rest = all.subspan(offset);
    auto entry = read_entry_header(rest);
    if (!entry || entry->number != next_number_ || !is_whole(*entry, rest)) {
      const auto behind = rest.subspan(std::min<std::size_t>(rest.size(), kAlignment));
      if (has_entry_from(behind, next_number_ + 1)) throw damaged(offset, "the entry is damaged");
      note_end(journal_file.path, offset, rest);
      break;
    }
    const std::uint64_t length = entry->end - entry->begin;
    entry->parts.push_back({owner, rest.subspan(kEntryHeaderSize, length)});
    left_.push_back(std::move(*entry));
    ++next_number_;
    last = offset;
    offset += base::round_up(kEntryHeaderSize + length, kAlignment);
  }
  if (last == 0) return;
  store_ = store;
  if (is_last) harden_last(*file, last);
}

/// Room that was taken ahead is zeros; anything else is an entry that was never acknowledged.
void Journal::note_end(const std::string& path, std::uint64_t offset,
                       std::span<const std::byte> rest) const {
  const auto head = rest.first(std::min<std::size_t>(rest.size(), kEntryHeaderSize));
  if (base::all_zero(head) || !logger_) return;
  logger_(LogLevel::kWarning,
          fmt::format("{}, offset {}: an entry was cut off there when the process or the machine "
                      "stopped; it was never acknowledged",
                      path, offset));
}

/// The last entry may be in the page cache only, even after a sync that failed: it is believed when
/// it was written and synced once more.
void Journal::harden_last(os::File& file, std::uint64_t offset) {
  const JournalEntry& entry = left_.back();
  const auto header = make_entry_header(entry);
  const std::array<std::span<const std::byte>, 2> parts{header, entry.parts.front().span()};
  file.write(offset, parts);
  file.sync_data();
  file_system_->sync_directory(directory_);
}

void Journal::append(const UUID& store, JournalEntry& entry) {
  if (poisoned_) {
    throw UnexpectedError(directory_ +
                          ": the journal takes no more after a failure; what was acknowledged is "
                          "safe: close the storage and open it again");
  }
  entry.number = next_number_;
  if (!file_ || position_ >= kFileSize) start_file(store);
  const std::uint64_t end =
      position_ + base::round_up(kEntryHeaderSize + entry.end - entry.begin, kAlignment);
  if (end > allocated_) {
    const std::uint64_t wanted = base::round_up(end, kAllocation);
    file_->allocate(allocated_, wanted - allocated_);
    allocated_ = wanted;
  }
  poisoned_ = true;  // until this is durable
  write_entry(entry);
  poisoned_ = false;
  position_ = end;
  ++next_number_;
}

void Journal::write_entry(const JournalEntry& entry) {
  const auto header = make_entry_header(entry);
  std::vector<std::span<const std::byte>> parts{header};
  for (const SharedBytes& part : entry.parts) parts.push_back(part.span());
  try {
    file_->write(position_, parts);
    file_->sync_data();
    if (position_ == kFileHeaderSize) file_system_->sync_directory(directory_);
  } catch (const NoSpaceError& error) {  // some of it may have been written
    throw UnexpectedError(error.what());
  }
}

void Journal::start_file(const UUID& store) {
  const JournalFile next{next_number_, path_of(next_number_)};
  file_.reset();
  auto file = file_system_->open(next.path, os::OpenMode::kCreate);
  file->truncate(0);  // left by one whose first entry was never durable
  const auto header = make_file_header(next.first, store);
  const std::span<const std::byte> part(header);
  file->allocate(0, kAllocation);
  file->write(0, {&part, 1});
  if (files_.empty() || files_.back().first != next.first) files_.push_back(next);
  file_ = std::move(file);
  position_ = kFileHeaderSize;
  allocated_ = kAllocation;
}

void Journal::forget(std::uint64_t number) {
  forgotten_ = number;
  const auto is_over = [&](std::size_t i) {
    const std::uint64_t behind = i + 1 < files_.size() ? files_[i + 1].first : next_number_;
    const bool is_worth_it = i + 1 < files_.size() || !file_ || position_ >= kAllocation;
    return behind <= number + 1 && (is_worth_it || is_closing_);
  };
  std::size_t over = 0;
  try {
    for (; over < files_.size() && is_over(over); ++over) {
      if (over + 1 == files_.size()) file_.reset();
      file_system_->remove(files_[over].path);
      file_system_->sync_directory(directory_);  // an older one that came back would leave a gap
    }
  } catch (
      const ProtoBaseError& error) {  // read again at the next opening, and found in the bucket
    if (logger_) logger_(LogLevel::kWarning, error.what());
  }
  files_.erase(files_.begin(), files_.begin() + static_cast<std::ptrdiff_t>(over));
}

void Journal::close() {
  is_closing_ = true;
  if (forgotten_ + 1 == next_number_) forget(forgotten_);
  poisoned_ = true;
  file_.reset();
  lock_.reset();
}

std::string Journal::path_of(std::uint64_t first) const {
  return fmt::format("{}/{:020}{}", directory_, first, kSuffix);
}

}  // namespace protobase::cloud
