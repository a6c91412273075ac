#include "testing/memory_file_system.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/hash.h"
#include "protobase/errors.h"

namespace protobase::testing {

namespace {

using Content = std::vector<std::byte>;

/// A change of a file since its last sync.
struct Change {
  bool is_write = false;
  std::uint64_t offset = 0;
  std::shared_ptr<const Content> data{};      // of a write
  std::optional<std::uint64_t> size_after{};  // when it changed the size
  bool dropped = false;                       // no later sync makes it durable
};

struct Inode;
using InodePointer = std::shared_ptr<Inode>;

/// A change of a directory since its last sync; `made` null: the name was removed.
struct EntryChange {
  std::string name;
  InodePointer made;
};

struct ByteLock {
  std::uint64_t exclusive_owner = 0;
  std::set<std::uint64_t> shared_owners{};
};

struct Inode {
  bool is_directory = false;
  // A file. Contents are shared between clones and never changed while they are.
  std::shared_ptr<Content> now = std::make_shared<Content>();
  std::shared_ptr<const Content> durable = std::make_shared<Content>();
  std::vector<Change> changes{};
  bool diverged = false;  // `now` holds what no sync will make durable
  std::map<std::uint64_t, ByteLock> locks{};
  // A directory.
  std::map<std::string, InodePointer> entries{};
  std::map<std::string, InodePointer> durable_entries{};
  std::vector<EntryChange> entry_changes{};

  Content& writable() {
    if (now.use_count() > 1) now = std::make_shared<Content>(*now);
    return *now;
  }
};

InodePointer new_directory() {
  auto inode = std::make_shared<Inode>();
  inode->is_directory = true;
  return inode;
}

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw UnexpectedError(path + ": " + why);
}

void put(Content& content, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
}

/// Noise that depends on the place only.
std::byte garbage_at(std::uint64_t offset) {
  std::uint64_t x = offset * 0x9E3779B97F4A7C15ull + 0x1234567;
  x ^= x >> 29;
  return static_cast<std::byte>((x * 0xBF58476D1CE4E5B9ull) >> 56);
}

/// `change` as far as `outcome` lets it reach the disk; bytes below `durable_size` are never
/// garbled.
void apply_write(Content& content, const Change& change, const Outcome& outcome,
                 std::uint64_t durable_size) {
  const std::span<const std::byte> data(*change.data);
  const std::size_t cut = std::min<std::size_t>(outcome.cut, data.size());
  switch (outcome.fate) {
    case Outcome::Fate::kLost: return;
    case Outcome::Fate::kKept: return put(content, change.offset, data);
    case Outcome::Fate::kPrefix: return put(content, change.offset, data.first(cut));
    case Outcome::Fate::kSuffix: return put(content, change.offset + cut, data.subspan(cut));
    case Outcome::Fate::kGarbage: break;
  }
  put(content, change.offset, data.first(cut));
  const std::uint64_t begin = std::max(change.offset + cut, durable_size);
  const std::uint64_t end = change.offset + data.size();
  if (begin >= end) return;
  if (content.size() < end) content.resize(end);
  for (std::uint64_t at = begin; at < end; ++at) content[at] = garbage_at(at);
}

std::uint64_t count_sizes(const Inode& file) {
  return static_cast<std::uint64_t>(
      std::count_if(file.changes.begin(), file.changes.end(),
                    [](const Change& change) { return change.size_after.has_value(); }));
}

/// What sync_data() puts on the disk: all but what was dropped.
std::shared_ptr<const Content> synced_content(const Inode& file) {
  if (file.changes.empty()) return file.durable;
  if (!file.diverged) return file.now;
  auto content = std::make_shared<Content>(*file.durable);
  for (const Change& change : file.changes) {
    if (change.is_write && !change.dropped) put(*content, change.offset, *change.data);
    if (change.size_after) content->resize(*change.size_after);  // sizes are the journal's
  }
  return content;
}

/// Copies a tree with everything that is not synced; an inode keeps being one.
class Cloner {
 public:
  explicit Cloner(bool with_locks) : with_locks_(with_locks) {}

