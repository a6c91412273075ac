// commit_durability = kLocal: acknowledged by the journal of this machine, in the bucket a little
// later, whatever happens in between.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/endian.h"
#include "base/hash.h"
#include "protobase/errors.h"
#include "testing/cloud_machines.h"
#include "testing/expect_error.h"
#include "testing/fault_file_system.h"
#include "testing/memory_file_system.h"

namespace protobase {
namespace {

using testing::CloudCall;
using testing::CloudFault;
using testing::CloudFaultClient;
using testing::CloudFaultPlan;
using testing::MemoryFileSystem;

constexpr std::uint64_t kPatienceMs = 60'000;

class LocalDurabilityTest : public testing::CloudMachinesTest {
 protected:
  CloudStorageOptions local() const {
    CloudStorageOptions options;
    options.clock = clock_;
    options.commit_timeout_ms = 2'000;
    options.commit_durability = CommitDurability::kLocal;
    options.journal_dir = "/journal";
    options.file_system = files_;
    return options;
  }
  using CloudMachinesTest::open;
  Machine open() { return open(local()); }
  Machine open_elsewhere() { return open(cloud()); }
  /// The process dies: nothing of it reaches the bucket any more, the disk stays as it is.
  void kill(Machine& machine) {
    machine.client->cut_off(true);
    files_ = files_->clone();
    machine.storage.reset();
  }
  /// 0: everything uncertain is lost; 1: all is kept; else drawn.
  static std::vector<testing::Outcome> outcomes(const MemoryFileSystem& files,
                                                std::uint64_t sample) {
    using Fate = testing::Outcome::Fate;
    std::mt19937_64 random(sample);
    std::vector<testing::Outcome> drawn;
    for (const testing::Uncertainty& uncertainty : files.uncertainties()) {
      testing::Outcome outcome{sample == 0 ? Fate::kLost : Fate::kKept};
      if (sample > 1) outcome.fate = random() % 2 == 0 ? Fate::kLost : Fate::kKept;
      if (sample > 3 && uncertainty.kind == testing::Uncertainty::Kind::kWrite &&
          uncertainty.size > 1) {
        constexpr Fate kTorn[] = {Fate::kPrefix, Fate::kSuffix, Fate::kGarbage};
        outcome = {kTorn[random() % 3], 1 + random() % (uncertainty.size - 1)};
      }
      drawn.push_back(outcome);
    }
    return drawn;
  }
  std::shared_ptr<cloud::MemoryBucket> copy_of(const cloud::MemoryBucket& bucket) const {
    auto copy = std::make_shared<cloud::MemoryBucket>("mock", clock_);
    for (const auto& [key, object] : bucket.list({}, {}, 1000)) copy->put(key, *object.bytes);
    return copy;
  }
  std::size_t journal_files() const {
    std::size_t count = 0;
    for (const auto& entry : files_->list("/journal")) count += entry.name.ends_with(".journal");
    return count;
  }

