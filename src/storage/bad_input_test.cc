// What bad input gets from a space in a directory: a clear error of the right class, nothing lost,
// nothing created. What every storage refuses alike is in test/conformance.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "base/endian.h"
#include "base/hash.h"
#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"
#include "testing/expect_error.h"
#include "testing/temporary_directory.h"
#include "testing/unprivileged.h"

namespace protobase {
namespace {

using testing::expect_error;
using testing::snapshot;

class BadInputTest : public ::testing::Test {
 protected:
  std::string space() const { return directory_.at("space"); }

  /// A closed space with one root in it.
  void make_space() {
    StandaloneFileStorage storage(space());
    root_ = storage.push_atom(Atom::object({{"name", "root"}}));
    storage.set_current_root(root_);
  }

  void expect_intact() {
    StandaloneFileStorage storage(space());
    EXPECT_EQ(storage.read_current_root(), root_);
    EXPECT_EQ(storage.get_atom(root_)->at("name").as_string(), "root");
    EXPECT_EQ(storage.verify({}).bad_places, 0u);
  }

  /// Gives a file of ours another format version, as a newer program would have written it.
  void set_version(const std::string& path, std::uint32_t version, std::size_t checked) {
    std::string content = testing::read_file(path);
    base::store_le<std::uint32_t>(reinterpret_cast<std::byte*>(content.data()) + 8, version);
    const auto sum = base::xxh3(as_bytes(content).first(checked));
    base::store_le<std::uint64_t>(reinterpret_cast<std::byte*>(content.data()) + checked, sum);
    testing::write_file(path, content);
  }

  testing::TemporaryDirectory directory_;
  AtomPointer root_;
};

TEST_F(BadInputTest, OpeningASpaceThatIsNotThereMakesNothing) {
  {
    StandaloneFileStorage storage(space());
    EXPECT_EQ(storage.read_current_root(), std::nullopt);
    EXPECT_TRUE(storage.root_history(10).empty());
    EXPECT_TRUE(storage.list_wals().empty());
    EXPECT_EQ(storage.verify({}).wals, 0u);
    EXPECT_EQ(storage.flush_wal().operations, 0u);
    const AtomPointer nowhere{*UUID::parse("99999999-9999-4999-8999-999999999999"), 4096};
    EXPECT_THROW(storage.get_atom(nowhere), NotFoundError);
    EXPECT_THROW(storage.set_current_root(nowhere), ValidationError);
    EXPECT_THROW(storage.push_bytes({}), ValidationError);
    EXPECT_THROW(storage.push_atom("\xFF"), ValidationError);
  }
  EXPECT_TRUE(snapshot(directory_.path()).empty());
}

TEST_F(BadInputTest, ASpaceThatIsAFileIsRefused) {
  testing::write_file(space(), "I am a file");
  for (const auto access : {SpaceAccess::kReadWrite, SpaceAccess::kReadOnly}) {
    expect_error<ValidationError>([&] { StandaloneFileStorage(space(), {}, access); },
                                  {space(), "is a file"});
  }
  EXPECT_EQ(testing::read_file(space()), "I am a file");
}

TEST_F(BadInputTest, ASpaceBelowAFileIsRefused) {
  testing::write_file(directory_.at("file"), "I am a file");
  EXPECT_THROW(
      {
        StandaloneFileStorage storage(directory_.at("file/space"));
        storage.push_atom("cannot be made durable anywhere");
        storage.flush_wal();
      },
      ProtoBaseError);
  EXPECT_EQ(snapshot(directory_.path()).size(), 1u);
}

TEST_F(BadInputTest, ADirectoryFullOfOtherThingsIsRefused) {
  std::filesystem::create_directory(space());
  testing::write_file(space() + "/letter.txt", "not yours");
  testing::write_file(space() + "/photos.wal", "not a WAL of ours by its name");
  std::filesystem::create_directory(space() + "/2ae5eaa6-abb9-489e-bad2-86a51861ec98");
  const auto before = snapshot(space());
  for (const auto access : {SpaceAccess::kReadWrite, SpaceAccess::kReadOnly}) {
    expect_error<ValidationError>([&] { StandaloneFileStorage(space(), {}, access); },
                                  {space(), "other things"});
  }
  EXPECT_EQ(snapshot(space()), before);
}

TEST_F(BadInputTest, AFewOtherThingsInASpaceAreLeftAlone) {
  make_space();
  testing::write_file(space() + "/README.txt", "my notes");
  std::filesystem::create_directory(space() + "/lost+found");
  expect_intact();
  EXPECT_EQ(testing::read_file(space() + "/README.txt"), "my notes");
}

TEST_F(BadInputTest, AnEmptyDirectoryBecomesASpace) {
  std::filesystem::create_directories(space() + "/lost+found");
  make_space();
  expect_intact();
}

TEST_F(BadInputTest, AnEmptyPathIsRefused) {
  EXPECT_THROW(StandaloneFileStorage(""), ValidationError);
}

TEST_F(BadInputTest, AWALOfANewerVersionIsRefusedAndUntouched) {
  make_space();
  set_version(testing::wal_path(space(), root_.transaction_id), 2, 32);
  const auto before = snapshot(space());
  for (const auto access : {SpaceAccess::kReadWrite, SpaceAccess::kReadOnly}) {
    expect_error<NotSupportedError>([&] { StandaloneFileStorage(space(), {}, access); },
                                    {root_.transaction_id.to_string(), "version 2", "newer"});
  }
  EXPECT_EQ(snapshot(space()), before);
}

TEST_F(BadInputTest, ANewerVersionNextToOthersIsFoundInAnyOrder) {
  make_space();
  {
    StandaloneFileStorage holds_the_first(space());
    holds_the_first.push_atom("so that the second takes its own WAL");
    holds_the_first.flush_wal();
    StandaloneFileStorage second(space());
    second.push_atom("in another WAL");
  }
  for (const UUID& id : testing::wal_files(space())) {
    const auto path = testing::wal_path(space(), id);
    const std::string good = testing::read_file(path);
    set_version(path, 7, 32);
    EXPECT_THROW(StandaloneFileStorage{space()}, NotSupportedError);
    testing::write_file(path, good);
  }
  expect_intact();
}

TEST_F(BadInputTest, ARootFileOfANewerVersionIsRefused) {
  make_space();
  set_version(space() + "/protobase.root", 2, 128);
  expect_error<NotSupportedError>([&] { StandaloneFileStorage{space()}; },
                                  {"protobase.root", "version 2"});
}

TEST_F(BadInputTest, AnUnfinishedCopyIsRefused) {
  make_space();
  testing::write_file(space() + "/protobase.copy", "");
  const auto before = snapshot(space());
  expect_error<ValidationError>([&] { StandaloneFileStorage{space()}; }, {"unfinished copy"});
  EXPECT_EQ(snapshot(space()), before);
}

TEST_F(BadInputTest, ReadOnlyNeedsASpace) {
  const auto read_only = [&] { StandaloneFileStorage(space(), {}, SpaceAccess::kReadOnly); };
  expect_error<NotFoundError>(read_only, {space()});
  std::filesystem::create_directory(space());
  expect_error<NotFoundError>(read_only, {space()});
  EXPECT_TRUE(std::filesystem::is_empty(space()));
}

TEST_F(BadInputTest, ReadOnlyReadsEverythingAndRefusesEveryWrite) {
  make_space();
  const auto before = snapshot(space());
  {
    StandaloneFileStorage storage(space(), {}, SpaceAccess::kReadOnly);
    EXPECT_EQ(storage.read_current_root(), root_);
    EXPECT_EQ(storage.get_atom(root_)->at("name").as_string(), "root");
    EXPECT_EQ(storage.root_history(10).size(), 1u);
    EXPECT_EQ(storage.verify({}).records, 1u);
    const std::vector<std::function<void()>> writes = {
        [&] { storage.push_atom(1); },
        [&] { storage.push_atom_msgpack(1); },
        [&] { storage.push_bytes(as_bytes("x")); },
        [&] { storage.set_current_root(root_); },
        [&] { storage.compare_and_set_root(root_, root_); },
        [&] { storage.root_context_manager(); },
    };
    for (const auto& write : writes) {
      expect_error<NotSupportedError>(write, {"reading only"});
    }
    EXPECT_EQ(storage.flush_wal().operations, 0u);
    EXPECT_EQ(storage.get_atom(root_)->at("name").as_string(), "root") << "still readable";
  }
  EXPECT_EQ(snapshot(space()), before) << "not even a lock was left";
}

TEST_F(BadInputTest, ADirectoryThatMayNotBeWrittenIsNotAuthorized) {
  const testing::Unprivileged nobody(directory_.path());
  make_space();
  ASSERT_EQ(chmod(space().c_str(), 0500), 0);
  const auto before = snapshot(space());
  StandaloneFileStorage(space(), {}, SpaceAccess::kReadOnly).get_atom(root_);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0500), 0);
  StandaloneFileStorage fresh(directory_.at("new"));
  const auto root = fresh.push_atom(1);  // the medium is not touched before a flush
  EXPECT_THROW(fresh.set_current_root(root), NotAuthorizedError);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0700), 0);
  ASSERT_EQ(chmod(space().c_str(), 0700), 0);
  EXPECT_EQ(snapshot(space()), before);
}

