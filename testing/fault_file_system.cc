#include "testing/fault_file_system.h"

#include <atomic>
#include <map>
#include <utility>

#include "protobase/errors.h"

namespace protobase::testing {
namespace {

bool changes_something(FileCall call) noexcept {
  switch (call) {
    case FileCall::kCreate:
    case FileCall::kMakeDirectory:
    case FileCall::kRemove:
    case FileCall::kSyncDirectory:
    case FileCall::kWrite:
    case FileCall::kAllocate:
    case FileCall::kSyncData:
    case FileCall::kTruncate: return true;
    default: return false;
  }
}

}  // namespace

const char* to_text(FileCall call) noexcept {
  static constexpr const char* kNames[] = {
      "open",           "create",   "kind_of", "list",     "make_directory", "remove",
      "sync_directory", "read",     "write",   "allocate", "sync_data",      "truncate",
      "size",           "try_lock", "unlock",  "is_locked"};
  return kNames[static_cast<std::size_t>(call)];
}

bool takes_space(FileCall call) noexcept {
  switch (call) {
    case FileCall::kCreate:
    case FileCall::kMakeDirectory:
    case FileCall::kSyncDirectory:
    case FileCall::kWrite:
    case FileCall::kAllocate:
    case FileCall::kSyncData:
    case FileCall::kTruncate: return true;
    default: return false;
  }
}

struct FaultFileSystem::State {
  mutable std::mutex mutex;
  std::optional<Fault> fault;
  std::vector<FileCall> calls;
  std::uint64_t hits = 0;
  std::string first_hit;
  std::function<void(const std::string&)> on_failed_sync;
  std::function<void()> on_hit;
  std::uint64_t of_the_kind = 0;  // calls of kind fault->only
  std::map<std::string, std::uint64_t> failed_syncs;

  std::uint64_t failed_syncs_of(const std::string& path) const {
    const std::lock_guard lock(mutex);
    const auto found = failed_syncs.find(path);
    return found == failed_syncs.end() ? 0 : found->second;
  }

  /// Counts the call; the fault, when it is to fail.
  std::optional<Fault> count(FileCall call, const std::string& path) {
    const std::lock_guard lock(mutex);
    calls.push_back(call);
    if (!fault || (fault->only && fault->only != call)) return std::nullopt;
    const std::uint64_t number = fault->only ? ++of_the_kind : calls.size();
    const bool now = number == fault->at_call;
    const bool later = fault->for_good && hits > 0 && is_of_its_kind(call);
    if (!now && !later) return std::nullopt;
    if (hits++ == 0) {
      first_hit =
          std::string(to_text(call)) + " " + path + " (call " + std::to_string(calls.size()) + ")";
    }
    return fault;
  }

  bool is_of_its_kind(FileCall call) const {
    if (fault->only) return true;
    return fault->error == Fault::Error::kNoSpace ? takes_space(call) : changes_something(call);
  }

  [[noreturn]] void fail(const Fault& which, FileCall call, const std::string& path) {
    std::function<void()> hook;
    {
      const std::lock_guard lock(mutex);
      hook = on_hit;
    }
    if (hook) hook();
    const std::string message = path + ": " + to_text(call) + " failed: ";
    if (which.error == Fault::Error::kNoSpace)
      throw NoSpaceError(message + "No space left on device");
    if (which.error == Fault::Error::kOutOfDescriptors)
      throw os::OutOfDescriptorsError(message + "Too many open files");
    if (call == FileCall::kRead) throw os::ReadError(message + "Input/output error");
    throw UnexpectedError(message + "Input/output error");
  }

  void check(FileCall call, const std::string& path) {
    if (const auto hit = count(call, path)) fail(*hit, call, path);
  }
};

namespace {

class FaultFile final : public os::File {
 public:
  FaultFile(std::unique_ptr<os::File> base, std::shared_ptr<FaultFileSystem::State> state,
            std::string path)
      : base_(std::move(base)),
        state_(std::move(state)),
        path_(std::move(path)),
        told_(state_->failed_syncs_of(path_)) {}

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    state_->check(FileCall::kRead, path_);
    return base_->read(offset, out);
  }

  void write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    const auto hit = state_->count(FileCall::kWrite, path_);
    if (!hit) return base_->write(offset, parts);
    if (hit->half_write) write_half(offset, parts);
    state_->fail(*hit, FileCall::kWrite, path_);
  }

  void allocate(std::uint64_t offset, std::uint64_t length) override {
    state_->check(FileCall::kAllocate, path_);
    base_->allocate(offset, length);
  }