  InodePointer copy(const InodePointer& from) {
    InodePointer& to = copies_[from.get()];
    if (to) return to;
    to = std::make_shared<Inode>();
    const InodePointer made = to;  // the map may grow below
    made->is_directory = from->is_directory;
    made->now = from->now;
    made->durable = from->durable;
    made->changes = from->changes;
    if (with_locks_) made->locks = from->locks;
    made->diverged = from->diverged;
    for (const auto& [name, child] : from->entries) made->entries[name] = copy(child);
    for (const auto& [name, child] : from->durable_entries) {
      made->durable_entries[name] = copy(child);
    }
    for (const EntryChange& change : from->entry_changes) {
      made->entry_changes.push_back({change.name, change.made ? copy(change.made) : nullptr});
    }
    return made;
  }

 private:
  const bool with_locks_;
  std::map<const Inode*, InodePointer> copies_;
};

/// Every inode a power cut may leave under a directory, by name; a fixed order.
std::vector<std::pair<std::string, InodePointer>> possible_children(const Inode& directory) {
  std::vector<std::pair<std::string, InodePointer>> children(directory.durable_entries.begin(),
                                                             directory.durable_entries.end());
  for (const EntryChange& change : directory.entry_changes) {
    if (change.made) children.emplace_back(change.name, change.made);
  }
  return children;
}

void list_uncertainties(const Inode& inode, const std::string& path,
                        std::vector<Uncertainty>& out) {
  using Kind = Uncertainty::Kind;
  if (!inode.is_directory) {
    if (const auto sizes = count_sizes(inode)) out.push_back({Kind::kSize, path, 0, sizes});
    for (const Change& change : inode.changes) {
      if (change.is_write) {
        out.push_back({Kind::kWrite, path, change.offset, change.data->size()});
      }
    }
    return;
  }
  for (const EntryChange& change : inode.entry_changes) {
    out.push_back({Kind::kEntry, path + "/" + change.name, 0, 1});
  }
  for (const auto& [name, child] : possible_children(inode)) {
    list_uncertainties(*child, path + "/" + name, out);
  }
}

/// Builds what a power cut leaves, taking outcomes in the order of list_uncertainties().
class Crash {
 public:
  explicit Crash(std::span<const Outcome> outcomes) : outcomes_(outcomes) {}

  InodePointer directory(const Inode& from) {
    auto kept = from.durable_entries;
    for (const EntryChange& change : from.entry_changes) {
      if (next().fate == Outcome::Fate::kLost) continue;
      if (change.made) {
        kept[change.name] = change.made;
      } else {
        kept.erase(change.name);
      }
    }
    auto made = new_directory();
    for (const auto& [name, child] : possible_children(from)) {
      const auto copy = child->is_directory ? directory(*child) : file(*child);
      const auto found = kept.find(name);
      if (found != kept.end() && found->second == child) made->entries[name] = copy;
    }
    made->durable_entries = made->entries;
    return made;
  }

  bool used_all() const { return next_ == outcomes_.size(); }

 private:
  const Outcome& next() {
    if (next_ == outcomes_.size()) throw ValidationError("crash_clone: too few outcomes");
    return outcomes_[next_++];
  }

  std::uint64_t sizes_kept(std::uint64_t sizes) {
    if (sizes == 0) return 0;
    const Outcome& outcome = next();
    if (outcome.fate == Outcome::Fate::kLost) return 0;
    return outcome.fate == Outcome::Fate::kKept ? sizes : std::min(outcome.cut, sizes);
  }

  InodePointer file(const Inode& from) {
    auto made = std::make_shared<Inode>();
    made->now = std::make_shared<Content>(*from.durable);
    Content& content = *made->now;
    const std::uint64_t kept = sizes_kept(count_sizes(from));
    std::uint64_t passed = 0;
    std::uint64_t size = content.size();
    for (const Change& change : from.changes) {
      if (change.is_write) apply_write(content, change, next(), from.durable->size());
      if (!change.size_after || ++passed > kept) continue;
      size = *change.size_after;
      if (content.size() > size) content.resize(size);
    }
    content.resize(size);
    made->durable = made->now;
    return made;
  }

