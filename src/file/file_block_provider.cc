// FileBlockProvider: puts directory, writers, open files and root register together.
#include "protobase/file_block_provider.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/safe_logger.h"
#include "file/file_root_register.h"
#include "file/open_files.h"
#include "file/space_damage.h"
#include "file/space_directory.h"
#include "file/space_recovery.h"
#include "file/wal_writer.h"
#include "os/clock.h"
#include "os/file_system.h"
#include "os/random.h"
#include "protobase/errors.h"

namespace protobase {

namespace {

constexpr std::uint64_t kJoinPollUs = 1000;
constexpr int kJoinPolls = 30'000;
// No file is that long; offsets beyond would not fit the system's type.
constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 62;
// How far a WAL may grow behind what of it is mapped: addresses, no memory.
constexpr std::uint64_t kRoomInMap = std::uint64_t{1} << 30;

FileBlockProviderOptions complete(FileBlockProviderOptions options) {
  if (options.max_open_files < 1 || options.max_open_files > 65536) {
    throw ValidationError("max_open_files = " + std::to_string(options.max_open_files) +
                          " is out of range: 1 to 65536");
  }
  options.logger = base::safe_logger(std::move(options.logger));
  if (!options.file_system) options.file_system = os::posix_file_system();
  if (!options.clock) options.clock = os::system_clock();
  if (!options.random) options.random = os::system_random();
  return options;
}

}  // namespace

class FileBlockProvider::Impl {
 public:
  Impl(std::string directory, FileBlockProviderOptions options)
      : options_(complete(std::move(options))),
        directory_(options_.file_system, std::move(directory)),
        register_(directory_, options_.clock, options_.logger,
                  [this](bool create) { join(create); }),
        open_files_(directory_, options_.max_open_files) {
    const file::SpaceListing listing = directory_.list();
    if (listing.unfinished_copy) {
      throw ValidationError(
          directory_.path() +
          " holds an unfinished copy or salvage: run the same one again to finish "
          "it (protobase.copy says which)");
    }
    if (options_.access == SpaceAccess::kReadOnly) {
      if (!listing.is_space) throw NotFoundError("no space at " + directory_.path());
      open_read_only();
    } else if (listing.is_space) {
      join(/*create=*/false);  // one that is not there yet is made by the first write
    }
  }

  AtomPointer claim_wal() {
    throw_if_closed();
    throw_if_read_only();
    join(/*create=*/false);
    // At roll-over the next WAL is a new one, because only a new one can name its predecessor.
    if (!has_writer()) {
      const auto chain = file::read_chain(directory_, register_.newest_known());
      if (const auto taken = take_up_wal(chain)) return *taken;
    }
    const std::lock_guard lock(mutex_);
    throw_if_closed();
    const UUID id = UUID::from_random(options_.random->bytes16());
    writers_.emplace(id, nullptr);  // its file is made by the first write
    return {id, kWALFirstRecordOffset};
  }

  void write(const WALWriteOperation& operation) {
    throw_if_closed();
    begun_writer(operation.transaction_id)->write(operation);
  }

  void place(const UUID& wal, std::uint64_t offset, std::span<const std::byte> bytes,
             const std::function<void(std::span<const std::byte>)>& passes) {
    throw_if_closed();
    begun_writer(wal)->place(offset, bytes, passes);
  }

  std::uint64_t sync(const UUID& wal) {
    throw_if_closed();
    throw_if_read_only();
    if (const auto writer = find_writer(wal)) {
      writer->sync();
      return writer->durable();
    }
    throw_if_closed();  // a close() beside this call takes the writers away
    const auto foreign = find_open_wal(wal, 0);
    if (foreign->layout == WALLayout::kVersion1) {
      return file::harden_wal(directory_, wal, proven_by_others(wal));
    }
    foreign->file->sync_data();
    return foreign->file->size();
  }

  void reserve(const UUID& wal, std::uint64_t bytes) {
    throw_if_closed();
    if (const auto writer = find_or_make_writer(wal)) writer->reserve(bytes);
  }

  void release_wal(const UUID& wal, bool resumable) {
    throw_if_closed();
    std::shared_ptr<file::WALWriter> writer;
    std::shared_ptr<file::WALWriter> left_behind;
    {
      const std::lock_guard lock(mutex_);
      const auto found = writers_.find(wal);
      if (found == writers_.end()) throw_not_claimed(wal);
      writer = std::move(found->second);
      writers_.erase(found);
      // It is sealed once a successor names it. Without one it is only closed.
      left_behind = std::exchange(predecessor_, resumable ? nullptr : std::move(writer));
      if (!resumable) unusable_.insert(wal);
    }
    if (left_behind) left_behind->close(/*sealed=*/false);
    if (writer) writer->close(/*sealed=*/false);
  }

