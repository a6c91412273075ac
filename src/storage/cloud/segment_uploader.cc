#include "storage/cloud/segment_uploader.h"

#include <utility>

#include "base/hash.h"
#include "cloud/slot.h"
#include "protobase/errors.h"

namespace protobase::storage {

SegmentUploader::SegmentUploader(cloud::Bucket bucket, unsigned max_parallel,
                                 std::uint64_t max_bytes,
                                 std::unordered_map<std::string, std::uint64_t> known,
                                 std::function<void(const PutSegment&)> put)
    : bucket_(std::move(bucket)),
      max_parallel_(max_parallel),
      max_bytes_(max_bytes),
      known_(std::move(known)),
      put_(std::move(put)),
      pool_(max_parallel) {}

void SegmentUploader::add(const UUID& wal, std::uint64_t begin, Bytes bytes) {
  const std::uint64_t size = bytes.size();
  while (!on_their_way_.empty() &&
         (on_their_way_.size() == max_parallel_ || bytes_on_their_way_ + size > max_bytes_)) {
    wait_for_first();
  }
  auto task = std::make_shared<std::packaged_task<PutSegment()>>(
      [this, wal, begin, bytes = std::move(bytes)] { return put_segment(wal, begin, bytes); });
  on_their_way_.push_back({size, task->get_future()});
  bytes_on_their_way_ += size;
  pool_.submit([task = std::move(task)] { (*task)(); });
}

void SegmentUploader::finish() {
  while (!on_their_way_.empty()) wait_for_first();
}

void SegmentUploader::wait_for_first() {
  OnItsWay first = std::move(on_their_way_.front());
  on_their_way_.pop_front();
  bytes_on_their_way_ -= first.size;
  put_(first.segment.get());
}

PutSegment SegmentUploader::put_segment(const UUID& wal, std::uint64_t begin,
                                        const Bytes& bytes) const {
  PutSegment segment{{wal, begin, begin + bytes.size(), {base::xxh3_128(bytes)}}};
  const std::string key = cloud::segment_key(segment.name);
  const auto known = known_.find(key);
  segment.was_there = known != known_.end() && known->second == bytes.size();
  if (segment.was_there) return segment;
  if (is_given_up_) throw UnexpectedError(bucket_.location() + ": the copy was given up");
  bucket_.put(key, bytes);
  return segment;
}

}  // namespace protobase::storage