  std::shared_ptr<MemoryFileSystem> files_ = std::make_shared<MemoryFileSystem>();
};

TEST_F(LocalDurabilityTest, WhatIsAcknowledgedComesIntoTheBucketInOrder) {
  const Machine writer = open();
  std::vector<AtomPointer> roots;
  for (int i = 0; i < 50; ++i) roots.push_back(commit(writer, "commit " + std::to_string(i)));
  EXPECT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  EXPECT_EQ(writer->upload_stats().waiting_commits, 0u);
  const Machine reader = open_elsewhere();
  EXPECT_EQ(reader->read_current_root(), roots.back());
  const auto history = reader->root_history(100);
  ASSERT_EQ(history.size(), 50u);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(history[49 - i].root, roots[i]);
    EXPECT_EQ(get(reader, roots[i]), "commit " + std::to_string(i));
  }
  EXPECT_EQ(reader->verify({}).bad_places, 0u);
}

TEST_F(LocalDurabilityTest, ABucketOutOfReachStopsNoCommitAndAKillLosesNone) {
  Machine writer = open();
  const AtomPointer first = commit(writer, "the first one takes over");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  writer.client->cut_off(true);
  std::vector<AtomPointer> roots;
  for (int i = 0; i < 20; ++i) roots.push_back(commit(writer, "offline " + std::to_string(i)));
  EXPECT_EQ(writer->read_current_root(), roots.back());
  EXPECT_EQ(get(writer, roots[7]), "offline 7");
  EXPECT_GT(writer->upload_stats().waiting_commits, 0u);
  kill(writer);
  EXPECT_EQ(open_elsewhere()->read_current_root(), first);

  const Machine again = open();
  EXPECT_EQ(again->read_current_root(), roots.back()) << "before it is in the bucket";
  EXPECT_EQ(get(again, roots[7]), "offline 7");
  EXPECT_EQ(again->verify({}).bad_places, 0u);
  const AtomPointer next = commit(again, "online");
  EXPECT_TRUE(again->wait_until_uploaded(kPatienceMs));
  const Machine reader = open_elsewhere();
  EXPECT_EQ(reader->read_current_root(), next);
  EXPECT_EQ(reader->root_history(100).size(), 22u);
  for (const AtomPointer& root : roots) EXPECT_TRUE(get(reader, root).starts_with("offline"));
}

TEST_F(LocalDurabilityTest, AfterACleanCloseNothingIsLeftBehindForTheNextOpening) {
  AtomPointer root;
  {
    const Machine writer = open();
    root = commit(writer, "root");
  }
  EXPECT_EQ(open_elsewhere()->read_current_root(), root);
  EXPECT_EQ(journal_files(), 0u);
  const Machine again = open();
  EXPECT_EQ(again->upload_stats().waiting_commits, 0u);
  EXPECT_EQ(journal_files(), 0u);
  commit(again, "next");
}

TEST_F(LocalDurabilityTest, AnotherWriterThatMovedTheRootIsNeverWrittenOver) {
  Machine writer = open();
  commit(writer, "shared");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  writer.client->cut_off(true);
  const AtomPointer mine = commit(writer, "mine, acknowledged here only");
  const Machine other = open_elsewhere();
  const AtomPointer theirs = commit(other, "theirs");

  writer.client->cut_off(false);
  EXPECT_THROW(writer->wait_until_uploaded(kPatienceMs), LockingError);
  EXPECT_THROW(commit(writer, "too late"), LockingError);
  EXPECT_EQ(get(writer, mine), "mine, acknowledged here only");
  EXPECT_EQ(writer->read_current_root(), mine) << "a root never goes back";
  kill(writer);

  testing::expect_error<LockingError>(
      [&] { open(); }, {"another writer", "/journal", mine.transaction_id.to_string()});
  EXPECT_EQ(journal_files(), 1u) << "it stays";
  EXPECT_EQ(open_elsewhere()->read_current_root(), theirs);
}

TEST_F(LocalDurabilityTest, AFlushNeedsNoRootAndAnotherWritersRootStays) {
  Machine writer = open();
  commit(writer, "shared");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  writer.client->cut_off(true);
  const AtomPointer atom = writer->push_bytes(as_bytes("flushed"));
  writer->flush_wal();
  const AtomPointer theirs = commit(open_elsewhere(), "theirs");
  kill(writer);
  const Machine again = open();
  EXPECT_TRUE(again->wait_until_uploaded(kPatienceMs));
  const Machine reader = open_elsewhere();
  EXPECT_EQ(reader->read_current_root(), theirs);
  EXPECT_EQ(get(reader, atom), "flushed");
}

TEST_F(LocalDurabilityTest, WhatWaitsIsBoundedAndACommitBeyondIsRefusedInWords) {
  CloudStorageOptions options = local();
  options.max_journal_bytes = 1 << 20;
  options.commit_timeout_ms = 50;
  Machine writer = open(options);
  commit(writer, "the first one takes over");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  writer.client->cut_off(true);
  const std::string large(400'000, 'x');
  const AtomPointer second = commit(writer, large + "2");
  commit(writer, large + "3");
  try {
    commit(writer, large + "4");
    FAIL() << "more waits than may";
  } catch (const CloudStorageError& error) {
    EXPECT_NE(std::string(error.what()).find("max_journal_bytes"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("may be made again"), std::string::npos);
  }
  writer.client->cut_off(false);
  EXPECT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  const AtomPointer last = commit(writer, "5");
  EXPECT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  const Machine reader = open_elsewhere();
  EXPECT_EQ(reader->read_current_root(), last);
  EXPECT_EQ(get(reader, second), large + "2");
  EXPECT_EQ(reader->root_history(10).size(), 4u);
}

TEST_F(LocalDurabilityTest, ADamagedEntryIsNamedAndNothingIsCutOff) {
  Machine writer = open();
  commit(writer, "the first one takes over");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  writer.client->cut_off(true);
  for (int i = 0; i < 3; ++i) commit(writer, "waiting " + std::to_string(i));
  kill(writer);
  const std::string path = "/journal/00000000000000000001.journal";
  const auto file = files_->open(path, os::OpenMode::kReadWrite);
  Bytes bytes(file->size());
  file->read(0, bytes);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t at = text.find("waiting 1");
  ASSERT_NE(at, std::string_view::npos);
  const std::byte changed = bytes[at] ^ std::byte{1};
  const std::span<const std::byte> part(&changed, 1);
  file->write(at, {&part, 1});
  testing::expect_error<CorruptionError>(
      [&] { open(); }, {path, "offset", "may never have reached the bucket", "keep the directory",
                        "another journal_dir", "read the root"});
  file->read(0, bytes);
  EXPECT_EQ(bytes[at], changed) << "nothing was changed";
}

TEST_F(LocalDurabilityTest, TheJournalBelongsToOneProcessAndOneStore) {
  const Machine writer = open();
  commit(writer, "root");
  testing::expect_error<LockingError>([&] { open(); }, {"/journal", "another process"});
  CloudStorageOptions options = local();
  options.journal_dir.clear();
  testing::expect_error<ValidationError>([&] { open(options); }, {"journal_dir"});
  options.access = SpaceAccess::kReadOnly;
  EXPECT_NO_THROW(open(options)) << "who only reads needs none";
  options = local();
  options.commit_durability = CommitDurability::kCloud;
  testing::expect_error<ValidationError>([&] { open(options); }, {"journal_dir", "kLocal"});
  options = local();
  options.cache_dir = "/";
  testing::expect_error<ValidationError>([&] { open(options); }, {"journal_dir", "cache_dir"});
}

TEST_F(LocalDurabilityTest, AJournalOfAnotherStoreIsRefused) {
  Machine writer = open();
  commit(writer, "root");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  writer.client->cut_off(true);
  commit(writer, "waiting");
  kill(writer);
  for (const char* prefix : {"checkpoint", "log/", "segments/"}) {
    for (const auto& [key, object] : bucket_->list(prefix, {}, 1000)) bucket_->remove(key);
  }
  testing::expect_error<ValidationError>([&] { open(); }, {"/journal", "another store"});
}

TEST_F(LocalDurabilityTest, LargeCommitsAndRollOversArriveToo) {
  CloudStorageOptions options = local();
  options.object_size = 1 << 20;
  StorageOptions storage_options;
  storage_options.wal_max_size = 256 << 10;
  Machine writer{std::make_shared<CloudFaultClient>(std::make_shared<MockS3Client>(bucket_), plan_),
                 nullptr};
  writer.storage = std::make_unique<CloudFileStorage>(writer.client, options, storage_options);
  commit(writer, "the first one takes over");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  writer.client->cut_off(true);
  std::map<AtomPointer, std::string> all;
  for (int i = 0; i < 40; ++i) {
    const std::string text = std::string(i % 10 == 3 ? 3'000'000 : 40'000, 'a') + std::to_string(i);
    all[commit(writer, text)] = text;
  }
  kill(writer);
  const Machine again = open(options);
  for (const auto& [root, text] : all) ASSERT_EQ(get(again, root), text);
  EXPECT_TRUE(again->wait_until_uploaded(kPatienceMs));
  const Machine reader = open_elsewhere();
  EXPECT_EQ(reader->root_history(100).size(), 41u);
  for (const auto& [root, text] : all) ASSERT_EQ(get(reader, root), text);
  EXPECT_EQ(reader->verify({}).bad_places, 0u);
}

TEST_F(LocalDurabilityTest, NothingMoreIsAcknowledgedAfterAFailedSync) {
  const auto faults = std::make_shared<testing::FaultFileSystem>(files_);
  CloudStorageOptions options = local();
  options.file_system = faults;
  Machine writer = open(options);
  const AtomPointer first = commit(writer, "the first one takes over");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  writer.client->cut_off(true);
  const AtomPointer second = commit(writer, "acknowledged");
  faults->set_on_failed_sync([&](const std::string& path) { files_->drop_unsynced(path); });
  faults->set_fault(testing::Fault{.only = testing::FileCall::kSyncData});
  EXPECT_THROW(commit(writer, "never acknowledged"), OutcomeUnknownError);
  EXPECT_EQ(faults->hits(), 1u);
  faults->heal();
  EXPECT_THROW(commit(writer, "nor this"), UnexpectedError);
  kill(writer);
  files_ = files_->crash_clone(outcomes(*files_, 0));
  const Machine again = open();
  EXPECT_EQ(again->read_current_root(), second);
  EXPECT_EQ(get(again, second), "acknowledged");
  EXPECT_EQ(get(again, first), "the first one takes over");
}

TEST_F(LocalDurabilityTest, AFullDiskRefusesACommitAndTheNextOneGoesOn) {
  const auto faults = std::make_shared<testing::FaultFileSystem>(files_);
  CloudStorageOptions options = local();
  options.file_system = faults;
  const Machine writer = open(options);
  faults->set_fault(testing::Fault{.error = testing::Fault::Error::kNoSpace, .for_good = true});
  EXPECT_THROW(commit(writer, "no room"), NoSpaceError);
  EXPECT_GT(faults->hits(), 0u);
  faults->heal();
  const AtomPointer root = commit(writer, "room again");
  EXPECT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  const Machine reader = open_elsewhere();
  EXPECT_EQ(reader->read_current_root(), root);
  EXPECT_EQ(reader->root_history(10).size(), 1u);
}

/// The power fails before every change that the journal makes to its files, with every way this may
/// leave them up to a bound, else with some.
TEST_F(LocalDurabilityTest, APowerCutLosesNoAcknowledgedCommit) {
  struct Moment {
    std::shared_ptr<MemoryFileSystem> files;
    std::size_t acknowledged = 0;
  };
  std::vector<Moment> moments;
  std::vector<AtomPointer> roots;
  std::size_t acknowledged = 0;
  {
    Machine writer = open();
    commit(writer, "the first one takes over");
    ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
    writer.client->cut_off(true);
    files_->set_before_change([&](const std::string&) {
      moments.push_back({files_->clone(), acknowledged});
    });
    for (int i = 0; i < 5; ++i) {
      roots.push_back(writer->push_bytes(as_bytes("commit " + std::to_string(i))));
      writer->set_current_root(roots.back());
      acknowledged = roots.size();
    }
    files_->set_before_change({});
    moments.push_back({files_->clone(), acknowledged});
  }
  const auto before = bucket_;
  std::size_t states = 0;
  for (const Moment& moment : moments) {
    for (std::uint64_t sample = 0; sample < 12; ++sample, ++states) {
      files_ = moment.files->crash_clone(outcomes(*moment.files, sample));
      bucket_ = copy_of(*before);
      const Machine again = open();
      const auto root = again->read_current_root();
      ASSERT_TRUE(root);
      const auto found = std::find(roots.begin(), roots.end(), *root);
      const auto count =
          found == roots.end() ? 0 : static_cast<std::size_t>(found - roots.begin()) + 1;
      ASSERT_GE(count, moment.acknowledged) << "sample " << sample;
      ASSERT_TRUE(again->wait_until_uploaded(kPatienceMs));
      const Machine reader = open_elsewhere();
      ASSERT_EQ(reader->root_history(100).size(), count + 1);
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(get(reader, roots[i]), "commit " + std::to_string(i));
      }
    }
  }
  EXPECT_GE(moments.size(), 10u);
  EXPECT_GE(states, 100u);
}

TEST_F(LocalDurabilityTest, ALastAnswerThatWasLostIsAskedForUntilItIsKnown) {
  Machine writer = open();
  commit(writer, "the first one takes over");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  testing::CloudFaultRule rule;
  rule.fault = CloudFault::kLostAnswer;
  rule.probability = 1;
  plan_->add(rule);
  const AtomPointer root = commit(writer, "put, and nobody says so");
  while (writer->upload_stats().last_error.empty()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GT(plan_->hits(), 0u);
  plan_->clear();
  EXPECT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  const AtomPointer next = commit(writer, "next");
  EXPECT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  const auto history = open_elsewhere()->root_history(10);
  ASSERT_EQ(history.size(), 3u) << "once";
  EXPECT_EQ(history[0].root, next);
  EXPECT_EQ(history[1].root, root);
}

TEST_F(LocalDurabilityTest, ASlotOfUnknownOutcomeThatSomebodyMergedIsNotPutAgain) {
  Machine writer = open();
  commit(writer, "the first one takes over");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  std::atomic<bool> is_heard = true;
  writer.client->set_after([&](CloudCall call, const std::string& key) {
    if (call != CloudCall::kPut || !key.starts_with("log/") || !is_heard.exchange(false)) return;
    writer.client->cut_off(true);
    throw CloudStorageError(CloudFailure::kUnknown, 0, "the answer was lost");
  });
  const AtomPointer root = commit(writer, "put, and nobody says so");
  while (writer->upload_stats().last_error.empty()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(is_heard);
  EXPECT_GT(open_elsewhere()->merge().removed, 0u);
  writer.client->cut_off(false);
  const AtomPointer nowhere{UUID::from_random({1}), 4096};
  EXPECT_THROW(get(writer, nowhere), NotFoundError) << "which reads the checkpoint";
  EXPECT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  const AtomPointer next = commit(writer, "next");
  EXPECT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  const Machine reader = open_elsewhere();
  EXPECT_EQ(reader->read_current_root(), next);
  EXPECT_EQ(reader->root_history(10).size(), 3u);
  EXPECT_EQ(get(reader, root), "put, and nobody says so");
  EXPECT_EQ(reader->verify({}).bad_places, 0u);
}

TEST_F(LocalDurabilityTest, AJournalOfANewerFormatIsRefusedAndKept) {
  Machine writer = open();
  commit(writer, "the first one takes over");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  writer.client->cut_off(true);
  commit(writer, "waiting");
  kill(writer);
  const std::string path = "/journal/00000000000000000001.journal";
  const auto whole = files_->content(path);
  auto bytes = whole;
  bytes[8] = std::byte{2};
  base::store_le<std::uint64_t>(bytes.data() + 56, base::xxh3(std::span(bytes).first(56)));
  files_->set_content(path, bytes);
  testing::expect_error<NotSupportedError>([&] { open(); }, {path, "format version 2", "newer"});
  EXPECT_EQ(files_->content(path), bytes);
  for (std::size_t bit = 0; bit < 64; ++bit) {  // of version and header size
    SCOPED_TRACE("bit " + std::to_string(bit));
    bytes = whole;
    bytes[8 + bit / 8] ^= std::byte{1} << (bit % 8);
    files_->set_content(path, bytes);
    testing::expect_error<CorruptionError>([&] { open(); }, {path, "its header is damaged"});
    EXPECT_EQ(files_->content(path), bytes);
  }
  files_->set_content(path, whole);
  EXPECT_TRUE(open()->wait_until_uploaded(kPatienceMs));
}

TEST_F(LocalDurabilityTest, TheRateOfPutsIsKeptAndTheIntervalPublishesWhatNobodyFlushes) {
  CloudStorageOptions options;
  options.clock = clock_;
  options.max_put_rate = 2;
  const Machine writer = open(options);
  const std::uint64_t begin = clock_->monotonic_ns();
  for (int i = 0; i < 11; ++i) commit(writer, "commit");
  EXPECT_GE(clock_->monotonic_ns() - begin, 5'000'000'000u) << "ten pauses of half a second";

  options.max_put_rate = 0;
  options.upload_interval_ms = 20;
  const Machine pusher = open(options);
  const AtomPointer atom = pusher->push_bytes(as_bytes("never flushed"));
  for (int i = 0; i < 3000 && pusher->stats().wal.buffered_bytes > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(get(open_elsewhere(), atom), "never flushed");
  const auto before = pusher.client->counts();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(pusher.client->counts().puts, before.puts) << "idle costs nothing";
}

TEST_F(LocalDurabilityTest, TheIntervalIsKeptAgainWhenWhatStoodInTheWayIsGone) {
  const auto faults = std::make_shared<testing::FaultFileSystem>(files_);
  CloudStorageOptions options = local();
  options.file_system = faults;
  options.upload_interval_ms = 10;
  std::atomic<int> warnings = 0;
  options.logger = [&](LogLevel, std::string_view) { ++warnings; };
  const Machine pusher = open(options);
  faults->set_fault(testing::Fault{.error = testing::Fault::Error::kOutOfDescriptors,
                                   .for_good = true,
                                   .only = testing::FileCall::kCreate});
  const AtomPointer atom = pusher->push_bytes(as_bytes("never flushed"));
  const auto wait_until = [](const auto& is_so) {
    for (int i = 0; i < 6000 && !is_so(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return is_so();
  };
  EXPECT_TRUE(wait_until([&] { return warnings > 1; })) << "tried again, and told each time";
  EXPECT_GT(faults->hits(), 0u);
  faults->heal();
  EXPECT_TRUE(wait_until([&] { return pusher->stats().wal.buffered_bytes == 0; }));
  EXPECT_TRUE(pusher->wait_until_uploaded(kPatienceMs));
  EXPECT_EQ(get(open_elsewhere(), atom), "never flushed");
}

/// A machine that is killed again and again writes to a bucket that misbehaves.
TEST_F(LocalDurabilityTest, RandomKillsAndFaultsLoseNothingAndDoubleNothing) {
  constexpr CloudFault kFaults[] = {
      CloudFault::kNotSent,    CloudFault::kLostAnswer,           CloudFault::kDelayed,
      CloudFault::kDuplicated, CloudFault::kInternalErrorApplied, CloudFault::kConflict};
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    files_ = std::make_shared<MemoryFileSystem>();
    bucket_ = std::make_shared<cloud::MemoryBucket>("mock", clock_);
    const auto plan = std::make_shared<CloudFaultPlan>(seed);
    plan_ = plan;
    for (const CloudFault fault : kFaults) {
      testing::CloudFaultRule rule;
      rule.fault = fault;
      rule.probability = 0.03;
      rule.span = 20;
      plan->add(rule);
    }
    std::mt19937_64 random(seed);
    std::vector<AtomPointer> acknowledged;
    Machine machine;
    for (int step = 0; step < 60; ++step) {
      try {
        if (!machine.storage) machine = open();
        if (random() % 10 == 0) {
          kill(machine);
        } else if (random() % 12 == 0) {
          machine.client->cut_off(random() % 2 == 0);
        } else {
          acknowledged.push_back(commit(machine, "step " + std::to_string(step)));
        }
      } catch (const CloudStorageError&) {  // opening, or taking over, found no way
      } catch (const NotSupportedError&) {  // made twice, it seemed: a doubled request
        if (machine.storage) kill(machine);
      }
    }
    if (machine.storage) kill(machine);
    plan->clear();
    plan->settle();
    const Machine last = open();
    ASSERT_TRUE(last->wait_until_uploaded(kPatienceMs)) << "seed " << seed;
    std::map<AtomPointer, std::uint64_t> sequences;
    const auto history = open_elsewhere()->root_history(1000);
    for (const RootVersion& version : history) sequences[version.root] = version.sequence;
    EXPECT_EQ(sequences.size(), history.size()) << "none twice, seed " << seed;
    std::uint64_t before = 0;
    for (const AtomPointer& root : acknowledged) {
      ASSERT_GT(sequences[root], before) << "seed " << seed;
      before = sequences[root];
    }
    EXPECT_GT(plan->hits(), 0u);
  }
}

}  // namespace
}  // namespace protobase
