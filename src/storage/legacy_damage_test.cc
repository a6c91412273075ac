// Damage in directories of the Python storage, whose records carry no checksum: what can be told is
// told by verify, and salvage carries over what can be read without ever inventing bytes.
#include <gtest/gtest.h>

#include <algorithm>

#include "protobase/errors.h"
#include "protobase/salvage.h"
#include "protobase/standalone_file_storage.h"
#include "testing/legacy_directory.h"

namespace protobase {
namespace {

class LegacyDamageTest : public testing::LegacyDirectoryTest {
 protected:
  void damage(const JSON& record, std::uint64_t within, const std::string& bytes) {
    testing::overwrite(
        path_of(record),
        pointer_of(record).offset + record["header_size"].get<std::uint64_t>() + within,
        as_bytes(bytes));
  }
  VerifyReport verify() {
    return StandaloneFileStorage(space(), {}, SpaceAccess::kReadOnly).verify({});
  }
};

TEST_F(LegacyDamageTest, VerifyNamesADamagedPayload) {
  for (const char* directory : {"json_atoms", "msgpack_atoms", "legacy_no_indicator"}) {
    SCOPED_TRACE(directory);
    take(directory);
    const JSON& hit = record("simple");
    const auto size = hit["payload_size"].get<std::size_t>();
    ASSERT_GT(size, 4u);
    damage(hit, 1, std::string(std::min<std::size_t>(100, size - 2), '\xFF'));
    const VerifyReport report = verify();
    EXPECT_EQ(report.bad_places, 1u);
    EXPECT_TRUE(names(report.bad, pointer_of(hit)));
    EXPECT_EQ(report.records, manifest_["record_count"].get<std::uint64_t>() - 1);
  }
}

TEST_F(LegacyDamageTest, EveryFlippedBitOfThePythonRootIsNamedBehindCommitsToo) {
  take("root_set");
  AtomPointer old;
  {
    StandaloneFileStorage storage(space());
    old = storage.read_current_root().value();
    storage.set_current_root(storage.push_atom("new"));
  }
  EXPECT_EQ(verify().bad_places, 0u);
  const std::string path = space() + "/space_root";
  const std::string text = testing::read_file(path);
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    testing::write_file(path, flipped);
    const VerifyReport report = verify();
    if (report.bad_places > 0) continue;
    // What remains says the same in another spelling, or leads to another whole record: that file
    // carries no checksum.
    StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
    const AtomPointer found = storage.root_history(2).at(1).root;
    EXPECT_TRUE(found == old || !storage.get_bytes(found).span().empty()) << bit;
  }
}

TEST_F(LegacyDamageTest, SalvageNamesADamagedPayloadAndKeepsItsBytes) {
  take("json_atoms");
  const JSON& hit = record("simple");
  damage(hit, 1, "\xFF");
  const SalvageReport report = salvage_space(space(), directory_.at("saved"), {});
  EXPECT_EQ(report.lost_places, 1u);
  EXPECT_TRUE(names(report.lost, pointer_of(hit)));
  EXPECT_EQ(testing::read_file(directory_.at("saved") + "/" + hit["wal"].get<std::string>()),
            testing::read_file(path_of(hit)));
}

TEST_F(LegacyDamageTest, BehindADamagedLengthSalvageKeepsWhatPointersLeadTo) {
  take("json_atoms");
  const JSON& hit = record("simple");
  const AtomPointer pointer = pointer_of(hit);
  testing::overwrite(path_of(hit), pointer.offset + 4, std::vector<std::byte>(4, std::byte{0x7F}));
  const SalvageReport report = salvage_space(space(), directory_.at("saved"), {});
  EXPECT_EQ(report.lost_places, 1u);
  EXPECT_TRUE(names(report.lost, pointer));
  StandaloneFileStorage source(space(), {}, SpaceAccess::kReadOnly);
  StandaloneFileStorage saved(directory_.at("saved"));
  EXPECT_THROW(saved.get_bytes(pointer), CorruptionError);
  for (const JSON& other : manifest_["records"]) {
    if (pointer_of(other) == pointer) continue;
    EXPECT_EQ(saved.get_bytes(pointer_of(other)).as_text(),
              source.get_bytes(pointer_of(other)).as_text());
  }
}

}  // namespace
}  // namespace protobase
