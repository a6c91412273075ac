// The root of a space whose protobase.root or newest commit record cannot be what was written.
#include "file/file_root_register.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <limits>

#include "format/commit_record.h"
#include "format/record.h"
#include "protobase/errors.h"
#include "protobase/standalone_file_storage.h"
#include "testing/forwarding_file_system.h"
#include "testing/memory_file_system.h"
#include "testing/temporary_directory.h"

namespace protobase::file {
namespace {

const UUID kWAL = *UUID::parse("2ae5eaa6-abb9-489e-bad2-86a51861ec98");
const AtomPointer kAtom{kWAL, kWALFirstRecordOffset};
constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

/// A space of one WAL: an atom and the commit that made it the root.
class ForgedRootTest : public ::testing::Test {
 protected:
  ForgedRootTest() { files_->make_directory("/space"); }

  void put(const std::string& path, std::vector<std::byte> bytes) {
    files_->open(path, os::OpenMode::kCreate);
    files_->set_content(path, std::move(bytes));
  }
  void put_wal(std::uint64_t sequence, const format::Checkpoint* checkpoint = nullptr) {
    const auto header = format::make_wal_header(kWAL);
    std::vector<std::byte> wal(header.begin(), header.end());
    add(wal, format::RecordType::kData, RecordFormat::kJSON, as_bytes("1"));
    std::array<std::byte, format::kCommitPayloadSize> payload{};
    format::CommitPayload commit;
    commit.version.root = kAtom;
    commit.version.sequence = sequence;
    commit.durable_offset = kWALFirstRecordOffset;
    format::write_commit_payload(payload, commit);
    add(wal, format::RecordType::kCommit, RecordFormat::kRaw, payload);
    if (checkpoint != nullptr) {
      std::ranges::copy(format::make_slot(*checkpoint, kWAL, 0),
                        wal.begin() + format::kSlotPlaces[0]);
    }
    put("/space/" + kWAL.to_string() + ".wal", std::move(wal));
  }
  void put_root(const RootVersion& published, const format::CommitIntent& intent) {
    std::vector<std::byte> root(4096);
    std::ranges::copy(format::make_published_root(published), root.begin());
    std::ranges::copy(format::make_intent(intent), root.begin() + format::kIntentPlace);
    put("/space/protobase.root", std::move(root));
  }
  std::unique_ptr<StandaloneFileStorage> open() {
    FileBlockProviderOptions options;
    options.file_system = files_;
    return std::make_unique<StandaloneFileStorage>(
        std::make_shared<FileBlockProvider>("/space", options));
  }

 private:
  static void add(std::vector<std::byte>& wal, format::RecordType type, RecordFormat format,
                  std::span<const std::byte> payload) {
    const std::size_t at = wal.size();
    wal.resize(at + format::stored_size(payload.size()));
    format::write_record(std::span(wal).subspan(at), type, format, payload, {kWAL, at});
  }

  std::shared_ptr<testing::MemoryFileSystem> files_ = std::make_shared<testing::MemoryFileSystem>();
};

TEST_F(ForgedRootTest, NoSequenceFollowsTheLast) {
  put_wal(kLargest);
  const auto storage = open();
  EXPECT_EQ(storage->read_current_root(), kAtom);
  const AtomPointer next = storage->push_atom(Atom(2));
  EXPECT_THROW(storage->set_current_root(next), CorruptionError) << "it would have sequence 0";
  EXPECT_EQ(storage->read_current_root(), kAtom);
}

TEST_F(ForgedRootTest, ALostRootWithACommitHalfWayStopsNoOpening) {
  put_wal(1);
  RootVersion lost;
  lost.sequence = 2;
  lost.root = kAtom;
  lost.commit = {kWAL, kWALFirstRecordOffset + 24 + 96};
  put_root(lost, {3, 3, {kWAL, lost.commit.offset + 96}, /*abandoned=*/false});
  const auto storage = open();
  EXPECT_EQ(*storage->get_atom(kAtom), Atom(1));
  EXPECT_THROW(storage->read_current_root(), CorruptionError);
}

/// Two members of a space; the root file is then half-written, and stays so.
class HalfWrittenRootTest : public ::testing::Test {
 protected:
  HalfWrittenRootTest() : first_(open()), second_(open()) {}

