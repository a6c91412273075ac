#include "file/space_damage.h"

#include <algorithm>
#include <string>

#include "file/commit_trail.h"
#include "format/commit_record.h"
#include "format/record.h"

namespace protobase::file {
namespace {

constexpr int kTornReads = 10;
// No file is that long.
constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 62;

const char* describe(format::WALHeaderState state) noexcept {
  switch (state) {
    case format::WALHeaderState::kNoMagic: return "the file header has no magic of ours";
    case format::WALHeaderState::kNewer: return "the file header names a newer format version";
    case format::WALHeaderState::kBad: return "the file header does not match its checksum";
    case format::WALHeaderState::kMisplaced: return "the file header is that of another WAL";
    case format::WALHeaderState::kValid: break;
  }
  return "";
}

/// A live writer may be half way through a slot: what looks damaged is read again.
std::optional<BadPlace> find_header_damage(os::File& file, const UUID& id, WALHead head) {
  for (int tries = 0; head.damaged_at && tries < kTornReads; ++tries) {
    head = read_wal_head(file, id);
  }
  if (!head.read_error.empty()) {
    return BadPlace{{id, 0}, "the file header cannot be read: " + head.read_error};
  }
  if (head.state != format::WALHeaderState::kValid) return BadPlace{{id, 0}, describe(head.state)};
  if (!head.damaged_at) return std::nullopt;
  return BadPlace{{id, *head.damaged_at},
                  "the file header is damaged at byte " + std::to_string(*head.damaged_at)};
}

/// Something else lies in the place of a file that is no WAL: no process can open the space.
void find_other_things(const SpaceDirectory& directory, std::vector<BadPlace>& places) {
  for (const std::string& path : {directory.root_path(), directory.lock_path()}) {
    const auto kind = directory.file_system().kind_of(path);
    if (!kind || kind == os::FileKind::kRegular) continue;
    places.push_back({{}, path + " is no file: move it away, it is made anew by the next writer"});
  }
}

/// visit(file, id, head) for every version-1 WAL.
template <typename Visit>
void visit_wals(const SpaceDirectory& directory, Visit visit) {
  for (const UUID& id : directory.list().wals) {
    const auto file = directory.file_system().open(directory.wal_path(id), os::OpenMode::kRead);
    if (file) visit(*file, id, read_wal_head(*file, id));
  }
}

}  // namespace

WALChain::WALChain(const std::optional<RootVersion>& published) {
  if (!published) return;
  prove(published->commit);
  prove(published->previous_commit);
}

void WALChain::add(const UUID& id, const WALHead& head) {
  std::uint64_t& size = sizes_[id];
  size = std::max(size, head.file_size);
  const format::Checkpoint& checkpoint = head.checkpoint;
  const bool is_closed =
      checkpoint.closed && !head.has_torn_slot && head.file_size <= checkpoint.durable_offset;
  if (!is_closed && !head.is_unborn) note_newest(id, checkpoint.commit_sequence);
  if (!head.predecessor) return;
  Named& named = named_[head.predecessor->transaction_id];
  if (head.predecessor->offset >= named.end) named = {head.predecessor->offset, id};
}

void WALChain::add(const RootVersion& commit) {
  if (commit.previous_commit.transaction_id == commit.commit.transaction_id) return;
  prove(commit.previous_commit);
}

void WALChain::add_unreadable(const AtomPointer& commit, const std::string& read_error) {
  unreadable_.push_back({commit, read_error.empty()
                                     ? "expected a commit record, which a later one replaced"
                                     : "a commit record cannot be read: " + read_error});
}

void WALChain::note_newest(const UUID& id, std::uint64_t sequence) {
  std::uint64_t& newest = open_[id];
  newest = std::max(newest, sequence);
}

void WALChain::prove(const AtomPointer& commit) {
  const bool is_possible = commit.offset >= kWALFirstRecordOffset &&
                           commit.offset % format::kRecordAlignment == 0 &&
                           commit.offset < kMaxOffset;
  if (commit.transaction_id.is_nil() || !is_possible) return;
  std::uint64_t& end = committed_[commit.transaction_id];
  end = std::max(end, commit.offset + format::stored_size(format::kCommitPayloadSize));
}

std::uint64_t WALChain::proven(const UUID& id) const {
  const auto named = named_.find(id);
  const auto committed = committed_.find(id);
  return std::max(named == named_.end() ? 0 : named->second.end,
                  committed == committed_.end() ? 0 : committed->second);
}

bool WALChain::has_unreadable(const UUID& id) const {
  return std::ranges::any_of(
      unreadable_, [&](const BadPlace& place) { return place.pointer.transaction_id == id; });
}

std::vector<BadPlace> WALChain::lost() const {
  std::vector<BadPlace> places;
  for (const auto& [id, named] : named_) {
    const auto found = sizes_.find(id);
    const std::uint64_t size = found == sizes_.end() ? 0 : found->second;
    if (size >= named.end) continue;
    const std::string what = found == sizes_.end()
                                 ? "the WAL is missing"
                                 : "the file of the WAL has " + std::to_string(size) + " bytes";
    places.push_back({{id, size},
                      what + "; at least " + std::to_string(named.end) +
                          " bytes were durable before WAL " + named.successor.to_string() +
                          " took its place"});
  }
  return places;
}

WALChain read_chain(const SpaceDirectory& directory, const std::optional<RootVersion>& newest) {
  WALChain chain(newest);
  visit_wals(directory,
             [&](os::File&, const UUID& id, const WALHead& head) { chain.add(id, head); });
  if (newest) follow_commits(directory, {*newest}, chain);
  return chain;
}

std::vector<BadPlace> find_space_damage(const SpaceDirectory& directory) {
  std::vector<BadPlace> places;
  WALChain chain;
  visit_wals(directory, [&](os::File& file, const UUID& id, const WALHead& head) {
    chain.add(id, head);
    if (head.is_unborn) return;
    if (auto damage = find_header_damage(file, id, head)) places.push_back(std::move(*damage));
  });
  std::ranges::move(chain.lost(), std::back_inserter(places));
  find_other_things(directory, places);
  return places;
}

std::optional<BadPlace> find_loss(const SpaceDirectory& directory, const AtomPointer& pointer) {
  for (BadPlace& place : read_chain(directory, std::nullopt).lost()) {
    if (place.pointer.transaction_id == pointer.transaction_id) return std::move(place);
  }
  return std::nullopt;
}

}  // namespace protobase::file
