// See push_batch.h.
#include "cli/push_batch.h"

#include <utility>

#include "protobase/errors.h"

namespace protobase::cli {
namespace {

// Bounds memory; large enough that the sync between two batches does not show.
constexpr std::size_t kMaxBatchBytes = std::size_t{16} << 20;
// An entry's own memory: it counts, or a file of empty objects would take far more than the limit.
constexpr std::size_t kEntryOverheadBytes = 64;

}  // namespace

void PushBatch::add(std::string payload, RecordFormat format) {
  collected_bytes_ += payload.size() + kEntryOverheadBytes;
  collected_.push_back({std::move(payload), format});
  if (collected_bytes_ < kMaxBatchBytes) return;
  const auto pointers = push_collected();
  storage_.flush_wal();
  print(pointers);
}

void PushBatch::finish(bool as_root) {
  const auto pointers = push_collected();
  if (!last_) throw ValidationError("nothing to push: the input is empty");
  if (as_root) {
    storage_.set_current_root(*last_);
  } else if (!pointers.empty()) {
    storage_.flush_wal();
  }
  print(pointers);
}

std::vector<AtomPointer> PushBatch::push_collected() {
  std::vector<AtomPointer> pointers;
  pointers.reserve(collected_.size());
  for (const Entry& entry : collected_) {
    pointers.push_back(storage_.push_bytes(as_bytes(entry.payload), entry.format));
  }
  collected_.clear();
  collected_bytes_ = 0;
  if (!pointers.empty()) last_ = pointers.back();
  return pointers;
}

void PushBatch::print(const std::vector<AtomPointer>& pointers) {
  for (const AtomPointer& pointer : pointers) out_.write_line(pointer.to_string());
  out_.flush();
}

}  // namespace protobase::cli