  std::unique_ptr<StandaloneFileStorage> open() {
    FileBlockProviderOptions options;
    options.file_system = files_;
    return std::make_unique<StandaloneFileStorage>(
        std::make_shared<FileBlockProvider>("/space", options));
  }
  void write_half_of_the_root() {
    auto bytes = files_->content("/space/protobase.root");
    std::fill_n(bytes.begin() + 20, 48, std::byte{0xA5});
    files_->set_content("/space/protobase.root", std::move(bytes));
  }

  const std::shared_ptr<testing::MemoryFileSystem> files_ =
      std::make_shared<testing::MemoryFileSystem>();
  std::unique_ptr<StandaloneFileStorage> first_;
  std::unique_ptr<StandaloneFileStorage> second_;
};

// The writer lock of the WAL is held, and its newest commit has no proof yet: the WALs tell less.
TEST_F(HalfWrittenRootTest, TheRootThatWasReadDoesNotGoBack) {
  first_->set_current_root(first_->push_atom(1));
  const AtomPointer root = first_->push_atom(2);
  first_->set_current_root(root);
  ASSERT_EQ(second_->read_current_root(), root);
  write_half_of_the_root();
  EXPECT_EQ(second_->read_current_root(), root);
}

TEST_F(HalfWrittenRootTest, TheRootThatWasSetDoesNotGoBack) {
  first_->set_current_root(first_->push_atom(1));
  const AtomPointer root = first_->push_atom(2);
  first_->set_current_root(root);
  write_half_of_the_root();
  EXPECT_EQ(first_->read_current_root(), root);
}

/// Calls back when the root was published, before the write returns.
class PublishingFileSystem final : public testing::ForwardingFileSystem {
 public:
  explicit PublishingFileSystem(std::shared_ptr<os::FileSystem> files)
      : ForwardingFileSystem(std::move(files)) {}

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override {
    auto file = ForwardingFileSystem::open(path, mode);
    if (!file || !path.ends_with("protobase.root")) return file;
    return std::make_unique<RootFile>(std::move(file), *this);
  }
  std::function<void()> on_published{};

 private:
  class RootFile final : public testing::ForwardingFile {
   public:
    RootFile(std::unique_ptr<os::File> file, PublishingFileSystem& owner)
        : ForwardingFile(std::move(file)), owner_(owner) {}
    void write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
      ForwardingFile::write(offset, parts);
      if (offset == 0 && owner_.on_published) owner_.on_published();
    }

   private:
    PublishingFileSystem& owner_;
  };
};

TEST(PublishedRoot, OnceAnotherProcessWasToldItNoThreadOfOursIsToldTheOneBefore) {
  const testing::TemporaryDirectory place;
  const auto files = std::make_shared<PublishingFileSystem>(os::posix_file_system());
  FileBlockProviderOptions options;
  options.file_system = files;
  StandaloneFileStorage ours(std::make_shared<FileBlockProvider>(place.path(), options));
  ours.set_current_root(ours.push_atom("before"));
  StandaloneFileStorage other(place.path());
  const AtomPointer next = ours.push_atom("next");
  std::future<std::optional<AtomPointer>> told;
  files->on_published = [&] {
    EXPECT_EQ(other.read_current_root(), next);
    told = std::async(std::launch::async, [&] { return ours.read_current_root(); });
    told.wait_for(std::chrono::milliseconds(100));  // it may wait for us, and not be wrong
  };
  ours.set_current_root(next);
  EXPECT_EQ(told.get(), next);
}

}  // namespace
}  // namespace protobase::file
