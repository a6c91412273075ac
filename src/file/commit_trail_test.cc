// Following the history of roots: what it proves, where it ends, and that a forged one ends too.
#include "file/commit_trail.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "format/commit_record.h"
#include "format/record.h"
#include "testing/counting_file_system.h"
#include "testing/memory_file_system.h"

namespace protobase::file {
namespace {

constexpr std::uint64_t kCommitSize = 96;
constexpr std::uint64_t kFirst = kWALFirstRecordOffset;

UUID wal(char name) { return *UUID::parse(std::string(8, name) + "-0000-4000-8000-000000000000"); }

/// WALs of nothing but commit records.
class CommitTrailTest : public ::testing::Test {
 protected:
  CommitTrailTest() { memory_->make_directory("/space"); }

  /// Writes a commit record behind the last one of `id`.
  RootVersion commit(const UUID& id, std::uint64_t sequence, const RootVersion& previous = {}) {
    RootVersion version;
    version.sequence = sequence;
    version.previous_sequence = previous.sequence;
    version.previous_commit = previous.commit;
    return write(id, version);
  }
  RootVersion write(const UUID& id, RootVersion version) {
    std::vector<std::byte>& bytes = files_[id];
    if (bytes.empty()) {
      const auto header = format::make_wal_header(id);
      bytes.assign(header.begin(), header.end());
    }
    version.commit = {id, bytes.size()};
    std::array<std::byte, format::kCommitPayloadSize> payload{};
    format::write_commit_payload(payload, {version, kFirst});
    bytes.resize(bytes.size() + kCommitSize);
    format::write_record(std::span(bytes).last(kCommitSize), format::RecordType::kCommit,
                         RecordFormat::kRaw, payload, version.commit);
    return version;
  }
  void close(const UUID& id) {
    format::Checkpoint checkpoint;
    checkpoint.generation = 1;
    checkpoint.durable_offset = files_.at(id).size();
    checkpoint.closed = true;
    std::ranges::copy(format::make_slot(checkpoint, id, 0),
                      files_.at(id).begin() + format::kSlotPlaces[0]);
  }
  WALChain follow(const RootVersion& newest) {
    for (const auto& [id, bytes] : files_) {
      memory_->open(directory_.wal_path(id), os::OpenMode::kCreate);
      memory_->set_content(directory_.wal_path(id), bytes);
    }
    return read_chain(directory_, newest);
  }
  /// Bytes of commit records that were read besides the headers.
  std::uint64_t records_read() const {
    return (counting_->counts().bytes_read - files_.size() * format::kWALHeaderSize) / kCommitSize;
  }
  static std::uint64_t end_of(const RootVersion& version) {
    return version.commit.offset + kCommitSize;
  }

