// The header of a WAL file: judged in the order that docs/internals/file_format.md gives; a
// checkpoint that is read is written back as the same slot, and of two the newer one counts.
#include <algorithm>
#include <array>
#include <vector>

#include "format/wal_header.h"
#include "fuzz/fuzzing.h"
#include "fuzz/wal_input.h"

namespace {

using protobase::UUID;
using protobase::fuzz::Input;
using protobase::fuzz::require;
namespace format = protobase::format;
namespace base = protobase::base;
using format::WALHeaderState;
using Header = std::array<std::byte, format::kWALHeaderSize>;

/// All but damage that a newer version may account for.
WALHeaderState judge(std::span<const std::byte> bytes, const UUID& id) {
  constexpr unsigned char kMagic[] = {0x50, 0x42, 0x57, 0x41, 0x4c, 0x0d, 0x0a, 0x1a};
  if (bytes.size() < 40 || std::memcmp(bytes.data(), kMagic, 8) != 0) {
    return WALHeaderState::kNoMagic;
  }
  if (base::load_le<std::uint64_t>(bytes.data() + 32) != base::xxh3(bytes.first(32))) {
    return WALHeaderState::kBad;
  }
  if (base::load_le<std::uint32_t>(bytes.data() + 8) > 1) return WALHeaderState::kNewer;
  if (bytes.size() < 4096) return WALHeaderState::kBad;
  const bool own = std::memcmp(bytes.data() + 16, id.bytes.data(), 16) == 0;
  return own ? WALHeaderState::kValid : WALHeaderState::kMisplaced;
}

void check_state(std::span<const std::byte> bytes, const UUID& id) {
  const WALHeaderState state = format::check_wal_header(bytes, id);
  const WALHeaderState expected = judge(bytes, id);
  const bool newer_perhaps = expected == WALHeaderState::kBad && state == WALHeaderState::kNewer;
  require(state == expected || (newer_perhaps && format::wal_header_version(bytes) > 1));
}

/// The slot that holds `found` is what a writer makes of it, but for flags not known yet.
void check_slot(const Header& header, const UUID& id, const format::FoundCheckpoint& found) {
  const auto written = format::make_slot(found.checkpoint, id, found.index);
  Header again = header;
  std::ranges::copy(written,
                    again.begin() + static_cast<std::ptrdiff_t>(format::kSlotPlaces[found.index]));
  const auto reread = format::newest_checkpoint(again, id);
  require(reread && reread->checkpoint == found.checkpoint);
  // Without it, an older one counts, or none.
  const auto place = again.begin() + static_cast<std::ptrdiff_t>(format::kSlotPlaces[found.index]);
  std::fill(place, place + format::kSlotSize, std::byte{0});
  const auto other = format::newest_checkpoint(again, id);
  require(!other || other->checkpoint.generation <= found.checkpoint.generation);
}

/// But for the slots, a header without damage is what a writer makes, and nothing else is.
void check_damage(const Header& header, const UUID& id) {
  const auto damage = format::find_header_damage(header, id);
  if (damage) require(*damage < header.size());
  Header cleared = header;
  for (const std::size_t place : format::kSlotPlaces) {
    std::fill_n(cleared.begin() + static_cast<std::ptrdiff_t>(place), format::kSlotSize,
                std::byte{0});
  }
  std::optional<protobase::AtomPointer> predecessor;
  const auto state = format::read_predecessor(header, id, predecessor);
  require(predecessor.has_value() == (state == format::PredecessorState::kValid));
  const bool as_written = cleared == format::make_wal_header(id, predecessor);
  if (!damage) require(as_written);
  require(format::find_header_damage(cleared, id).has_value() != as_written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const UUID id = protobase::fuzz::fuzzed_wal();
  const std::vector<std::byte> file = protobase::fuzz::make_wal_file({data, size});
  check_state(file, id);
  Header header{};
  std::copy_n(file.begin(), std::min(file.size(), header.size()), header.begin());
  check_damage(header, id);
  if (const auto found = format::newest_checkpoint(header, id)) check_slot(header, id, *found);
  return 0;
}
