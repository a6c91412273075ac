// The root history of a damaged space: the commits that are left, joined to one chain.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "protobase/root_register.h"
#include "protobase/wal.h"

namespace protobase::storage {

/// Add every commit record, settle, ask.
class SalvagedHistory final {
 public:
  using IsReadable = std::function<bool(const AtomPointer& root)>;

  /// `is_sure` false: nothing proves that it was acknowledged. It counts when one that counts
  /// replaced it; or when none that is sure has its sequence or a higher one, unless it replaced
  /// one that does not count.
  void add(const RootVersion& version, bool is_sure);

  /// Chooses the chain: from the newest commit whose root can be read, along the links to replaced
  /// commits; where one is lost or its root cannot be read, to the next older one that is left.
  void settle(const IsReadable& is_readable);

  /// The commit as it belongs there now, its links mended; nullptr when it is not of the history.
  const RootVersion* find(const AtomPointer& commit) const;
  /// Every commit that was added, as it was, in that order.
  const std::vector<RootVersion>& all() const noexcept { return all_; }
  std::optional<RootVersion> newest() const;
  std::size_t size() const noexcept { return kept_.size(); }
  /// Commits and links that were given up.
  const std::vector<BadPlace>& lost() const noexcept { return lost_; }
  bool gave_up(const AtomPointer& commit) const { return lost_pointers_.contains(commit); }

 private:
  void refuse_unsure();
  void give_up(const RootVersion& version, const std::string& why);
  const RootVersion* previous_of(const RootVersion& version);
  const RootVersion* older_than(std::uint64_t sequence) const;
  void lose(BadPlace place);

  std::map<std::uint64_t, RootVersion> usable_;  // by sequence
  std::vector<RootVersion> all_;
  std::multimap<std::uint64_t, RootVersion> unsure_;  // by sequence
  std::unordered_set<AtomPointer> refused_;           // of these
  std::unordered_map<AtomPointer, RootVersion> kept_;
  std::optional<AtomPointer> newest_;
  std::vector<BadPlace> lost_;
  std::unordered_set<AtomPointer> lost_pointers_;
};

}  // namespace protobase::storage
