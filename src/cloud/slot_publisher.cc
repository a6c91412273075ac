#include "cloud/slot_publisher.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

#include "cloud/refusal.h"
#include "engine/for_all.h"
#include "protobase/errors.h"

namespace protobase::cloud {

/// Of what was written nothing has been sent yet, whatever became of the claim.
void SlotPublisher::claim() {
  if (log_.has_claimed()) return;
  try {
    log_.claim();
  } catch (const ProtoBaseError&) {
    throw_refusal(std::current_exception());
  }
}

/// All but the last parts go into segments, each of about object_size. Parts hold whole records;
/// what an earlier process left is one part for each of its flushes, however large.
void SlotPublisher::put_segments(SlotContents& contents) {
  struct Segment {
    std::uint64_t begin = 0, end = 0;
    std::vector<std::span<const std::byte>> parts;
  };
  std::vector<Segment> segments;
  std::uint64_t at = contents.begin;
  for (const SharedBytes& part : contents.inline_parts) {
    if (segments.empty() || segments.back().end - segments.back().begin >= options_.object_size) {
      segments.push_back({at, at, {}});
    }
    segments.back().parts.push_back(part.span());
    segments.back().end = at += part.size();
  }
  if (at - contents.begin <= options_.object_size || !contents.segment_ends.empty()) return;
  if (segments.size() > kMaxSegmentsOfSlot) {
    throw UnexpectedError(
        fmt::format("a flush of {} objects, {} are the limit; use a larger object_size",
                    segments.size(), kMaxSegmentsOfSlot));
  }
  wait_for_turn(segments.size());
  try {
    engine::for_all(pool_, std::span(segments), [&](const Segment& segment) {
      const std::string key =
          segment_key({contents.wal, segment.begin, segment.end, contents.commit_id});
      bucket_.put(key, segment.parts);
    });
  } catch (const std::exception&) {
    throw_refusal(std::current_exception());
  }
  for (const Segment& segment : segments) contents.segment_ends.push_back(segment.end);
  contents.inline_parts.clear();
}

void SlotPublisher::put_slot(const SlotContents& contents) {
  wait_for_turn(1);
  log_.append(contents);
}

/// Waits until `puts` more keep to the rate.
void SlotPublisher::wait_for_turn(std::uint64_t puts) {
  if (options_.max_put_rate == 0) return;
  constexpr std::uint64_t kSliceUs = 100'000;  // so that a close does not wait for a slow rate
  std::uint64_t now = bucket_.clock().monotonic_ns();
  while (now < next_put_ns_ && is_pacing_) {
    bucket_.clock().sleep_us(std::min<std::uint64_t>((next_put_ns_ - now + 999) / 1000, kSliceUs));
    now = bucket_.clock().monotonic_ns();
  }
  const double ns = static_cast<double>(puts) * 1e9 / options_.max_put_rate;
  next_put_ns_ = std::max(now, next_put_ns_) + static_cast<std::uint64_t>(ns);
}

}  // namespace protobase::cloud
