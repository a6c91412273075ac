#include "file/space_damage.h"

#include <algorithm>
#include <array>
#include <string>

namespace protobase::file {
namespace {

const char* describe(format::WALHeaderState state) noexcept {
  switch (state) {
    case format::WALHeaderState::kNoMagic: return "the file header has no magic of ours";
    case format::WALHeaderState::kNewer: return "the file header names a newer format version";
    case format::WALHeaderState::kBad: return "the file header does not match its checksum";
    case format::WALHeaderState::kMisplaced: return "the file header is that of another WAL";
    case format::WALHeaderState::kValid: break;
  }
  return "";
}

std::optional<BadPlace> find_header_damage(os::File& file, const UUID& id, const WALHead& head) {
  if (head.state != format::WALHeaderState::kValid) return BadPlace{{id, 0}, describe(head.state)};
  std::array<std::byte, format::kWALHeaderSize> header{};
  file.read(0, header);
  const auto place = format::find_header_damage(header, id);
  if (!place) return std::nullopt;
  return BadPlace{{id, *place}, "the file header is damaged at byte " + std::to_string(*place)};
}

/// visit(file, id, head) for every version-1 WAL.
template <typename Visit>
void visit_wals(const SpaceDirectory& directory, Visit visit) {
  for (const UUID& id : directory.list().wals) {
    const auto file = directory.file_system().open(directory.wal_path(id), os::OpenMode::kRead);
    if (file) visit(*file, id, read_wal_head(*file, id));
  }
}

}  // namespace

void WALChain::add(const UUID& id, const WALHead& head) {
  sizes_.emplace(id, head.file_size);
  if (head.predecessor) predecessors_.emplace(id, *head.predecessor);
}

std::vector<BadPlace> WALChain::lost() const {
  std::vector<BadPlace> places;
  for (const auto& [successor, predecessor] : predecessors_) {
    const auto found = sizes_.find(predecessor.transaction_id);
    const std::uint64_t size = found == sizes_.end() ? 0 : found->second;
    if (size >= predecessor.offset) continue;
    const std::string what = found == sizes_.end()
                                 ? "the WAL is missing"
                                 : "the file of the WAL has " + std::to_string(size) + " bytes";
    places.push_back({{predecessor.transaction_id, size},
                      what + "; at least " + std::to_string(predecessor.offset) +
                          " bytes were durable before WAL " + successor.to_string() +
                          " took its place"});
  }
  return places;
}

std::vector<BadPlace> find_space_damage(const SpaceDirectory& directory) {
  std::vector<BadPlace> places;
  WALChain chain;
  visit_wals(directory, [&](os::File& file, const UUID& id, const WALHead& head) {
    chain.add(id, head);
    if (head.is_unborn) return;
    if (auto damage = find_header_damage(file, id, head)) places.push_back(std::move(*damage));
  });
  std::ranges::move(chain.lost(), std::back_inserter(places));
  return places;
}

std::optional<BadPlace> find_loss(const SpaceDirectory& directory, const AtomPointer& pointer) {
  WALChain chain;
  visit_wals(directory,
             [&](os::File&, const UUID& id, const WALHead& head) { chain.add(id, head); });
  for (BadPlace& place : chain.lost()) {
    if (place.pointer.transaction_id == pointer.transaction_id) return std::move(place);
  }
  return std::nullopt;
}

}  // namespace protobase::file