  std::size_t read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                   std::size_t at_least) {
    throw_if_closed();
    const auto file = find_open_wal(wal, offset);
    const std::size_t filled = offset < kMaxOffset ? file->file->read(offset, out) : 0;
    if (filled < at_least) {
      throw_if_lost({wal, offset});
      throw NotFoundError("WAL " + wal.to_string() + " ends before offset " +
                          std::to_string(offset + at_least));
    }
    return filled;
  }

  bool can_map() const noexcept { return options_.map_wals; }

  SharedBytes map(const UUID& id) {
    throw_if_closed();
    const auto wal = find_open_wal(id, 0);
    if (wal->layout == WALLayout::kLegacyPython) return {};
    return wal->file->map(wal->file->size() + kRoomInMap);
  }

  bool read_many(std::span<BlockRead> reads) {
    throw_if_closed();
    std::vector<os::FileRead> file_reads;
    file_reads.reserve(reads.size());
    std::vector<std::shared_ptr<file::OpenWAL>> wals;  // open as long as they are read
    const UUID* last = nullptr;
    for (const BlockRead& read : reads) {
      if (last == nullptr || read.wal != *last) wals.push_back(open_files_.find(read.wal));
      last = &read.wal;
      os::File* const file =
          wals.back() && read.offset < kMaxOffset ? wals.back()->file.get() : nullptr;
      file_reads.push_back({file, read.offset, read.out});
    }
    if (!directory_.file_system().read_many(file_reads)) return false;
    for (std::size_t i = 0; i < reads.size(); ++i) reads[i].filled = file_reads[i].filled;
    return true;
  }

  WALDescription describe(const UUID& id) {
    throw_if_closed();
    const auto wal = find_open_wal(id, 0);
    if (wal->layout == WALLayout::kLegacyPython) {
      const std::uint64_t size = wal->file->size();
      return {id, WALLayout::kLegacyPython, size, size, /*durable=*/0, 0};  // it never synced
    }
    // Its writer goes on meanwhile: what is durable is asked for before how long the WAL is.
    if (const auto writer = find_writer(id)) {
      const std::uint64_t records = writer->records();
      const std::uint64_t durable = writer->durable();
      const std::uint64_t written = writer->written();
      return {id, WALLayout::kVersion1, wal->file->size(), written, durable, records};
    }
    throw_if_closed();  // a close() beside this call takes the writers away
    const std::uint64_t proven = proven_by_others(id);
    const auto head = file::read_wal_head(*wal->file, id);
    const std::uint64_t durable = std::max(head.checkpoint.durable_offset, proven);
    return {id,      WALLayout::kVersion1,   head.file_size, head.file_size,
            durable, head.checkpoint.records};
  }

  std::vector<BadPlace> find_damage() {
    throw_if_closed();
    return file::find_space_damage(directory_);
  }

  std::vector<UUID> list_wals() {
    throw_if_closed();
    file::SpaceListing listing = directory_.list();
    std::vector<UUID> ids = std::move(listing.wals);
    ids.insert(ids.end(), listing.legacy_wals.begin(), listing.legacy_wals.end());
    auto chain = file::read_chain(directory_, register_.newest_known());
    const std::lock_guard lock(mutex_);
    chain_ = std::move(chain);
    return ids;
  }

  RootRegister& root_register() { return register_; }

  void close() {
    closed_ = true;
    const std::lock_guard joining(join_mutex_);  // nobody does any more; a second close() waits
    register_.detach();
    open_files_.close();
    std::vector<std::shared_ptr<file::WALWriter>> writers;
    {
      const std::lock_guard lock(mutex_);
      for (auto& [id, writer] : writers_) writers.push_back(std::move(writer));
      writers.push_back(std::move(predecessor_));
      writers_.clear();
    }
    for (const auto& writer : writers) {
      if (writer) writer->abandon();  // a thread may be in reserve()
    }
    writers.clear();  // their files' locks go with them
    const std::lock_guard lock(mutex_);
    lock_file_.reset();
  }

 private:
  void throw_if_closed() const {
    if (closed_) throw ValidationError("the block provider of " + directory_.path() + " is closed");
  }

  void throw_if_read_only() const {
    if (options_.access == SpaceAccess::kReadOnly) {
      throw NotSupportedError(directory_.path() + " is opened for reading only");
    }
  }

  std::shared_ptr<file::OpenWAL> find_open_wal(const UUID& id, std::uint64_t offset) {
    auto wal = open_files_.find(id);
    if (wal) return wal;
    throw_if_lost({id, offset});
    throw NotFoundError("no WAL " + id.to_string() + " in " + directory_.path());
  }