  std::map<UUID, std::vector<std::byte>> files_;
  std::shared_ptr<testing::MemoryFileSystem> memory_ =
      std::make_shared<testing::MemoryFileSystem>();
  std::shared_ptr<testing::CountingFileSystem> counting_ =
      std::make_shared<testing::CountingFileSystem>(memory_);
  SpaceDirectory directory_{counting_, "/space"};
};

TEST_F(CommitTrailTest, EveryWALIsProvenUpToItsNewestCommit) {
  const auto a1 = commit(wal('a'), 1);
  const auto a2 = commit(wal('a'), 2, a1);
  const auto b3 = commit(wal('b'), 3, a2);
  const auto c4 = commit(wal('c'), 4, b3);
  const auto c5 = commit(wal('c'), 5, c4);
  commit(wal('a'), 6);  // written, not yet a root
  const WALChain chain = follow(c5);
  EXPECT_EQ(chain.proven(wal('a')), end_of(a2));
  EXPECT_EQ(chain.proven(wal('b')), end_of(b3));
  EXPECT_EQ(chain.proven(wal('c')), end_of(c5));
  EXPECT_TRUE(chain.unreadable().empty());
}

TEST_F(CommitTrailTest, InAClosedSpaceNothingIsRead) {
  auto newest = commit(wal('a'), 1);
  for (std::uint64_t sequence = 2; sequence < 50; ++sequence) {
    newest = commit(wal(sequence % 2 == 0 ? 'b' : 'a'), sequence, newest);
  }
  close(wal('a'));
  close(wal('b'));
  follow(newest);
  EXPECT_EQ(records_read(), 0u);
}

TEST_F(CommitTrailTest, ItIsNotFollowedBeyondWhatAnOpenWALMayLack) {
  auto newest = commit(wal('a'), 1);
  for (std::uint64_t sequence = 2; sequence < 50; ++sequence) {
    newest = commit(wal('b'), sequence, newest);
  }
  const auto a50 = commit(wal('a'), 50, newest);
  const auto b51 = commit(wal('b'), 51, a50);
  const WALChain chain = follow(b51);
  EXPECT_EQ(chain.proven(wal('a')), end_of(a50));
  EXPECT_EQ(records_read(), 0u) << "the newest names the one of the other";
}

TEST_F(CommitTrailTest, AnOldHistoryIsNotReadToItsBeginning) {
  const auto a1 = commit(wal('a'), 1);
  auto newest = commit(wal('b'), 2, a1);
  for (std::uint64_t sequence = 3; sequence <= 9'000; ++sequence) {
    newest = commit(wal('b'), sequence, newest);
  }
  EXPECT_EQ(follow(newest).proven(wal('a')), end_of(a1)) << "9,000 commits later it is found";
  EXPECT_FALSE(follow(newest).is_undecided(wal('a')));
  for (std::uint64_t sequence = 9'001; sequence <= 15'000; ++sequence) {
    newest = commit(wal('b'), sequence, newest);
  }
  const std::uint64_t before = counting_->counts().bytes_read;
  const WALChain chain = follow(newest);
  EXPECT_EQ(chain.proven(wal('a')), 0u);
  EXPECT_TRUE(chain.is_undecided(wal('a'))) << "nobody may say that nothing is missing";
  EXPECT_FALSE(chain.is_undecided(wal('b')));
  EXPECT_LE(counting_->counts().bytes_read - before, 10'002 * kCommitSize + 2 * 4096);
}

TEST_F(CommitTrailTest, ACommitThatIsNotThereIsNoted) {
  const auto a1 = commit(wal('a'), 1);
  const auto b2 = commit(wal('b'), 2, a1);
  const auto b3 = commit(wal('b'), 3, b2);
  const auto b4 = commit(wal('b'), 4, b3);
  files_.at(wal('b')).at(b3.commit.offset + 20) ^= std::byte{1};
  const WALChain chain = follow(b4);
  ASSERT_EQ(chain.unreadable().size(), 1u);
  EXPECT_EQ(chain.unreadable()[0].pointer, b3.commit);
  EXPECT_TRUE(chain.has_unreadable(wal('b')));
  EXPECT_EQ(chain.proven(wal('a')), 0u) << "what it said is lost";
}

TEST_F(CommitTrailTest, BehindOneThatIsNotThereAnOlderOneGoesOn) {
  const auto a1 = commit(wal('a'), 1);
  const auto c2 = commit(wal('c'), 2, a1);
  const auto b3 = commit(wal('b'), 3, c2);
  const auto b4 = commit(wal('b'), 4, b3);
  files_.at(wal('b')).at(b3.commit.offset + 20) ^= std::byte{1};
  WALChain chain = follow(b4);
  follow_commits(directory_, {c2, b4}, chain);
  EXPECT_EQ(chain.proven(wal('a')), end_of(a1));
}

TEST_F(CommitTrailTest, CommitsOfOneBatchProveNothingAboutEachOther) {
  const auto a1 = commit(wal('a'), 1);
  const auto a2 = commit(wal('a'), 2, a1);
  WALChain chain;
  chain.add(a2);
  EXPECT_EQ(chain.proven(wal('a')), 0u) << "a power cut may have taken the first and left this";
}

TEST_F(CommitTrailTest, AForgedHistoryEnds) {
  commit(wal('c'), 1);  // stays open and is never met
  RootVersion loop;
  loop.sequence = 7;
  loop.previous_sequence = 6;
  loop.previous_commit = {wal('a'), kFirst};  // itself
  EXPECT_EQ(follow(write(wal('a'), loop)).proven(wal('c')), 0u);

  RootVersion to_b;
  to_b.sequence = 8;
  to_b.previous_sequence = 8;
  to_b.previous_commit = {wal('b'), kFirst};
  to_b = write(wal('a'), to_b);
  commit(wal('b'), 8, to_b);  // each names the other
  follow(to_b);

  RootVersion rising = to_b;
  rising.previous_sequence = 100;
  follow(write(wal('a'), rising));
  EXPECT_LT(counting_->counts().bytes_read, 100'000u);
}

TEST_F(CommitTrailTest, PointersThatCannotBeProveNothing) {
  const auto a1 = commit(wal('a'), 1);
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{512}, kFirst + 4, kMax,
                                     kMax - 7, kMax - 95, std::uint64_t{1} << 62}) {
    RootVersion forged;
    forged.sequence = 9;
    forged.previous_sequence = 8;
    forged.previous_commit = {wal('a'), offset};
    forged = write(wal('b'), forged);
    EXPECT_EQ(follow(forged).proven(wal('a')), 0u) << offset;
    forged.previous_commit = {wal('d'), kFirst};
    EXPECT_EQ(follow(forged).proven(wal('a')), 0u) << "no such WAL";
  }
  EXPECT_EQ(a1.commit.offset, kFirst);
}

}  // namespace
}  // namespace protobase::file
