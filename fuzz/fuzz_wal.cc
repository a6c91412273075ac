// A WAL file, alone in a space. Reading it changes nothing and finds what a naive reader of the
// format finds; recovery loses no record that reading showed, keeps the root, leaves damage alone,
// is the same when done again, and what is committed afterwards is there.
#include <algorithm>
#include <vector>

#include "fuzz/fuzzing.h"
#include "fuzz/memory_space.h"
#include "fuzz/naive_scan.h"
#include "fuzz/wal_input.h"
#include "protobase/errors.h"

namespace {

using namespace protobase;
using fuzz::MemorySpace;
using fuzz::Place;
using fuzz::require;
using fuzz::result_unless;

/// What a user can see of the space.
struct View {
  std::vector<Place> places;
  std::vector<SharedBytes> payloads;  ///< of the data records among them, in order
  bool root_is_lost = false;
  std::optional<AtomPointer> root;
  std::optional<std::uint64_t> sequence;  ///< of the root, if its history can be read
  std::uint64_t durable = 0;
};

std::string file_name() { return fuzz::fuzzed_wal().to_string() + ".wal"; }

/// Every record can be read by its pointer, with what the file holds there, and decoded or refused.
void read_records(SharedStorage& storage, View& view) {
  for (const Place& place : view.places) {
    if (place.kind != RecordKind::kData) continue;
    const AtomPointer pointer{fuzz::fuzzed_wal(), place.offset};
    view.payloads.push_back(storage.get_bytes(pointer));
    result_unless<ValidationError>([&] { return storage.get_atom(pointer); });
  }
}

/// Nothing that verify says contradicts the scan.
void check_verify(SharedStorage& storage, const View& view) {
  const VerifyReport report = storage.verify({});
  const auto count = [&](RecordKind kind) {
    return static_cast<std::uint64_t>(std::ranges::count(view.places, kind, &Place::kind));
  };
  require(report.records == count(RecordKind::kData));
  require(report.commits == count(RecordKind::kCommit));
  require(report.torn_tails.size() == count(RecordKind::kTorn));
  require(report.bad_places >= count(RecordKind::kBad));
}

View look(SharedStorage& storage) {
  View view;
  const auto wals = storage.list_wals();
  require(wals.size() == 1 && wals[0].layout == WALLayout::kVersion1);
  view.durable = wals[0].durable;
  storage.scan_wal(fuzz::fuzzed_wal(), [&](const RecordInfo& info) {
    view.places.push_back({info.pointer.offset, info.kind, info.stored_size});
    require(fuzz::is_record(view.places.back()) == info.reason.empty());
    return true;
  });
  read_records(storage, view);
  check_verify(storage, view);
  const auto root = result_unless<CorruptionError>([&] { return storage.read_current_root(); });
  view.root_is_lost = !root;
  view.root = root.value_or(std::nullopt);
  const auto history =
      result_unless<CorruptionError, NotFoundError>([&] { return storage.root_history(1000); });
  if (history && !history->empty()) view.sequence = history->front().sequence;
  return view;
}

/// nullptr when a newer version is to have written the file.
std::unique_ptr<StandaloneFileStorage> open(MemorySpace& space, SpaceAccess access) {
  return result_unless<NotSupportedError>([&] { return space.open(access); }).value_or(nullptr);
}

void compare_with_naive_scan(const View& view, std::span<const std::byte> file) {
  fuzz::NaiveScan naive(file, fuzz::fuzzed_wal());
  const auto places = naive.run(kWALFirstRecordOffset, view.durable);
  const std::uint64_t bound = 4 * file.size() - 4 * std::min(file.size(), kWALFirstRecordOffset);
  if (naive.searched_bytes() <= bound) require(places == view.places);
}

/// Whether the checkpoint keeps to what the format promises of it: it names a record boundary. Only
/// a forged one does not, and recovery trusts it.
bool is_truthful(const View& view) {
  if (view.durable == kWALFirstRecordOffset) return true;
  return std::ranges::any_of(view.places, [&](const Place& place) {
    return place.offset == view.durable ||
           (fuzz::is_record(place) && place.offset + place.size == view.durable);
  });
}

/// Recovery has met the damage: it lies behind the checkpoint.
bool has_damaged_tail(const View& view, std::uint64_t file_size) {
  return view.durable > file_size || std::ranges::any_of(view.places, [&](const Place& place) {
           return place.kind == RecordKind::kBad && place.offset >= view.durable;
         });
}

/// `after` shows every record of `before`, at its place and with its bytes.
void require_nothing_lost(const View& before, const View& after) {
  for (const Place& place : before.places) {
    if (fuzz::is_record(place)) require(std::ranges::count(after.places, place) == 1);
  }
  require(after.payloads.size() >= before.payloads.size());
  require(std::equal(before.payloads.begin(), before.payloads.end(), after.payloads.begin()));
}

/// The new root, or nullopt when the commit was refused because of damage.
std::optional<AtomPointer> commit(SharedStorage& storage) {
  const AtomPointer pointer = storage.push_atom(Atom("pushed after recovery"));
  const bool accepted = result_unless<CorruptionError>([&] {
                          storage.set_current_root(pointer);
                          return true;
                        }).value_or(false);
  if (!accepted) return std::nullopt;
  require(storage.read_current_root() == pointer);
  return pointer;
}

View recover(MemorySpace& space) {
  const auto storage = open(space, SpaceAccess::kReadWrite);
  require(storage != nullptr);
  const View view = look(*storage);
  storage->close();
  return view;
}

/// Commits, and finds everything there when it opens again.
void check_going_on(MemorySpace& space, const View& before) {
  // Beyond that no sequence can be told from damage.
  constexpr std::uint64_t kLargestSequence = std::uint64_t{1} << 63;
  const auto storage = space.open(SpaceAccess::kReadWrite);
  const auto root = commit(*storage);
  if (before.root_is_lost) require(!root);
  if (!before.root_is_lost && before.sequence.value_or(0) < kLargestSequence) {
    require(root || (before.root && !before.sequence));
  }
  storage->close();
  const auto reader = space.open(SpaceAccess::kReadOnly);
  if (root) require(reader->read_current_root() == root);
  if (root) require(*reader->get_atom(*root) == Atom("pushed after recovery"));
  View after;
  reader->scan_wal(fuzz::fuzzed_wal(), [&](const RecordInfo& info) {
    after.places.push_back({info.pointer.offset, info.kind, info.stored_size});
    return true;
  });
  for (const Place& place : before.places) {
    if (fuzz::is_record(place)) require(std::ranges::count(after.places, place) == 1);
  }
}

void check(const std::vector<std::byte>& file) {
  MemorySpace space;
  space.put(file_name(), file);
  const std::uint64_t untouched = space.hash();
  const auto reader = open(space, SpaceAccess::kReadOnly);
  if (!reader) {
    require(!open(space, SpaceAccess::kReadWrite) && space.content(file_name()) == file);
    return;
  }
  const View seen = look(*reader);
  reader->close();
  require(space.hash() == untouched);
  compare_with_naive_scan(seen, file);

  const View recovered = recover(space);
  require(recovered.root == seen.root && recovered.root_is_lost == seen.root_is_lost);
  if (!is_truthful(seen)) return;
  require_nothing_lost(seen, recovered);
  const auto once = space.content(file_name());
  if (has_damaged_tail(seen, file.size())) require(once == file);
  const View again = recover(space);
  require(again.places == recovered.places && again.root == recovered.root);
  require(space.content(file_name()) == once);
  check_going_on(space, recovered);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check(fuzz::make_wal_file({data, size}));
  return 0;
}