  /// Up to where a WAL was durable, as the other files of the space (when the WALs were last
  /// listed) and the root say.
  std::uint64_t proven_by_others(const UUID& id) {
    const std::uint64_t by_root = file::WALChain(register_.newest_known()).proven(id);
    const std::lock_guard lock(mutex_);
    return std::max(by_root, chain_.proven(id));
  }

  /// Nothing is at `pointer`. Should there be something?
  void throw_if_lost(const AtomPointer& pointer) {
    const auto loss = file::find_loss(directory_, pointer);
    if (loss) throw CorruptionError(loss->pointer, loss->reason);
  }

  void open_read_only() {
    bool others = false;
    const auto lock_file =
        directory_.file_system().open(directory_.lock_path(), os::OpenMode::kRead);
    if (lock_file) others = lock_file->is_locked(file::kMembershipLock);
    register_.attach_read_only(others);
  }

  /// Becomes a member of the space; does nothing when it is not there and is not to be made. The
  /// first member recovers it.
  void join(bool create) {
    throw_if_closed();
    if (options_.access == SpaceAccess::kReadOnly || joined_) return;
    {
      const std::lock_guard lock(join_mutex_);
      throw_if_closed();
      if (joined_ || (!create && !directory_.list().is_space)) return;
      become_member();
      joined_ = true;
    }
    register_.settle_open_commit();
  }

  void become_member() {
    auto lock_file = open_lock_file();
    wait_for_join_lock(*lock_file);
    std::optional<file::RecoveredSpace> recovered;
    if (lock_file->try_lock(file::kMembershipLock, /*exclusive=*/true)) {
      recovered =
          file::recover_space(directory_, read_published_root(), /*settle=*/true, options_.logger);
    }
    const std::shared_ptr<os::File> shared_lock_file = std::move(lock_file);
    // Until the end nobody else holds the file, so that whatever throws drops all its locks.
    shared_lock_file->try_lock(file::kMembershipLock, /*exclusive=*/false);
    register_.attach(shared_lock_file, recovered);
    shared_lock_file->unlock(file::kJoinLock);
    const std::lock_guard members(mutex_);
    lock_file_ = shared_lock_file;
    if (!recovered) return;
    unusable_.merge(recovered->unusable);
    chain_ = std::move(recovered->chain);
  }

  /// The lock file is the last step of making a space: once it is there, so are its directory and
  /// that one's entry, durably.
  std::unique_ptr<os::File> open_lock_file() {
    auto& file_system = directory_.file_system();
    if (auto file = file_system.open(directory_.lock_path(), os::OpenMode::kReadWrite)) return file;
    directory_.create();
    auto file = file_system.open(directory_.lock_path(), os::OpenMode::kCreate);
    directory_.sync();
    return file;
  }

  std::optional<RootVersion> read_published_root() {
    const auto file = directory_.file_system().open(directory_.root_path(), os::OpenMode::kRead);
    return file ? register_.read_hint(*file) : std::nullopt;
  }

  void wait_for_join_lock(os::File& lock_file) {
    for (int polls = 0; !lock_file.try_lock(file::kJoinLock, /*exclusive=*/true); ++polls) {
      if (polls == kJoinPolls) {
        throw LockingError(directory_.path() + ": another process has been opening it for " +
                           std::to_string(kJoinPolls * kJoinPollUs / 1'000'000) + " s");
      }
      throw_if_closed();
      options_.clock->sleep_us(kJoinPollUs);
    }
  }

  /// One that was closed and may be gone on with; nullopt also when another thread was faster.
  std::optional<AtomPointer> take_up_wal(const file::WALChain& chain) {
    const std::lock_guard lock(mutex_);
    throw_if_closed();
    if (!writers_.empty() || predecessor_) return std::nullopt;
    for (const UUID& id : directory_.list().wals) {
      if (unusable_.contains(id)) continue;
      file::WALHead head;
      auto file = file::take_wal(directory_, id, chain, head, options_.logger);
      if (!file) continue;
      const std::uint64_t end = head.checkpoint.durable_offset;
      writers_.emplace(id,
                       std::make_shared<file::WALWriter>(directory_, std::move(file), id, head));
      return AtomPointer{id, end};
    }
    return std::nullopt;
  }

  /// A WAL left behind at roll-over is sealed when another one, durably, says that it must be
  /// there.
  void seal_predecessor() {
    std::shared_ptr<file::WALWriter> predecessor;
    {
      const std::lock_guard lock(mutex_);
      predecessor = std::move(predecessor_);
    }
    if (predecessor) predecessor->close(/*sealed=*/true);
  }

  /// Unless a close() beside the call took it away.
  [[noreturn]] void throw_not_claimed(const UUID& wal) const {
    throw_if_closed();
    throw NotFoundError("no WAL " + wal.to_string() + " is claimed");
  }