  const std::span<const Outcome> outcomes_;
  std::size_t next_ = 0;
};

std::uint64_t hash_of(const Inode& inode, std::uint64_t seed) {
  const auto mix = [&](std::uint64_t value) { seed = (seed ^ value) * 0x9E3779B97F4A7C15ull + 1; };
  mix(inode.is_directory ? 1 : 2);
  if (!inode.is_directory) {
    mix(inode.now->size());
    mix(base::xxh3(*inode.now));
    return seed;
  }
  for (const auto& [name, child] : inode.entries) {
    mix(base::xxh3(std::as_bytes(std::span<const char>(name))));
    seed = hash_of(*child, seed);
  }
  return seed;
}

}  // namespace

/// What open files and their file system share.
struct MemoryFileSystem::Tree {
  mutable std::mutex mutex;
  InodePointer root = new_directory();
  std::uint64_t next_owner = 1;
  std::function<void(const std::string&)> before_change;
  bool in_hook = false;

  /// To be called before the mutex is taken.
  void announce(const std::string& call) {
    std::function<void(const std::string&)> hook;
    {
      const std::lock_guard lock(mutex);
      if (!before_change || in_hook) return;
      hook = before_change;
      in_hook = true;
    }
    hook(call);
    const std::lock_guard lock(mutex);
    in_hook = false;
  }

  static std::vector<std::string> split(const std::string& path) {
    std::vector<std::string> names;
    for (std::size_t at = 0; at < path.size();) {
      const std::size_t end = std::min(path.find('/', at), path.size());
      const std::string name = path.substr(at, end - at);
      if (!name.empty() && name != ".") names.push_back(name);
      at = end + 1;
    }
    return names;
  }

  InodePointer find(const std::string& path) const {
    InodePointer at = root;
    for (const std::string& name : split(path)) {
      const auto found = at->entries.find(name);
      if (found == at->entries.end()) return nullptr;
      at = found->second;
    }
    return at;
  }

  InodePointer find_directory(const std::string& path) const {
    const auto found = find(path);
    if (!found) fail(path, "No such file or directory");
    if (!found->is_directory) fail(path, "Not a directory");
    return found;
  }

  InodePointer find_file(const std::string& path) const {
    const auto found = find(path);
    if (!found) fail(path, "No such file or directory");
    if (found->is_directory) fail(path, "Is a directory");
    return found;
  }

  void add(const std::string& path, const InodePointer& inode) {
    const auto parent = find_directory(os::parent_directory(path));
    const std::string name = split(path).back();
    parent->entries[name] = inode;
    parent->entry_changes.push_back({name, inode});
  }
};

namespace {

class MemoryFile final : public os::File {
 public:
  MemoryFile(std::shared_ptr<MemoryFileSystem::Tree> tree, InodePointer inode, std::string path,
             bool writable, std::uint64_t owner)
      : tree_(std::move(tree)),
        inode_(std::move(inode)),
        path_(std::move(path)),
        writable_(writable),
        owner_(owner) {}

  ~MemoryFile() override {
    const std::lock_guard lock(tree_->mutex);
    for (auto& [byte, held] : inode_->locks) release(held);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    const std::lock_guard lock(tree_->mutex);
    const Content& content = *inode_->now;
    if (offset >= content.size()) return 0;
    const std::size_t count = std::min<std::size_t>(out.size(), content.size() - offset);
    std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
    return count;
  }

  void write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    begin_change("write");
    auto data = std::make_shared<Content>();
    for (const auto& part : parts) data->insert(data->end(), part.begin(), part.end());
    const std::lock_guard lock(tree_->mutex);
    Content& content = inode_->writable();
    const std::size_t size = content.size();
    put(content, offset, *data);
    Change change{true, offset, std::move(data)};
    if (content.size() != size) change.size_after = content.size();
    inode_->changes.push_back(std::move(change));
  }

