// The frozen version-1 space in test/golden/version1: what a manifest says is in it must be read
// for ever, and the bytes this program writes today must be those bytes.
//
// Its files are what GoldenSpace below gives: WAL, root file, manifest. Everything in them is
// determined: WAL id, times, content. A new format version gets a new directory; the old one is
// never written again.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "format/commit_record.h"
#include "format/root_file.h"
#include "format/wal_header.h"
#include "os/random.h"
#include "protobase/standalone_file_storage.h"
#include "testing/temporary_directory.h"
#include "wal/log_buffer.h"

namespace protobase {
namespace {

using JSON = nlohmann::ordered_json;

const std::string kGolden = std::string(PROTOBASE_SOURCE_DIR) + "/test/golden/version1";
constexpr std::int64_t kTime = 1'700'000'000'000'000;
const UUID kWAL = *UUID::parse("0b5ec7ed-1234-4abc-8def-0123456789ab");

Atom object_of_everything() {
  return Atom::object({{"null", nullptr},
                       {"bools", Atom::array({true, false})},
                       {"integers", Atom::array({0, -1, INT64_MIN, UINT64_MAX})},
                       {"doubles", Atom::array({1.0, -0.0, 0.1, 1e300, 5e-324})},
                       {"text", "Zoë \U0001F600 \"quoted\"\n"},
                       {"bytes", Bytes{std::byte{0}, std::byte{0xFF}, std::byte{0x7F}}},
                       {"empty", Atom::array({Atom::array(), Atom::object(), ""})}});
}

/// The records of the space, as they are appended, and the manifest of them.
class GoldenSpace {
 public:
  GoldenSpace() { buffer_.start_wal({kWAL, kWALFirstRecordOffset}); }

  void write_all() {
    const std::string everything = object_of_everything().to_json();
    push("everything_json", RecordFormat::kJSON, everything);
    push("big_integer", RecordFormat::kJSON, "340282366920938463463374607431768211456");
    commit();
    push("packed", RecordFormat::kMsgPack,
         std::string("\x82\xA1"
                     "a\x01\xA1"
                     "b\x93\xC0\xC3\xCB\x3F\xF0\0\0\0\0\0\0",
                     18));
    push("one_byte", RecordFormat::kRaw, "!");
    push("exactly_8", RecordFormat::kRaw, "8 bytes.");
    flush_with_mark();
    std::string blob;
    for (int i = 0; i < 5000; ++i) blob += static_cast<char>(i * i >> 3);
    push("blob", RecordFormat::kRaw, blob);
    push("root", RecordFormat::kJSON,
         Atom::object({{"everything", Atom::reference("Everything", {kWAL, 4096})}}).to_json());
    commit();
    commit();
  }

