#include "engine/legacy_boundaries.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "format/legacy_record.h"
#include "protobase/errors.h"
#include "wal/scanner.h"

namespace protobase::engine {

namespace {
constexpr std::size_t kStep = 64;
}

void LegacyBoundaries::check(const AtomPointer& pointer, std::uint64_t end) {
  const UUID& id = pointer.transaction_id;
  wal::WindowReader window([&](std::uint64_t offset, std::span<std::byte> out) -> std::size_t {
    if (offset >= end) return 0;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), end - offset));
    return provider_.read(id, offset, out.first(count), 0);
  });
  const auto read = [&](std::uint64_t offset, std::span<std::byte> out) {
    const auto bytes = window.at(offset, out.size());
    if (bytes.size() < out.size()) throw NotFoundError("WAL " + id.to_string() + " became shorter");
    std::memcpy(out.data(), bytes.data(), out.size());
  };
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t>& starts = starts_[id];
  if (starts.empty()) starts.push_back(0);
  const auto known = std::prev(std::upper_bound(starts.begin(), starts.end(), pointer.offset));
  const bool at_the_front = known == std::prev(starts.end());
  std::uint64_t at = *known;
  try {
    for (std::size_t records = 0; at < pointer.offset; ++records) {
      if (at_the_front && records > 0 && records % kStep == 0) starts.push_back(at);
      const std::uint64_t next =
          at + format::parse_legacy_record(read, end, {id, at}).stored_size();
      if (next > pointer.offset) {
        throw NotFoundError("no atom at " + pointer.to_string() +
                            ": it points into the record at offset " + std::to_string(at));
      }
      at = next;
    }
  } catch (const CorruptionError&) {
    return;  // the chain is broken here: what lies behind can only be believed
  }
}

}  // namespace protobase::engine