TEST_F(BadInputTest, WrongPointersAndRootsLeaveTheSpaceAsItIs) {
  make_space();
  StandaloneFileStorage storage(space());
  const auto before = snapshot(space());
  const UUID wal = root_.transaction_id;
  const auto commit = storage.root_history(1).at(0).commit;
  for (const AtomPointer& wrong :
       {AtomPointer{}, AtomPointer{*UUID::parse("99999999-9999-4999-8999-999999999999"), 4096},
        AtomPointer{wal, 0}, AtomPointer{wal, 512}, AtomPointer{wal, 4095},
        AtomPointer{wal, root_.offset + 1}, AtomPointer{wal, root_.offset + 8}, commit,
        AtomPointer{wal, std::uint64_t{1} << 50}}) {
    expect_error<NotFoundError>([&] { storage.get_atom(wrong); },
                                {wrong.transaction_id.to_string()});
    expect_error<ValidationError>([&] { storage.set_current_root(wrong); }, {"root"});
  }
  EXPECT_EQ(snapshot(space()), before);
}

TEST_F(BadInputTest, ThePointerIntoARecordNamesTheRecordItPointsInto) {
  StorageOptions options;
  options.enable_atom_bytes_cache = false;
  AtomPointer pointer;
  {
    StandaloneFileStorage storage(space(), options);
    pointer = storage.push_bytes(as_bytes(std::string(300, '\x01')));
  }
  StandaloneFileStorage storage(space(), options);
  const AtomPointer middle{pointer.transaction_id, pointer.offset + 64};
  expect_error<NotFoundError>([&] { storage.get_bytes(middle); },
                              {middle.to_string(), std::to_string(pointer.offset)});
}

TEST_F(BadInputTest, ANullProviderIsRefused) {
  EXPECT_THROW(StandaloneFileStorage(std::shared_ptr<BlockProvider>()), ValidationError);
}

}  // namespace
}  // namespace protobase