  std::string wal_file() const {
    const auto header = format::make_wal_header(kWAL);
    std::string file(reinterpret_cast<const char*>(header.data()), header.size());
    file += records_;
    const format::Checkpoint closed{
        1, file.size(), sequence_, last_commit_.offset, record_count_, true, false};
    const auto slot = format::make_slot(closed, kWAL, 0);
    return file.replace(format::kSlotPlaces[0], slot.size(),
                        reinterpret_cast<const char*>(slot.data()), slot.size());
  }
  std::string root_file() const {
    std::string file(4096, '\0');
    const auto put = [&](std::size_t place, std::span<const std::byte> bytes) {
      file.replace(place, bytes.size(), reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    put(0, format::make_published_root(newest_));
    put(format::kIntentPlace, format::make_intent({sequence_, sequence_, newest_.commit, true}));
    return file;
  }
  JSON manifest() const {
    JSON all = manifest_;
    all["root"] = newest_.root.to_string();
    all["commits"] = sequence_;
    return all;
  }

 private:
  void push(const std::string& name, RecordFormat format, std::string_view payload) {
    last_ = buffer_.append(format::RecordType::kData, format, as_bytes(payload),
                           format::hash_payload(as_bytes(payload)));
    ++record_count_;
    JSON record;
    record["name"] = name;
    record["pointer"] = last_.to_string();
    record["format"] = std::string(to_text(format));
    record["payload_size"] = payload.size();
    record["payload_xxh3"] = std::to_string(format::hash_payload(as_bytes(payload)));
    manifest_["records"].push_back(record);
  }
  void commit() {
    RootVersion version;
    version.root = last_;
    version.sequence = ++sequence_;
    version.previous_sequence = sequence_ - 1;
    version.previous_commit = last_commit_;
    version.time_us = kTime;
    buffer_.append_commit(version);
    last_commit_ = version.commit;
    newest_ = version;
    ++record_count_;
    flush();
  }
  void flush_with_mark() {
    buffer_.append_mark();
    ++record_count_;
    flush();
  }
  void flush() {
    while (const auto operation = buffer_.next_operation()) {
      for (const auto& segment : operation->segments) records_ += segment.as_text();
      buffer_.mark_written(*operation);
      buffer_.mark_durable(*operation);
    }
  }

  wal::LogBuffer buffer_{64 * 1024};
  std::string records_;
  std::uint64_t record_count_ = 0;
  std::uint64_t sequence_ = 0;
  AtomPointer last_;
  AtomPointer last_commit_;
  RootVersion newest_;
  JSON manifest_;
};

class GoldenVersion1 : public ::testing::Test {
 protected:
  GoldenVersion1() { testing::copy_directory(kGolden + "/space", directory_.at("space")); }

  const JSON manifest_ = JSON::parse(testing::read_file(kGolden + "/manifest.json"));
  testing::TemporaryDirectory directory_;
};

TEST_F(GoldenVersion1, EveryRecordIsReadAsItWasWritten) {
  for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
    StandaloneFileStorage storage(directory_.at("space"), {}, access);
    for (const JSON& record : manifest_["records"]) {
      SCOPED_TRACE(record["name"].get<std::string>());
      const auto payload =
          storage.get_bytes(AtomPointer::parse(record["pointer"].get<std::string>()));
      EXPECT_EQ(payload.size(), record["payload_size"].get<std::size_t>());
      EXPECT_EQ(std::to_string(format::hash_payload(payload.span())), record["payload_xxh3"]);
    }
    const auto at = [&](std::size_t i) {
      return AtomPointer::parse(manifest_["records"][i]["pointer"].get<std::string>());
    };
    EXPECT_EQ(*storage.get_atom(at(0)), object_of_everything());
    EXPECT_EQ(*storage.get_atom(at(1)), Atom::integer("340282366920938463463374607431768211456"));
    EXPECT_EQ(*storage.get_atom(at(2)),
              Atom::object({{"a", 1}, {"b", Atom::array({nullptr, true, 1.0})}}));
    EXPECT_EQ(storage.get_atom(at(6))->at("everything").as_reference(), at(0));
  }
}

TEST_F(GoldenVersion1, RootHistoryAndChecksHold) {
  StandaloneFileStorage storage(directory_.at("space"));
  EXPECT_EQ(storage.read_current_root()->to_string(), manifest_["root"]);
  const auto history = storage.root_history(10);
  ASSERT_EQ(history.size(), manifest_["commits"].get<std::size_t>());
  EXPECT_EQ(history.back().root.to_string(), manifest_["records"][1]["pointer"]);
  EXPECT_EQ(history[0].time_us, kTime);
  const auto report = storage.verify({});
  EXPECT_EQ(report.bad_places, 0u);
  EXPECT_EQ(report.records, manifest_["records"].size());
  EXPECT_EQ(report.commits, manifest_["commits"].get<std::uint64_t>());
}

TEST_F(GoldenVersion1, TheRootIsFoundWithoutTheHintToo) {
  std::filesystem::remove(directory_.at("space") + "/protobase.root");
  StandaloneFileStorage storage(directory_.at("space"));
  EXPECT_EQ(storage.read_current_root()->to_string(), manifest_["root"]);
}

TEST_F(GoldenVersion1, ItMayBeAppendedTo) {
  StandaloneFileStorage storage(directory_.at("space"));
  const auto next = storage.push_atom("today");
  storage.set_current_root(next);
  EXPECT_EQ(next.transaction_id, kWAL);
  EXPECT_EQ(storage.root_history(10).size(), manifest_["commits"].get<std::size_t>() + 1);
  EXPECT_EQ(storage.verify({}).bad_places, 0u);
}

TEST_F(GoldenVersion1, TodaysProgramWritesTheSameBytes) {
  GoldenSpace golden;
  golden.write_all();
  const std::string space = kGolden + "/space";
  EXPECT_TRUE(golden.wal_file() == testing::read_file(testing::wal_path(space, kWAL)))
      << "the layout of a WAL file has changed: that is a new format version";
  EXPECT_TRUE(golden.root_file() == testing::read_file(space + "/protobase.root"))
      << "the layout of protobase.root has changed: that is a new format version";
  EXPECT_EQ(golden.manifest(), manifest_);
}

/// A random source that always draws the golden WAL's id.
class FixedRandom final : public os::Random {
 public:
  std::array<std::uint8_t, 16> bytes16() override { return kWAL.bytes; }
};

TEST_F(GoldenVersion1, AStorageThatDoesTheSameWritesTheSameRecords) {
  FileBlockProviderOptions options;
  options.random = std::make_shared<FixedRandom>();
  {
    StandaloneFileStorage storage(
        std::make_shared<FileBlockProvider>(directory_.at("fresh"), options));
    storage.push_atom(object_of_everything());
    storage.push_atom(Atom::integer("340282366920938463463374607431768211456"));
    storage.flush_wal();
  }
  const auto golden = testing::read_file(testing::wal_path(kGolden + "/space", kWAL));
  const auto fresh = testing::read_file(testing::wal_path(directory_.at("fresh"), kWAL));
  const auto commit = AtomPointer::parse(manifest_["records"][2]["pointer"].get<std::string>());
  const std::size_t data_end = commit.offset - 96;  // a commit record lies between
  EXPECT_TRUE(fresh.substr(0, 40) == golden.substr(0, 40)) << "file headers";
  EXPECT_TRUE(fresh.substr(4096, data_end - 4096) == golden.substr(4096, data_end - 4096));
}

}  // namespace
}  // namespace protobase
