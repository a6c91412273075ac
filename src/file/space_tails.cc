#include "file/space_tails.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "file/commit_trail.h"

namespace protobase::file {
namespace {

class Reading {
 public:
  Reading(const SpaceDirectory& directory, const std::optional<RootVersion>& published)
      : directory_(directory), published_(published), result_{WALChain(published), {}} {}

  SpaceTails run() {
    const auto listed = directory_.list().wals;
    ids_.insert(listed.begin(), listed.end());
    for (const UUID& id : ids_) read(id);
    follow_commits(directory_, newest_commits(), result_.chain);
    for (const UUID& id : ids_) judge(id);
    return std::move(result_);
  }

 private:
  void read(const UUID& id) {
    const auto file = directory_.file_system().open(directory_.wal_path(id), os::OpenMode::kRead);
    if (!file) return;
    FoundWAL found;
    found.head = read_wal_head(*file, id);
    if (!found.head.is_unborn) {
      found.tail = read_wal_tail(*file, id, found.head, result_.chain.proven(id),
                                 [this](const RootVersion& commit) {
                                   if (ids_.contains(commit.previous_commit.transaction_id))
                                     result_.chain.add(commit);
                                 });
    }
    result_.chain.add(id, found.head);
    const auto& newest = found.tail.newest_commit;
    if (newest && result_.chain.open().contains(id))
      result_.chain.note_newest(id, newest->sequence);
    result_.wals.insert_or_assign(id, std::move(found));
  }

  std::vector<RootVersion> newest_commits() const {
    std::vector<RootVersion> newest;
    if (published_) newest.push_back(*published_);
    for (const auto& [id, found] : result_.wals) {
      if (found.tail.newest_commit) newest.push_back(*found.tail.newest_commit);
    }
    return newest;
  }

  /// A tail that ends below what the others prove is read once more, by their word.
  void judge(const UUID& id) {
    auto found = result_.wals.find(id);
    if (found == result_.wals.end() || found->second.head.is_unborn) return;
    if (result_.chain.proven(id) > found->second.tail.end) {
      read(id);
      found = result_.wals.find(id);
    }
    WALTail& tail = found->second.tail;
    tail.proven = std::max(tail.proven, result_.chain.proven(id));
    for (const BadPlace& place : result_.chain.unreadable()) {
      if (place.pointer.transaction_id != id) continue;
      tail.damage.push_back("WAL " + id.to_string() + ", offset " +
                            std::to_string(place.pointer.offset) + ": " + place.reason);
    }
  }

  const SpaceDirectory& directory_;
  const std::optional<RootVersion>& published_;
  SpaceTails result_;
  std::set<UUID> ids_;
};

}  // namespace

SpaceTails read_tails(const SpaceDirectory& directory,
                      const std::optional<RootVersion>& published) {
  return Reading(directory, published).run();
}

}  // namespace protobase::file
