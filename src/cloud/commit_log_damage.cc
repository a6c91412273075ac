// What verify finds of a commit log: objects that are named and missing, and a checkpoint that is
// lost or older than what was merged.
#include <fmt/format.h>

#include "cloud/commit_log.h"
#include "cloud/legacy_segment.h"
#include "cloud/object_check.h"
#include "protobase/block_provider.h"
#include "protobase/errors.h"

namespace protobase::cloud {

std::vector<BadPlace> CommitLog::find_damage(const FoundBytes& keep) {
  const ObjectCheck objects(bucket_);
  std::vector<BadPlace> bad = find_bad_objects(objects);
  const auto merged = find_unknown_merges(objects);
  bad.insert(bad.end(), merged.begin(), merged.end());
  // These never change: to look once is enough.
  const auto legacy = check_legacy_segments(bucket_, known_.checkpoint().index, keep);
  bad.insert(bad.end(), legacy.begin(), legacy.end());
  try {
    if (merged.empty()) known_.throw_if_broken();  // else the gap is that of the merge
  } catch (const CorruptionError& error) {
    bad.insert(bad.begin(), {{}, error.what()});
  }
  if (has_lost_checkpoint_) {
    const auto what =
        fmt::format("object {} is lost: the next writer puts it again", kCheckpointKey);
    bad.insert(bad.begin(), {{}, what});
  }
  return bad;
}

/// Slots may be merged away while the bucket is looked through: what is named still by a checkpoint
/// that is read after it was missed is damage.
std::vector<BadPlace> CommitLog::find_bad_objects(const ObjectCheck& objects) {
  constexpr int kLooks = 3;
  std::vector<BadPlace> bad;
  for (int looks = 0; looks < kLooks; ++looks) {
    const WALIndex before = known_.checkpoint().index;
    const auto missed = objects.find_bad(before);
    bad.clear();
    if (missed.empty()) break;
    refresh();
    const WALIndex now = known_.checkpoint().index;
    for (const ObjectCheck::Bad& one : missed) {
      const auto& [wal, begin] = one.place.pointer;
      const auto place = now.find_place(wal, begin);
      if (place && place->begin == begin && place->extent == one.extent) bad.push_back(one.place);
    }
    if (now == before) break;
  }
  return bad;
}

/// What others merged is no damage, and who has claimed cannot take up their slots to see it.
std::vector<BadPlace> CommitLog::find_unknown_merges(const ObjectCheck& objects) const {
  if (objects.unknown_merges(known_.checkpoint().index).empty()) return {};
  try {
    CommitLog now(bucket_, pool_, [](const auto&...) {});
    now.open();
    now.expect_newest_checkpoint();
  } catch (const CorruptionError& error) {
    return {{{}, error.what()}};
  }
  return {};
}

}  // namespace protobase::cloud
