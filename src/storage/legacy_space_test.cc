// Directories written by ProtoBase's Python storage, opened in place: every record of every
// manifest, the root, new pushes beside the old files, which stay byte-identical. What the atoms
// decode to is compared in src/format/legacy_golden_test.cc; here it is payloads, formats and
// places.
#include <gtest/gtest.h>

#include <filesystem>

#include "format/codec.h"
#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"
#include "testing/legacy_directory.h"

namespace protobase {
namespace {

class LegacySpaceTest : public testing::LegacyDirectoryTest,
                        public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    take(GetParam());
    originals_ = testing::snapshot(space());
  }

  static RecordFormat format_of(const JSON& record) {
    const std::string name = record["format"];
    if (name == "json" || name == "legacy_json") return RecordFormat::kJSON;
    return name == "msgpack" ? RecordFormat::kMsgPack : RecordFormat::kRaw;
  }
  std::string payload_of(const JSON& record) const {
    const auto start =
        record["offset"].get<std::size_t>() + record["header_size"].get<std::size_t>();
    return originals_.at(record["wal"].get<std::string>())
        .substr(start, record["payload_size"].get<std::size_t>());
  }
  std::optional<AtomPointer> root() const {
    const JSON& text = manifest_["space_root"];
    if (text.is_null()) return std::nullopt;
    return AtomPointer{*UUID::parse(text["transaction_id"].get<std::string>()),
                       text["offset"].get<std::uint64_t>()};
  }

  /// What get_atom must do with a record: the decoder's atom, or its refusal.
  void expect_atom(SharedStorage& storage, const JSON& record) {
    std::optional<Atom> expected;
    try {
      expected = format::decode(as_bytes(payload_of(record)), format_of(record),
                                format::JSONDialect::kLegacy);
    } catch (const ValidationError&) {
      EXPECT_THROW(storage.get_atom(pointer_of(record)), ValidationError);
      return;
    }
    EXPECT_EQ(*storage.get_atom(pointer_of(record)), *expected);
  }

  void expect_originals_untouched() {
    const auto now = testing::snapshot(space());
    for (const auto& [name, content] : originals_) {
      ASSERT_TRUE(now.contains(name)) << name << " is gone";
      EXPECT_TRUE(now.at(name) == content) << name << " changed";
    }
  }

  std::map<std::string, std::string> originals_;
};

TEST_P(LegacySpaceTest, EveryRecordIsReadInPlace) {
  for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
    StandaloneFileStorage storage(space(), {}, access);
    for (const JSON& record : manifest_["records"]) {
      SCOPED_TRACE(record["id"].get<std::string>());
      EXPECT_TRUE(storage.get_bytes(pointer_of(record)).as_text() == payload_of(record));
      expect_atom(storage, record);
    }
  }
  expect_originals_untouched();
}

TEST_P(LegacySpaceTest, ScanningFindsTheRecordsOfTheManifest) {
  StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
  std::map<AtomPointer, RecordInfo> found;
  for (const auto& wal : storage.list_wals()) {
    EXPECT_EQ(wal.layout, WALLayout::kLegacyPython);
    storage.scan_wal(wal.transaction_id, [&](const RecordInfo& info) {
      found.emplace(info.pointer, info);
      return true;
    });
  }
  EXPECT_EQ(found.size(), manifest_["record_count"].get<std::size_t>());
  for (const JSON& record : manifest_["records"]) {
    SCOPED_TRACE(record["id"].get<std::string>());
    const auto place = found.find(pointer_of(record));
    ASSERT_NE(place, found.end());
    EXPECT_EQ(place->second.format, format_of(record));
    EXPECT_EQ(place->second.payload_size, record["payload_size"].get<std::uint64_t>());
    EXPECT_EQ(place->second.stored_size, record["record_size"].get<std::uint64_t>());
  }
}

TEST_P(LegacySpaceTest, TheRootIsTheOneThePythonStorageLeft) {
  StandaloneFileStorage storage(space());
  EXPECT_EQ(storage.read_current_root(), root());
  const auto history = storage.root_history(10);
  ASSERT_EQ(history.size(), root() ? 1u : 0u);
  if (root()) {
    EXPECT_EQ(history[0].root, *root());
    EXPECT_EQ(history[0].sequence, 0u);
  }
}