  void sync_data() override {
    const auto hit = state_->count(FileCall::kSyncData, path_);
    if (!hit) {
      const std::uint64_t failed = state_->failed_syncs_of(path_);
      if (told_.exchange(failed) == failed) return base_->sync_data();
      state_->fail({}, FileCall::kSyncData, path_);
    }
    std::function<void(const std::string&)> hook;
    {
      const std::lock_guard lock(state_->mutex);
      hook = state_->on_failed_sync;
      told_ = ++state_->failed_syncs[path_];
    }
    if (hook) hook(path_);
    state_->fail(*hit, FileCall::kSyncData, path_);
  }

  void truncate(std::uint64_t size) override {
    state_->check(FileCall::kTruncate, path_);
    base_->truncate(size);
  }
  std::uint64_t size() override {
    state_->check(FileCall::kSize, path_);
    return base_->size();
  }
  bool try_lock(std::uint64_t byte, bool exclusive) override {
    state_->check(FileCall::kTryLock, path_);
    return base_->try_lock(byte, exclusive);
  }
  void unlock(std::uint64_t byte) override {
    state_->check(FileCall::kUnlock, path_);
    base_->unlock(byte);
  }
  bool is_locked(std::uint64_t byte) override {
    state_->check(FileCall::kIsLocked, path_);
    return base_->is_locked(byte);
  }

 private:
  void write_half(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) {
    std::vector<std::byte> bytes;
    for (const auto& part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
    const std::span<const std::byte> half =
        std::span<const std::byte>(bytes).first(bytes.size() / 2);
    base_->write(offset, {&half, 1});
  }

  const std::unique_ptr<os::File> base_;
  const std::shared_ptr<FaultFileSystem::State> state_;
  const std::string path_;
  std::atomic<std::uint64_t> told_;  // of the failed syncs of this file
};

}  // namespace

FaultFileSystem::FaultFileSystem(std::shared_ptr<os::FileSystem> base)
    : base_(std::move(base)), state_(std::make_shared<State>()) {}
FaultFileSystem::~FaultFileSystem() = default;

std::unique_ptr<os::File> FaultFileSystem::open(const std::string& path, os::OpenMode mode) {
  const bool creates = mode == os::OpenMode::kCreateNew || mode == os::OpenMode::kCreate;
  state_->check(creates ? FileCall::kCreate : FileCall::kOpen, path);
  auto file = base_->open(path, mode);
  if (!file) return nullptr;
  return std::make_unique<FaultFile>(std::move(file), state_, path);
}

std::optional<os::FileKind> FaultFileSystem::kind_of(const std::string& path) {
  state_->check(FileCall::kKindOf, path);
  return base_->kind_of(path);
}

std::vector<os::DirectoryEntry> FaultFileSystem::list(const std::string& directory) {
  state_->check(FileCall::kList, directory);
  return base_->list(directory);
}

bool FaultFileSystem::make_directory(const std::string& path) {
  state_->check(FileCall::kMakeDirectory, path);
  return base_->make_directory(path);
}

bool FaultFileSystem::remove(const std::string& path) {
  state_->check(FileCall::kRemove, path);
  return base_->remove(path);
}

void FaultFileSystem::sync_directory(const std::string& path) {
  state_->check(FileCall::kSyncDirectory, path);
  base_->sync_directory(path);
}

void FaultFileSystem::set_fault(const std::optional<Fault>& fault) {
  const std::lock_guard lock(state_->mutex);
  state_->fault = fault;
  state_->calls.clear();
  state_->hits = 0;
  state_->of_the_kind = 0;
  state_->first_hit.clear();
}

void FaultFileSystem::heal() {
  const std::lock_guard lock(state_->mutex);
  state_->fault.reset();
}

void FaultFileSystem::set_on_failed_sync(std::function<void(const std::string& path)> hook) {
  const std::lock_guard lock(state_->mutex);
  state_->on_failed_sync = std::move(hook);
}

void FaultFileSystem::set_on_hit(std::function<void()> hook) {
  const std::lock_guard lock(state_->mutex);
  state_->on_hit = std::move(hook);
}

std::vector<FileCall> FaultFileSystem::calls() const {
  const std::lock_guard lock(state_->mutex);
  return state_->calls;
}

std::uint64_t FaultFileSystem::hits() const {
  const std::lock_guard lock(state_->mutex);
  return state_->hits;
}

std::string FaultFileSystem::first_hit() const {
  const std::lock_guard lock(state_->mutex);
  return state_->first_hit;
}

}  // namespace protobase::testing
