#include "file/commit_trail.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <utility>

namespace protobase::file {
namespace {

// About 20 ms of reading when the records are in the page cache.
constexpr int kMaxRecords = 10'000;
constexpr std::size_t kMaxFiles = 16;

class Trail {
 public:
  Trail(const SpaceDirectory& directory, WALChain& chain)
      : directory_(directory), chain_(chain), open_(chain.open()) {}

  void follow(RootVersion version) {
    if (version.sequence >= reached_) return;
    chain_.add(version);
    while (is_needed(version)) {
      if (records_++ == kMaxRecords) return give_up(version);
      const auto previous = read_previous(version);
      reached_ = version.previous_sequence;
      if (!previous) return;
      version = *previous;
      chain_.add(version);
    }
  }

 private:
  void give_up(const RootVersion& version) {
    for (const auto& [id, newest] : open_) {
      if (newest < version.previous_sequence) chain_.add_undecided(id);
    }
    open_.clear();
  }

  /// Whether what `version` replaced may be the newest commit of a WAL that lacks it.
  bool is_needed(const RootVersion& version) {
    // In a WAL that the trail has come to, all older ones lie below.
    open_.erase(version.commit.transaction_id);
    open_.erase(version.previous_commit.transaction_id);
    return !version.previous_commit.transaction_id.is_nil() &&
           version.previous_sequence < version.sequence &&
           std::ranges::any_of(
               open_, [&](const auto& wal) { return wal.second < version.previous_sequence; });
  }

  /// nullopt when it is not there; a record of another sequence belongs to another history.
  std::optional<RootVersion> read_previous(const RootVersion& version) {
    const AtomPointer& where = version.previous_commit;
    os::File* file = find_file(where.transaction_id);
    if (file == nullptr) return std::nullopt;
    std::string read_error;
    auto found = try_read_commit_at(*file, where, read_error);
    if (!found) chain_.add_unreadable(where, read_error);
    if (found && found->sequence != version.previous_sequence) found.reset();
    return found;
  }

  os::File* find_file(const UUID& id) {
    const auto found = files_.find(id);
    if (found != files_.end()) return found->second.get();
    if (files_.size() == kMaxFiles) files_.clear();
    auto file = directory_.file_system().open(directory_.wal_path(id), os::OpenMode::kRead);
    return files_.emplace(id, std::move(file)).first->second.get();
  }

  const SpaceDirectory& directory_;
  WALChain& chain_;
  std::map<UUID, std::uint64_t> open_;  // WALs that the trail has not come to yet
  std::uint64_t reached_ = std::numeric_limits<std::uint64_t>::max();
  int records_ = 0;
  std::map<UUID, std::unique_ptr<os::File>> files_;
};

}  // namespace

void follow_commits(const SpaceDirectory& directory, std::vector<RootVersion> newest,
                    WALChain& chain) {
  std::ranges::sort(newest, std::ranges::greater(), &RootVersion::sequence);
  Trail trail(directory, chain);
  for (const RootVersion& version : newest) trail.follow(version);
}

}  // namespace protobase::file