TEST_P(LegacySpaceTest, VerifyFindsNothingWrong) {
  StandaloneFileStorage storage(space());
  const auto report = storage.verify({});
  EXPECT_EQ(report.bad_places, 0u) << report.bad[0].reason;
  EXPECT_EQ(report.records, manifest_["record_count"].get<std::uint64_t>());
}

TEST_P(LegacySpaceTest, NewAtomsGoToAWALOfTheirOwnBeside) {
  AtomPointer fresh;
  {
    StandaloneFileStorage storage(space());
    const auto before = storage.read_current_root();
    fresh = storage.push_atom("new");
    EXPECT_FALSE(originals_.contains(fresh.transaction_id.to_string()));
    EXPECT_TRUE(storage.compare_and_set_root(before, fresh));
    EXPECT_FALSE(storage.compare_and_set_root(before, fresh));
  }
  expect_originals_untouched();
  StandaloneFileStorage storage(space());
  EXPECT_EQ(storage.read_current_root(), fresh);
  EXPECT_EQ(storage.get_atom(fresh)->as_string(), "new");
  for (const JSON& record : manifest_["records"]) {
    EXPECT_TRUE(storage.get_bytes(pointer_of(record)).as_text() == payload_of(record));
  }
  const auto old = pointer_of(manifest_["records"][0]);
  storage.set_current_root(old);  // an old record may be the root again
  EXPECT_EQ(storage.read_current_root(), old);
  EXPECT_EQ(storage.verify({}).bad_places, 0u);
  expect_originals_untouched();
}

TEST_P(LegacySpaceTest, ThePythonRootStaysInTheHistory) {
  StandaloneFileStorage storage(space());
  storage.set_current_root(storage.push_atom("new"));
  const auto history = storage.root_history(10);
  ASSERT_EQ(history.size(), root() ? 2u : 1u);
  if (!root()) return;  // Python had set none
  EXPECT_EQ(history[1].root, *root());
  EXPECT_EQ(history[1].sequence, 0u);
}

TEST_P(LegacySpaceTest, ReadOnlyCreatesNothing) {
  {
    StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
    storage.read_current_root();
    storage.verify({});
  }
  EXPECT_EQ(testing::snapshot(space()), originals_);
}

TEST_P(LegacySpaceTest, PastTheEndIsNotFoundAndACutRecordIsCorrupt) {
  const JSON& last = manifest_["records"].back();
  const auto pointer = pointer_of(last);
  const std::string path = space() + "/" + pointer.transaction_id.to_string();
  const auto end = std::filesystem::file_size(path);
  {
    StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
    EXPECT_THROW(storage.get_bytes({pointer.transaction_id, end}), NotFoundError);
    EXPECT_THROW(storage.get_bytes({pointer.transaction_id, end + 1000}), NotFoundError);
  }
  std::filesystem::resize_file(path, end - 5);
  StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
  EXPECT_THROW(storage.get_bytes(pointer), CorruptionError);
  EXPECT_EQ(storage.verify({}).bad_places, 1u);
}

INSTANTIATE_TEST_SUITE_P(Directories, LegacySpaceTest,
                         ::testing::Values("json_atoms", "legacy_no_indicator", "msgpack_atoms",
                                           "raw_bytes", "root_set"),
                         [](const auto& test) { return std::string(test.param); });

TEST(LegacySpaceRoot, ADamagedOneIsCorruption) {
  const testing::TemporaryDirectory directory;
  testing::copy_directory(std::string(PROTOBASE_SOURCE_DIR) + "/test/golden/legacy/root_set/space",
                          directory.at("space"));
  testing::write_file(directory.at("space") + "/space_root", "{\"transaction_id\": ");
  StandaloneFileStorage storage(directory.at("space"));
  EXPECT_THROW(storage.read_current_root(), CorruptionError);
  EXPECT_THROW(storage.set_current_root(storage.push_atom("x")), CorruptionError);
}

}  // namespace
}  // namespace protobase
