// The faults that ProtoBase's Python storage has with caches and values, one test each, named after
// its line in test/golden/legacy/DEFECTS.md (15, 16).
#include <gtest/gtest.h>

#include "protobase/atom_cache.h"
#include "protobase/memory_storage.h"
#include "test/faults/faults_fixture.h"

namespace protobase::faults {
namespace {

AtomPointer pointer(std::uint64_t n) {
  return {UUID::parse("0b5ec7ed-1234-4abc-8def-0123456789ab").value(), 4096 + 8 * n};
}

TEST_F(OldFaults, D15_ACachedAtomIsNotTheCallersOwnObject) {
  // "cached atoms are the caller's own mutable objects"
  StandaloneFileStorage storage(space());
  Atom mine = Atom::object({{"name", "Ada"}, {"list", Atom::array({1, 2})}});
  const Atom as_pushed = mine;
  std::vector<std::byte> bytes(100, std::byte{'a'});
  const auto of_atom = storage.push_atom(mine);
  const auto of_bytes = storage.push_bytes(bytes);
  mine = Atom::object({{"name", "Eve"}});
  std::fill(bytes.begin(), bytes.end(), std::byte{'b'});
  const auto got = storage.get_atom(of_atom);
  EXPECT_GT(storage.stats().object_cache.hits, 0u) << "it must come from the cache";
  EXPECT_EQ(*got, as_pushed);
  EXPECT_EQ(storage.get_bytes(of_bytes).as_text(), std::string(100, 'a'));
  static_assert(std::is_const_v<std::remove_reference_t<decltype(*got)>>);
  storage.flush_wal();
  StandaloneFileStorage other(space(), without_caches(), SpaceAccess::kReadOnly);
  EXPECT_EQ(*other.get_atom(of_atom), as_pushed);
}

TEST_F(OldFaults, D15_PuttingTheSameAgainCountsOnce) {
  // "a second put counts twice, so the cache shrinks to one entry"
  AtomCacheOptions options;
  options.max_entries = 1000;
  options.stripes = 1;
  AtomObjectCache atoms(options);
  AtomBytesCache payloads(options);
  const auto atom = std::make_shared<const Atom>(std::string(500, 'x'));
  const CachedPayload bytes{SharedBytes::copy_of(as_bytes(std::string(500, 'x')))};
  constexpr std::uint64_t kEntries = 100;
  std::uint64_t once[2] = {};
  for (int round = 0; round < 50; ++round) {
    for (std::uint64_t n = 0; n < kEntries; ++n) {
      EXPECT_EQ(atoms.put(pointer(n), 0, atom), round == 0);
      EXPECT_EQ(payloads.put(pointer(n), bytes), round == 0);
    }
    if (round == 0) {
      once[0] = atoms.stats().bytes;
      once[1] = payloads.stats().bytes;
    }
  }
  EXPECT_EQ(atoms.stats().bytes, once[0]);
  EXPECT_EQ(payloads.stats().bytes, once[1]);
  EXPECT_EQ(atoms.stats().entries, kEntries);
  EXPECT_EQ(payloads.stats().entries, kEntries);
  for (std::uint64_t n = 0; n < kEntries; ++n) {
    EXPECT_EQ(atoms.get(pointer(n), 0), atom);
    EXPECT_EQ(payloads.get(pointer(n)), bytes);
  }
  EXPECT_EQ(atoms.stats().evictions + payloads.stats().evictions, 0u);
}

TEST_F(OldFaults, D16_RawBytesAreWelcomeEverywhereAndToldFromAtoms) {
  // "raw bytes cannot be pushed to memory storage; raw records cannot be told from atoms"
  const std::string texts[] = {std::string("\0\1\2\xff", 4), "{\"a\":1}", "\x81\xa1\x61\x01", "x"};
  const auto check = [&](SharedStorage& storage) {
    for (const std::string& text : texts) {
      const auto raw = storage.push_bytes(as_bytes(text));
      EXPECT_EQ(storage.get_bytes(raw).as_text(), text);
      EXPECT_EQ(storage.get_format(raw), RecordFormat::kRaw);
      EXPECT_THROW(storage.get_atom(raw), ValidationError) << "bytes that only look like an atom";
    }
    const Atom atom = Atom::object({{"a", 1}});
    const auto json = storage.push_atom(atom);
    const auto packed = storage.push_atom_msgpack(atom);
    EXPECT_EQ(storage.get_format(json), RecordFormat::kJSON);
    EXPECT_EQ(storage.get_format(packed), RecordFormat::kMsgPack);
    EXPECT_EQ(*storage.get_atom(json), atom);
    EXPECT_EQ(*storage.get_atom(packed), atom);
  };
  for (const StorageOptions& options : {StorageOptions{}, without_caches()}) {
    MemoryStorage memory(options);
    check(memory);
    StandaloneFileStorage files(space(), options);
    check(files);
  }
}

}  // namespace
}  // namespace protobase::faults
