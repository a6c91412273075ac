#include "storage/salvaged_history.h"

#include <algorithm>
#include <string>
#include <utility>

namespace protobase::storage {

void SalvagedHistory::add(const RootVersion& version, bool is_sure) {
  all_.push_back(version);
  if (!is_sure) unsure_.emplace(version.sequence, version);
}

void SalvagedHistory::settle(const IsReadable& is_readable) {
  refuse_unsure();
  for (const RootVersion& version : all_) {
    if (refused_.contains(version.commit)) {
      give_up(version, "perhaps never acknowledged, and another one was");
    } else if (!is_readable(version.root)) {
      give_up(version, "its root " + version.root.to_string() + " cannot be read");
    } else if (!usable_.emplace(version.sequence, version).second) {
      give_up(version, "another one has the same sequence");
    }
  }
  const RootVersion* version = usable_.empty() ? nullptr : &usable_.rbegin()->second;
  if (version != nullptr) newest_ = version->commit;
  while (version != nullptr) {
    RootVersion& kept = kept_.emplace(version->commit, *version).first->second;
    const RootVersion* previous = previous_of(kept);
    kept.previous_commit = previous != nullptr ? previous->commit : AtomPointer{};
    kept.previous_sequence = previous != nullptr ? previous->sequence : 0;
    version = previous;
  }
  for (const auto& [sequence, left_over] : usable_) {
    if (!kept_.contains(left_over.commit)) {
      give_up(left_over, "it is not of the history of the newest root");
    }
  }
}

void SalvagedHistory::refuse_unsure() {
  if (unsure_.empty()) return;
  std::unordered_set<AtomPointer> open;  // not known yet whether they count
  for (const auto& [sequence, version] : unsure_) open.insert(version.commit);
  std::uint64_t newest_sure = 0;
  std::unordered_set<AtomPointer> replaced;
  for (const RootVersion& version : all_) {
    if (open.contains(version.commit)) continue;
    newest_sure = std::max(newest_sure, version.sequence);
    replaced.insert(version.previous_commit);
  }
  for (auto it = unsure_.rbegin(); it != unsure_.rend(); ++it) {
    if (!replaced.contains(it->second.commit)) continue;
    open.erase(it->second.commit);
    replaced.insert(it->second.previous_commit);
  }
  for (const auto& [sequence, version] : unsure_) {
    if (!open.contains(version.commit)) continue;
    const bool is_newer = sequence > newest_sure && !refused_.contains(version.previous_commit);
    if (!is_newer) refused_.insert(version.commit);
  }
}

void SalvagedHistory::give_up(const RootVersion& version, const std::string& why) {
  lose({version.commit, "the commit of sequence " + std::to_string(version.sequence) + ": " + why});
}

const RootVersion* SalvagedHistory::previous_of(const RootVersion& version) {
  if (version.previous_commit.transaction_id.is_nil()) return nullptr;
  const auto named = usable_.find(version.previous_sequence);
  if (named != usable_.end() && version.previous_sequence < version.sequence &&
      named->second.commit == version.previous_commit) {
    return &named->second;
  }
  const RootVersion* next = older_than(std::min(version.sequence, version.previous_sequence));
  if (gave_up(version.previous_commit)) return next;  // said already
  lose({version.previous_commit,
        "the history behind sequence " + std::to_string(version.sequence) +
            (next != nullptr ? " goes on at " + std::to_string(next->sequence) : " ends there") +
            " instead of " + std::to_string(version.previous_sequence)});
  return next;
}

const RootVersion* SalvagedHistory::older_than(std::uint64_t sequence) const {
  const auto behind = usable_.lower_bound(sequence);
  return behind == usable_.begin() ? nullptr : &std::prev(behind)->second;
}

void SalvagedHistory::lose(BadPlace place) {
  lost_pointers_.insert(place.pointer);
  lost_.push_back(std::move(place));
}

const RootVersion* SalvagedHistory::find(const AtomPointer& commit) const {
  const auto found = kept_.find(commit);
  return found == kept_.end() ? nullptr : &found->second;
}

std::optional<RootVersion> SalvagedHistory::newest() const {
  return newest_ ? std::optional(kept_.at(*newest_)) : std::nullopt;
}

}  // namespace protobase::storage
