#include "file/space_damage.h"

#include <algorithm>
#include <array>
#include <string>

#include "format/commit_record.h"
#include "format/record.h"

namespace protobase::file {
namespace {

constexpr int kTornReads = 10;

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

/// A live writer may be half way through a slot: what looks damaged is read again.
std::optional<BadPlace> find_header_damage(os::File& file, const UUID& id, const WALHead& head) {
  if (head.state != format::WALHeaderState::kValid) return BadPlace{{id, 0}, describe(head.state)};
  std::optional<std::size_t> place;
  for (int tries = 0; tries < kTornReads; ++tries) {
    std::array<std::byte, format::kWALHeaderSize> header{};
    file.read(0, header);
    place = format::find_header_damage(header, id);
    if (!place) return std::nullopt;
  }
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

WALChain::WALChain(const std::optional<RootVersion>& published) {
  if (!published || published->commit.transaction_id.is_nil()) return;
  published_end_ = published->commit;
  published_end_->offset += format::stored_size(format::kCommitPayloadSize);
}

void WALChain::add(const UUID& id, const WALHead& head) {
  sizes_.emplace(id, head.file_size);
  if (!head.predecessor) return;
  Named& named = named_[head.predecessor->transaction_id];
  if (head.predecessor->offset >= named.end) named = {head.predecessor->offset, id};
}

std::uint64_t WALChain::proven(const UUID& id) const {
  const auto named = named_.find(id);
  std::uint64_t proven = named == named_.end() ? 0 : named->second.end;
  if (published_end_ && published_end_->transaction_id == id) {
    proven = std::max(proven, published_end_->offset);
  }
  return proven;
}

std::vector<BadPlace> WALChain::lost() const {
  std::vector<BadPlace> places;
  for (const auto& [id, named] : named_) {
    const auto found = sizes_.find(id);
    const std::uint64_t size = found == sizes_.end() ? 0 : found->second;
    if (size >= named.end) continue;
    const std::string what = found == sizes_.end()
                                 ? "the WAL is missing"
                                 : "the file of the WAL has " + std::to_string(size) + " bytes";
    places.push_back({{id, size},
                      what + "; at least " + std::to_string(named.end) +
                          " bytes were durable before WAL " + named.successor.to_string() +
                          " took its place"});
  }
  return places;
}

WALChain read_chain(const SpaceDirectory& directory, const std::optional<RootVersion>& published) {
  WALChain chain(published);
  visit_wals(directory,
             [&](os::File&, const UUID& id, const WALHead& head) { chain.add(id, head); });
  return chain;
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
  for (BadPlace& place : read_chain(directory, std::nullopt).lost()) {
    if (place.pointer.transaction_id == pointer.transaction_id) return std::move(place);
  }
  return std::nullopt;
}

}  // namespace protobase::file