  void allocate(std::uint64_t offset, std::uint64_t length) override {
    begin_change("allocate");
    const std::lock_guard lock(tree_->mutex);
    if (offset + length > inode_->now->size()) resize(offset + length);
  }

  void sync_data() override {
    tree_->announce("sync_data " + path_);
    const std::lock_guard lock(tree_->mutex);
    inode_->durable = synced_content(*inode_);
    inode_->changes.clear();
  }

  void truncate(std::uint64_t size) override {
    begin_change("truncate");
    const std::lock_guard lock(tree_->mutex);
    if (size != inode_->now->size()) resize(size);
  }

  std::uint64_t size() override {
    const std::lock_guard lock(tree_->mutex);
    return inode_->now->size();
  }

  bool try_lock(std::uint64_t byte, bool exclusive) override {
    if (exclusive && !writable_) fail(path_, "lock: Bad file descriptor");
    const std::lock_guard lock(tree_->mutex);
    ByteLock& held = inode_->locks[byte];
    if (is_held_by_another(held, exclusive)) return false;
    release(held);
    if (exclusive) {
      held.exclusive_owner = owner_;
    } else {
      held.shared_owners.insert(owner_);
    }
    return true;
  }

  void unlock(std::uint64_t byte) override {
    const std::lock_guard lock(tree_->mutex);
    release(inode_->locks[byte]);
  }

  bool is_locked(std::uint64_t byte) override {
    const std::lock_guard lock(tree_->mutex);
    return is_held_by_another(inode_->locks[byte], /*exclusive=*/true);
  }

 private:
  void begin_change(const char* call) {
    if (!writable_) fail(path_, std::string(call) + ": Bad file descriptor");
    tree_->announce(std::string(call) + " " + path_);
  }

  void resize(std::uint64_t size) {
    inode_->writable().resize(size);
    inode_->changes.push_back({false, 0, nullptr, size});
  }

  void release(ByteLock& held) const {
    if (held.exclusive_owner == owner_) held.exclusive_owner = 0;
    held.shared_owners.erase(owner_);
  }

  bool is_held_by_another(const ByteLock& held, bool exclusive) const {
    if (held.exclusive_owner != 0 && held.exclusive_owner != owner_) return true;
    return exclusive && held.shared_owners.size() > held.shared_owners.count(owner_);
  }

  const std::shared_ptr<MemoryFileSystem::Tree> tree_;
  const InodePointer inode_;
  const std::string path_;
  const bool writable_;
  const std::uint64_t owner_;
};

}  // namespace

MemoryFileSystem::MemoryFileSystem() : MemoryFileSystem(std::make_shared<Tree>()) {}
MemoryFileSystem::MemoryFileSystem(std::shared_ptr<Tree> tree) : tree_(std::move(tree)) {}
MemoryFileSystem::~MemoryFileSystem() = default;

std::unique_ptr<os::File> MemoryFileSystem::open(const std::string& path, os::OpenMode mode) {
  const bool creates = mode == os::OpenMode::kCreateNew || mode == os::OpenMode::kCreate;
  if (creates && !kind_of(path)) tree_->announce("create " + path);
  const std::lock_guard lock(tree_->mutex);
  InodePointer inode = tree_->find(path);
  if (inode && mode == os::OpenMode::kCreateNew) return nullptr;
  if (!inode) {
    if (!creates) return nullptr;
    inode = std::make_shared<Inode>();
    tree_->add(path, inode);
  }
  if (inode->is_directory) fail(path, "Is a directory");
  return std::make_unique<MemoryFile>(tree_, std::move(inode), path, mode != os::OpenMode::kRead,
                                      tree_->next_owner++);
}

std::optional<os::FileKind> MemoryFileSystem::kind_of(const std::string& path) {
  const std::lock_guard lock(tree_->mutex);
  const auto inode = tree_->find(path);
  if (!inode) return std::nullopt;
  return inode->is_directory ? os::FileKind::kDirectory : os::FileKind::kRegular;
}

