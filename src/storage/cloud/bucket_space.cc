#include "storage/cloud/bucket_space.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "format/record.h"
#include "format/root_file.h"
#include "format/wal_header.h"
#include "protobase/errors.h"
#include "storage/cloud/copy_parts.h"

namespace protobase::storage {
namespace {

[[noreturn]] void throw_read_only() {
  throw UnexpectedError("a bucket that is salvaged is only read");
}

/// Reads `bytes` from `offset` on into the beginning of `out`; returns how many.
std::size_t copy_from(const Bytes& bytes, std::uint64_t offset, std::span<std::byte> out) {
  if (offset >= bytes.size()) return 0;
  const auto size = std::min<std::size_t>(out.size(), bytes.size() - offset);
  std::memcpy(out.data(), bytes.data() + offset, size);
  return size;
}

/// A few bytes, and then those of a WAL if there is one.
class ShownFile final : public os::File {
 public:
  ShownFile(const Bytes& head, RemainingWAL* wal) : head_(head), wal_(wal) {}
  ~ShownFile() override {
    if (wal_ != nullptr) wal_->forget();
  }

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    const std::size_t filled = copy_from(head_, offset, out);
    if (filled == out.size() || wal_ == nullptr) return filled;
    return filled + wal_->read(offset + filled, out.subspan(filled));
  }
  std::optional<os::FileHole> next_hole(std::uint64_t offset) override {
    return wal_ != nullptr ? wal_->next_hole(offset) : std::nullopt;
  }
  std::uint64_t size() override { return wal_ != nullptr ? wal_->remains().end : head_.size(); }

  void write(std::uint64_t, std::span<const std::span<const std::byte>>) override {
    throw_read_only();
  }
  void allocate(std::uint64_t, std::uint64_t) override { throw_read_only(); }
  void sync_data() override { throw_read_only(); }
  void truncate(std::uint64_t) override { throw_read_only(); }
  bool try_lock(std::uint64_t, bool) override { throw_read_only(); }
  void unlock(std::uint64_t) override { throw_read_only(); }
  bool is_locked(std::uint64_t) override { return false; }

 private:
  const Bytes& head_;
  RemainingWAL* const wal_;
};

/// What the log vouches for was durable once: up to where a record can end, whatever a slot says.
std::uint64_t durable_offset_of(const cloud::WALRemains& wal) {
  return wal.sure_end - wal.sure_end % format::kRecordAlignment;
}

/// Each names the one before it, so that a file of the new space that is lost later is found.
Bytes make_header(const cloud::WALRemains& wal, const std::optional<AtomPointer>& predecessor) {
  auto header = format::make_wal_header(wal.id, predecessor);
  format::Checkpoint checkpoint;
  checkpoint.generation = 1;
  checkpoint.durable_offset = durable_offset_of(wal);
  checkpoint.closed = true;
  const auto slot = format::make_slot(checkpoint, wal.id, 0);
  std::ranges::copy(slot, header.begin() + format::kSlotPlaces[0]);
  return {header.begin(), header.end()};
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

BucketSpace::BucketSpace(const BucketParts& parts, cloud::LogRemains remains)
    : lost_(std::move(remains.lost)) {
  std::optional<AtomPointer> predecessor;
  for (cloud::WALRemains& wal : remains.wals) {
    const UUID id = wal.id;
    const bool is_legacy = wal.layout == WALLayout::kLegacyPython;
    Bytes header = is_legacy ? Bytes() : make_header(wal, predecessor);
    if (!is_legacy) predecessor = AtomPointer{id, durable_offset_of(wal)};
    wal_files_.emplace(id.to_string() + (is_legacy ? "" : ".wal"), id);
    wals_.emplace(
        id, ShownWAL{std::make_unique<RemainingWAL>(parts, std::move(wal)), std::move(header)});
  }
  if (remains.root) {
    const auto root = format::make_published_root(*remains.root);
    small_files_.emplace("protobase.root", Bytes(root.begin(), root.end()));
  }
  if (remains.inherited_root) {
    const std::string text = space_root_text(*remains.inherited_root);
    const auto bytes = as_bytes(text);
    small_files_.emplace("space_root", Bytes(bytes.begin(), bytes.end()));
  }
}

const RemainingWAL* BucketSpace::find(const UUID& wal) const {
  const auto found = wals_.find(wal);
  return found == wals_.end() ? nullptr : found->second.bytes.get();
}

std::vector<BadPlace> BucketSpace::other_losses() const {
  std::vector<BadPlace> losses = lost_;
  for (const auto& [id, wal] : wals_)
    std::ranges::copy(wal.bytes->altered(), std::back_inserter(losses));
  return losses;
}

std::unique_ptr<os::File> BucketSpace::open(const std::string& path, os::OpenMode mode) {
  if (mode != os::OpenMode::kRead) return nullptr;  // there is none that can be written
  const std::string name = name_of(path);
  if (const auto small = small_files_.find(name); small != small_files_.end()) {
    return std::make_unique<ShownFile>(small->second, nullptr);
  }
  const auto file = wal_files_.find(name);
  if (file == wal_files_.end()) return nullptr;
  const ShownWAL& wal = wals_.at(file->second);
  return std::make_unique<ShownFile>(wal.header, wal.bytes.get());
}

std::optional<os::FileKind> BucketSpace::kind_of(const std::string& path) {
  const std::string name = name_of(path);
  return wal_files_.contains(name) || small_files_.contains(name) ? os::FileKind::kRegular
                                                                  : os::FileKind::kDirectory;
}

/// The lock, which is none here, makes it a space when all else is lost.
std::vector<os::DirectoryEntry> BucketSpace::list(const std::string& /*directory*/) {
  std::vector<os::DirectoryEntry> entries{{"protobase.lock"}};
  for (const auto& [name, id] : wal_files_) entries.push_back({name});
  for (const auto& [name, bytes] : small_files_) entries.push_back({name});
  return entries;
}

bool BucketSpace::make_directory(const std::string& /*path*/) { throw_read_only(); }
bool BucketSpace::remove(const std::string& /*path*/) { throw_read_only(); }
void BucketSpace::sync_directory(const std::string& /*path*/) { throw_read_only(); }

}  // namespace protobase::storage
