#include "storage/cloud/legacy_read_ahead.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "protobase/errors.h"

namespace protobase::storage {
namespace {

constexpr std::uint64_t kMostAhead = std::uint64_t{64} << 20;

}  // namespace

LegacyReadAhead::LegacyReadAhead(cloud::Bucket bucket, engine::WorkerPool& pool,
                                 const cloud::IndexedWAL& wal)
    : bucket_(std::move(bucket)),
      pool_(pool),
      segments_(cloud::segments_of(wal)),
      current_(segments_.size()) {}

std::size_t LegacyReadAhead::read(std::uint64_t offset, std::span<std::byte> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const std::uint64_t at = offset + filled;
    const std::size_t segment = segment_around(at);
    if (segment == segments_.size()) break;
    if (segment != current_) go_to(segment);
    const auto here = bytes_.span().subspan(at - segments_[segment].begin);
    const std::size_t size = std::min(here.size(), out.size() - filled);
    std::memcpy(out.data() + filled, here.data(), size);
    filled += size;
  }
  return filled;
}

std::size_t LegacyReadAhead::segment_around(std::uint64_t offset) const {
  const auto found = std::ranges::upper_bound(segments_, offset, {}, &cloud::SegmentName::end);
  return static_cast<std::size_t>(found - segments_.begin());
}

void LegacyReadAhead::go_to(std::size_t segment) {
  current_ = segments_.size();
  bytes_ = {};
  if (!on_their_way_.empty() && on_their_way_.front().segment != segment) on_their_way_.clear();
  fetch_behind(segment);
  std::future<Read> first = std::move(on_their_way_.front().read);
  on_their_way_.pop_front();
  Read read = first.get();
  if (!read.damage.empty()) {
    throw CorruptionError({segments_[segment].wal, segments_[segment].begin},
                          bucket_.location() + ", " + read.damage);
  }
  bytes_ = std::move(read.bytes);
  current_ = segment;
}

/// Begins to fetch this one, unless it is on its way, and those behind it.
void LegacyReadAhead::fetch_behind(std::size_t segment) {
  std::uint64_t ahead = 0;
  for (std::size_t i = segment; i < segments_.size(); ++i) {
    if (i > segment) ahead += segments_[i].size();
    if (ahead > kMostAhead || i - segment > pool_.workers()) return;
    if (i - segment < on_their_way_.size()) continue;
    // The task holds what it needs: whoever gives up on it does not wait.
    auto task =
        std::make_shared<std::packaged_task<Read()>>([bucket = bucket_, wanted = segments_[i]] {
          return cloud::read_legacy_segment(bucket, wanted);
        });
    on_their_way_.push_back({i, task->get_future()});
    pool_.submit([task] { (*task)(); });
  }
}

}  // namespace protobase::storage