std::vector<os::DirectoryEntry> MemoryFileSystem::list(const std::string& directory) {
  const std::lock_guard lock(tree_->mutex);
  std::vector<os::DirectoryEntry> entries;
  for (const auto& [name, inode] : tree_->find_directory(directory)->entries) {
    entries.push_back(
        {name, inode->is_directory ? os::FileKind::kDirectory : os::FileKind::kRegular});
  }
  return entries;
}

bool MemoryFileSystem::make_directory(const std::string& path) {
  if (kind_of(path)) return false;
  tree_->announce("make_directory " + path);
  const std::lock_guard lock(tree_->mutex);
  tree_->add(path, new_directory());
  return true;
}

bool MemoryFileSystem::remove(const std::string& path) {
  if (!kind_of(path)) return false;
  tree_->announce("remove " + path);
  const std::lock_guard lock(tree_->mutex);
  tree_->find_file(path);
  const auto parent = tree_->find_directory(os::parent_directory(path));
  const std::string name = Tree::split(path).back();
  parent->entries.erase(name);
  parent->entry_changes.push_back({name, nullptr});
  return true;
}

void MemoryFileSystem::sync_directory(const std::string& path) {
  tree_->announce("sync_directory " + path);
  const std::lock_guard lock(tree_->mutex);
  const auto directory = tree_->find_directory(path);
  directory->durable_entries = directory->entries;
  directory->entry_changes.clear();
}

void MemoryFileSystem::set_before_change(std::function<void(const std::string& call)> hook) {
  const std::lock_guard lock(tree_->mutex);
  tree_->before_change = std::move(hook);
}

std::shared_ptr<MemoryFileSystem> MemoryFileSystem::clone() const {
  const std::lock_guard lock(tree_->mutex);
  auto tree = std::make_shared<Tree>();
  tree->root = Cloner(/*with_locks=*/false).copy(tree_->root);
  return std::shared_ptr<MemoryFileSystem>(new MemoryFileSystem(std::move(tree)));
}

std::shared_ptr<MemoryFileSystem> MemoryFileSystem::clone_with_locks() const {
  const std::lock_guard lock(tree_->mutex);
  auto tree = std::make_shared<Tree>();
  tree->root = Cloner(/*with_locks=*/true).copy(tree_->root);
  tree->next_owner = tree_->next_owner;
  return std::shared_ptr<MemoryFileSystem>(new MemoryFileSystem(std::move(tree)));
}

std::vector<Uncertainty> MemoryFileSystem::uncertainties() const {
  const std::lock_guard lock(tree_->mutex);
  std::vector<Uncertainty> found;
  list_uncertainties(*tree_->root, "", found);
  return found;
}

std::shared_ptr<MemoryFileSystem> MemoryFileSystem::crash_clone(
    std::span<const Outcome> outcomes) const {
  const std::lock_guard lock(tree_->mutex);
  auto tree = std::make_shared<Tree>();
  Crash crash(outcomes);
  tree->root = crash.directory(*tree_->root);
  if (!crash.used_all()) throw ValidationError("crash_clone: too many outcomes");
  return std::shared_ptr<MemoryFileSystem>(new MemoryFileSystem(std::move(tree)));
}

void MemoryFileSystem::drop_unsynced(const std::string& path) {
  const std::lock_guard lock(tree_->mutex);
  const auto file = tree_->find_file(path);
  for (Change& change : file->changes) change.dropped = file->diverged = true;
}

std::uint64_t MemoryFileSystem::hash() const {
  const std::lock_guard lock(tree_->mutex);
  return hash_of(*tree_->root, 0);
}

std::vector<std::byte> MemoryFileSystem::content(const std::string& path) const {
  const std::lock_guard lock(tree_->mutex);
  return *tree_->find_file(path)->now;
}

void MemoryFileSystem::set_content(const std::string& path, std::vector<std::byte> bytes) {
  const std::lock_guard lock(tree_->mutex);
  const auto file = tree_->find_file(path);
  file->now = std::make_shared<Content>(std::move(bytes));
  file->durable = file->now;
  file->changes.clear();
  file->diverged = false;
}

}  // namespace protobase::testing