  bool has_writer() {
    const std::lock_guard lock(mutex_);
    return !writers_.empty() || predecessor_;
  }

  std::shared_ptr<file::WALWriter> find_writer(const UUID& id) {
    const std::lock_guard lock(mutex_);
    if (predecessor_ && predecessor_->id() == id) return predecessor_;
    const auto found = writers_.find(id);
    return found == writers_.end() ? nullptr : found->second;
  }

  std::shared_ptr<file::WALWriter> begun_writer(const UUID& id) {
    auto writer = find_or_make_writer(id);
    if (!writer) throw_not_claimed(id);
    writer->begin();
    seal_predecessor();
    return writer;
  }

  /// Makes the file of a WAL that is claimed and has none; nullptr when it is not claimed.
  std::shared_ptr<file::WALWriter> find_or_make_writer(const UUID& id) {
    if (const auto known = claimed_writer(id); !known || *known) return known.value_or(nullptr);
    const std::lock_guard making(making_mutex_);  // a flush and reserve() may both want it
    if (const auto known = claimed_writer(id); !known || *known) return known.value_or(nullptr);
    join(/*create=*/true);
    std::optional<AtomPointer> predecessor;
    {
      const std::lock_guard lock(mutex_);
      if (predecessor_) predecessor = AtomPointer{predecessor_->id(), predecessor_->durable()};
    }
    auto writer = file::WALWriter::create(directory_, id, *options_.clock, predecessor);
    const std::lock_guard lock(mutex_);
    const auto claimed = writers_.find(id);
    if (claimed == writers_.end()) return nullptr;  // an empty file is left, which is no WAL yet
    return claimed->second = std::move(writer);
  }

  /// nullopt when it is not claimed; nullptr when it has no file yet.
  std::optional<std::shared_ptr<file::WALWriter>> claimed_writer(const UUID& id) {
    const std::lock_guard lock(mutex_);
    const auto found = writers_.find(id);
    if (found == writers_.end()) return std::nullopt;
    return found->second;
  }

  const FileBlockProviderOptions options_;
  const file::SpaceDirectory directory_;
  file::FileRootRegister register_;
  file::OpenFiles open_files_;
  std::atomic<bool> closed_{false};
  std::mutex join_mutex_;  // held by who joins or closes
  std::atomic<bool> joined_{false};
  std::mutex making_mutex_;  // before mutex_
  std::mutex mutex_;         // guards the rest
  std::shared_ptr<os::File> lock_file_;
  std::unordered_map<UUID, std::shared_ptr<file::WALWriter>> writers_;
  std::shared_ptr<file::WALWriter> predecessor_;  ///< left behind, not sealed yet
  file::WALChain chain_;  ///< when the space was recovered or the WALs were last listed
  std::set<UUID> unusable_;
};

FileBlockProvider::FileBlockProvider(std::string directory, FileBlockProviderOptions options)
    : impl_(std::make_unique<Impl>(std::move(directory), std::move(options))) {}
FileBlockProvider::~FileBlockProvider() = default;

AtomPointer FileBlockProvider::claim_wal() { return impl_->claim_wal(); }
void FileBlockProvider::write(const WALWriteOperation& operation) { impl_->write(operation); }
void FileBlockProvider::place(const UUID& wal, std::uint64_t offset,
                              std::span<const std::byte> bytes,
                              const std::function<void(std::span<const std::byte>)>& passes) {
  impl_->place(wal, offset, bytes, passes);
}
std::uint64_t FileBlockProvider::sync(const UUID& wal) { return impl_->sync(wal); }
void FileBlockProvider::reserve(const UUID& wal, std::uint64_t bytes) {
  impl_->reserve(wal, bytes);
}
void FileBlockProvider::release_wal(const UUID& wal, bool resumable) {
  impl_->release_wal(wal, resumable);
}
std::size_t FileBlockProvider::read(const UUID& wal, std::uint64_t offset, std::span<std::byte> out,
                                    std::size_t at_least) {
  return impl_->read(wal, offset, out, at_least);
}
bool FileBlockProvider::can_map() const noexcept { return impl_->can_map(); }
SharedBytes FileBlockProvider::map(const UUID& wal) { return impl_->map(wal); }
bool FileBlockProvider::read_many(std::span<BlockRead> reads) { return impl_->read_many(reads); }
WALDescription FileBlockProvider::describe(const UUID& wal) { return impl_->describe(wal); }
std::vector<BadPlace> FileBlockProvider::find_damage() { return impl_->find_damage(); }
std::vector<UUID> FileBlockProvider::list_wals() { return impl_->list_wals(); }
RootRegister& FileBlockProvider::root_register() { return impl_->root_register(); }
void FileBlockProvider::close() { impl_->close(); }

}  // namespace protobase
