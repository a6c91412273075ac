// protobase.root: read and written back alike. And beside a sound WAL with two commits: it is a
// hint, so whatever it holds the space opens, and either the newest commit is the root or a newer
// root is known to be lost and said to be.
#include <array>
#include <vector>

#include "base/hash.h"
#include "format/commit_record.h"
#include "format/root_file.h"
#include "fuzz/fuzzing.h"
#include "fuzz/memory_space.h"
#include "fuzz/wal_input.h"
#include "protobase/errors.h"

namespace {

using namespace protobase;
using fuzz::MemorySpace;
using fuzz::require;
using fuzz::result_unless;

struct RootFile {
  std::array<std::byte, format::kPublishedRootSize> published{};
  std::array<std::byte, format::kIntentSize> intent{};
};

/// As in wal_input.h: a checksum of zero stands for the right one.
void seal(std::span<std::byte> bytes) {
  const std::size_t place = bytes.size() - sizeof(std::uint64_t);
  if (base::all_zero(bytes) || !base::all_zero(bytes.subspan(place))) return;
  base::store_le<std::uint64_t>(bytes.data() + place, base::xxh3(bytes.first(place)));
}

RootFile make_root_file(fuzz::Input input) {
  RootFile file;
  input.fill(file.published);
  input.fill(file.intent);
  seal(file.published);
  seal(file.intent);
  return file;
}

void add_record(std::vector<std::byte>& wal, format::RecordType type, RecordFormat format,
                std::span<const std::byte> payload) {
  const std::size_t at = wal.size();
  wal.resize(at + format::stored_size(payload.size()));
  format::write_record(std::span(wal).subspan(at), type, format, payload, {fuzz::fuzzed_wal(), at});
}

/// An atom and the commit that makes it the root.
RootVersion add_commit(std::vector<std::byte>& wal, const RootVersion& previous) {
  format::CommitPayload commit;
  commit.durable_offset = wal.size();
  commit.version = {{fuzz::fuzzed_wal(), wal.size()},
                    previous.sequence + 1,
                    previous.sequence,
                    0,
                    {},
                    previous.commit};
  add_record(wal, format::RecordType::kData, RecordFormat::kJSON, as_bytes("[1]"));
  commit.version.commit = {fuzz::fuzzed_wal(), wal.size()};
  std::array<std::byte, format::kCommitPayloadSize> payload{};
  format::write_commit_payload(payload, commit);
  add_record(wal, format::RecordType::kCommit, RecordFormat::kRaw, payload);
  return commit.version;
}

/// The published root, unless it is torn; throws as read_published_root.
std::optional<RootVersion> check_round_trips(const RootFile& file) {
  const auto published = format::read_published_root(file.published);
  if (published) {
    require(format::read_published_root(format::make_published_root(*published)) == published);
  }
  const auto intent = format::read_intent(file.intent);
  if (intent) {
    const auto again = format::read_intent(format::make_intent(*intent));
    require(again && again->first_sequence == intent->first_sequence &&
            again->last_sequence == intent->last_sequence &&
            again->scan_from == intent->scan_from && again->abandoned == intent->abandoned);
  }
  return published;
}

/// nullopt: lost.
std::optional<AtomPointer> read_root(MemorySpace& space, SpaceAccess access) {
  const auto storage = space.open(access);
  const auto root = result_unless<CorruptionError>([&] { return storage->read_current_root(); });
  if (root) require(root->has_value());  // there are two commits
  result_unless<CorruptionError, NotFoundError>([&] { return storage->root_history(10); });
  storage->verify({});
  return root ? *root : std::nullopt;
}

void commit(MemorySpace& space) {
  const auto storage = space.open(SpaceAccess::kReadWrite);
  const AtomPointer pointer = storage->push_atom(Atom("after"));
  storage->set_current_root(pointer);
  storage->close();
  require(space.open(SpaceAccess::kReadOnly)->read_current_root() == pointer);
  require(space.open(SpaceAccess::kReadWrite)->read_current_root() == pointer);
}

void check_space(const RootFile& root_file, const std::optional<RootVersion>& published) {
  const auto header = format::make_wal_header(fuzz::fuzzed_wal());
  std::vector<std::byte> wal(header.begin(), header.end());
  const RootVersion first = add_commit(wal, {});
  const RootVersion newest = add_commit(wal, first);
  std::vector<std::byte> root(4096);
  std::ranges::copy(root_file.published, root.begin());
  std::ranges::copy(root_file.intent, root.begin() + format::kIntentPlace);
  MemorySpace space;
  space.put(fuzz::fuzzed_wal().to_string() + ".wal", wal);
  space.put("protobase.root", root);

  const std::uint64_t untouched = space.hash();
  const auto seen = read_root(space, SpaceAccess::kReadOnly);
  require(space.hash() == untouched);
  const auto recovered = read_root(space, SpaceAccess::kReadWrite);
  const bool lost = published && published->sequence > newest.sequence;
  require(recovered == (lost ? std::nullopt : std::optional(newest.root)));
  const bool forged = published && published->sequence == newest.sequence && *published != newest;
  if (!forged) require(seen == recovered);
  if (!lost) commit(space);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const RootFile file = make_root_file({data, size});
  const auto published = result_unless<NotSupportedError>([&] { return check_round_trips(file); });
  if (published) check_space(file, *published);
  return 0;
}
