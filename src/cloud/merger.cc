#include "cloud/merger.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/hash.h"
#include "base/planted_bug.h"
#include "cloud/slot.h"
#include "cloud/way_out.h"
#include "engine/for_all.h"
#include "protobase/errors.h"

namespace protobase::cloud {
namespace {

constexpr std::uint64_t kSegmentSize = std::uint64_t{32} << 20;
// In memory as a whole while it is made. No slot is longer.
constexpr std::uint64_t kMaxSegmentSize = kMaxSlotBody;
// So many are read one after the other, and hide behind those of other WALs.
constexpr std::size_t kFewSources = 16;
constexpr std::size_t kRemovedTogether = 1000;  // as many as S3 takes in one request

}  // namespace

std::optional<CloudMergeReport> Merger::run(const std::stop_token& stop) {
  log_.expect_checkpoint();  // without it segments would be put that nobody may name
  const LogCheckpoint state = log_.known().checkpoint();
  std::vector<Group> groups = plan(state);
  merge_all(groups, stop);
  CloudMergeReport report;
  std::vector<SegmentName> segments;
  std::uint64_t boundary = state.slot + 1;
  for (const Group& group : groups) {
    if (!group.is_merged) {  // stopped
      boundary = std::min(boundary, group.sources.front().slot);
      continue;
    }
    segments.push_back(group.segment());
    report.slots += group.sources.size();
    report.bytes += segments.back().size();
  }
  report.segments = segments.size();
  if (boundary == state.boundary) {  // stopped before anything was done
    report = {};
  } else if (!log_.publish_segments(segments, boundary)) {
    return std::nullopt;
  }
  report.removed = remove_slots(stop);
  return report;
}

std::vector<Merger::Group> Merger::plan(const LogCheckpoint& state) {
  std::vector<Group> groups;
  for (const IndexedWAL& wal : state.index.wals()) {
    std::uint64_t begin = wal.begin();
    bool goes_on = false;
    for (const Extent& extent : wal.extents) {
      if (extent.slot != 0) {
        goes_on = goes_on && groups.back().segment().size() < kSegmentSize &&
                  extent.end - groups.back().segment().begin <= kMaxSegmentSize;
        if (!goes_on) groups.push_back({wal.id, {}});
        groups.back().sources.push_back({extent.slot, begin, extent.end});
      }
      goes_on = extent.slot != 0;
      begin = extent.end;
    }
  }
  return groups;
}

/// Oldest slots first, so that what is done when it is stopped is of use.
void Merger::merge_all(std::vector<Group>& groups, const std::stop_token& stop) {
  std::ranges::sort(groups, {}, [](const Group& group) { return group.sources.front().slot; });
  for (const Group& group : groups) slots_in_all_ += group.sources.size();
  std::span<Group> rest(groups);
  while (!rest.empty() && !stop.stop_requested()) {
    const auto together = rest.first(count_together(rest));
    if (together.size() == 1) {
      merge(together.front(), /*is_alone=*/true, stop);
    } else {
      engine::for_all(pool_, together, [&](Group& group) { merge(group, false, stop); });
    }
    rest = rest.subspan(together.size());
  }
}

/// Many slots of one WAL are read side by side; WALs of few slots are merged side by side: each
/// process that commits begins one.
std::size_t Merger::count_together(std::span<const Group> groups) {
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (; count < groups.size() && groups[count].sources.size() <= kFewSources; ++count) {
    bytes += groups[count].segment().size();
    if (bytes > kMaxSegmentSize) break;
  }
  return std::max<std::size_t>(count, 1);
}

void Merger::merge(Group& group, bool is_alone, const std::stop_token& stop) {
  if (stop.stop_requested()) return;
  if (!is_alone) {
    for (Source& source : group.sources) read(group.wal, source);
  } else {
    engine::for_all(pool_, std::span(group.sources), [&](Source& source) {
      if (!stop.stop_requested()) read(group.wal, source);
    });
  }
  const bool is_whole = std::ranges::all_of(group.sources, [](const Source& source) {
    return source.bytes.size() == source.end - source.begin;
  });
  if (is_whole) put(group);
  for (Source& source : group.sources) source.bytes = {};
}

void Merger::read(const UUID& wal, Source& source) {
  source.bytes = read_source(wal, source);
  if (!progress_) return;
  const std::lock_guard lock(progress_mutex_);
  progress_(++slots_read_, slots_in_all_);
}

void Merger::put(Group& group) {
  std::vector<std::span<const std::byte>> parts;
  for (const Source& source : group.sources) parts.push_back(source.bytes.span());
  bucket_.put(segment_key(group.segment()), parts);
  group.is_merged = true;
}

/// The slot's bytes, as its checksum says they were put.
SharedBytes Merger::read_source(const UUID& wal, const Source& source) {
  const std::string key = slot_key(source.slot);
  CloudGetOptions options;
  options.max_bytes = kSlotHeaderSize + kMaxSlotBody + kMaxSegmentsOfSlot * 8 + 1;
  return read_twice([&]() -> SharedBytes {
    const CloudGetResult got = bucket_.get(key, options);
    const auto object = got.object.bytes.span();
    if (got.status == CloudGetStatus::kFound && object.size() >= kSlotHeaderSize) {
      const SlotHeader header = read_slot_header(object, source.slot, bucket_.location());
      const auto body = object.subspan(kSlotHeaderSize);
      if (header.wal == wal && header.end() == source.end &&
          header.inline_bytes == source.end - source.begin && body.size() >= header.body_size() &&
          base::xxh3(body.first(header.body_size())) == header.body_hash) {
        return {std::make_shared<const SharedBytes>(got.object.bytes),
                body.first(header.inline_bytes)};
      }
    }
    throw CorruptionError({wal, source.begin},
                          fmt::format("{}, object {}: it is not what was put there, and nothing "
                                      "was merged{}",
                                      bucket_.location(), key, kWayOut));
  });
}

std::uint64_t Merger::remove_slots(const std::stop_token& stop) {
  const std::uint64_t boundary = log_.known().boundary();
  std::uint64_t removed = 0;
  std::vector<std::string> keys;
  const auto remove_keys = [&] {
    if (keys.empty()) return;
    bucket_.remove(keys);
    removed += keys.size();
    keys.clear();
  };
  bucket_.for_each(kSlotPrefix, [&](const CloudObjectMetadata& object) {
    const auto number = parse_slot_key(object.key);
    // The newest one stays until the next merge: behind an older checkpoint it leaves a gap.
    if (stop.stop_requested() || number.value_or(0) + 1 >= boundary) return false;
    // A claim stays: it stops whoever wrote before it.
    const bool is_claim = slot_kind_of_size(object.size) == SlotKind::kClaim &&
                          !base::is_planted(base::PlantedBug::kClaimsRemoved);
    if (number && !is_claim) keys.push_back(object.key);
    if (keys.size() == kRemovedTogether) remove_keys();
    return true;
  });
  remove_keys();
  return removed;
}

}  // namespace protobase::cloud
