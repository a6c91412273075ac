// A store in a bucket as its users see it: what a commit, an opening, a read and an idle minute
// cost; what happens to whom when two write; merging; what is refused.
#include "protobase/cloud_file_storage.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cloud/memory_bucket.h"
#include "protobase/errors.h"
#include "protobase/mock_s3_client.h"
#include "testing/chained_client.h"
#include "testing/checkpoint_version.h"
#include "testing/cloud_machines.h"
#include "testing/expect_error.h"
#include "testing/forwarding_cloud_client.h"
#include "testing/temporary_directory.h"

namespace protobase {
namespace {

using testing::CloudCall;
using testing::CloudFault;
using testing::CloudFaultClient;
using testing::CloudFaultPlan;

class CloudFileStorageTest : public testing::CloudMachinesTest {};

TEST_F(CloudFileStorageTest, ACommitOfOneToAThousandAtomsIsOnePut) {
  const Machine writer = open();
  commit(writer, "the first one takes over");
  for (const int atoms : {1, 10, 100, 1000}) {
    const CloudRequestCounts made = requests(writer, [&] {
      for (int i = 1; i < atoms; ++i) writer->push_bytes(as_bytes(std::string(200, 'a')));
      commit(writer, std::string(200, 'r'));
    });
    EXPECT_EQ(made.puts, 1u);
    EXPECT_EQ(made.gets + made.lists + made.deletes, 0u);
    const std::uint64_t framed = static_cast<std::uint64_t>(atoms) * 216;
    EXPECT_LE(made.bytes_sent, framed + 96 + 256) << "records, the commit record, a slot's header";
  }
}

TEST_F(CloudFileStorageTest, FromTheBucketAloneTheFirstAtomIsThreeRequestsAway) {
  for (const int commits : {1, 10, 1000, 2500}) {
    Machine writer = open();
    AtomPointer root;
    for (int i = 0; i < commits; ++i) root = commit(writer, "commit " + std::to_string(i));
    kill(writer);
    SCOPED_TRACE(commits);
    std::uint64_t sequential = 0;
    // Slots are read together, by threads that a busy machine may start too late for that.
    for (int tries = 0; sequential != 3 && tries < 10; ++tries) {
      const auto client = std::make_shared<testing::ChainedClient>(new_client());
      CloudFileStorage reader(client, cloud(), without_caches());
      EXPECT_EQ(reader.read_current_root(), root);
      EXPECT_EQ(reader.get_bytes(root).as_text(), "commit " + std::to_string(commits - 1));
      sequential = client->longest_chain();
      const CloudRequestCounts made = client->counts();
      // One looks at the checkpoint again, because a claim is among the slots.
      EXPECT_LE(made.gets + made.lists, 7u);
      EXPECT_EQ(made.puts, 0u);
    }
    EXPECT_EQ(sequential, 3u);
  }
}

TEST_F(CloudFileStorageTest, AColdGetOfASmallAtomIsOneRangeOfABlock) {
  Machine writer = open();
  std::vector<AtomPointer> pointers;
  for (int i = 0; i < 10'000; ++i) {
    pointers.push_back(writer->push_bytes(as_bytes(std::string(200, 'c'))));
  }
  commit(writer, "root");
  CloudStorageOptions options = cloud();
  options.access = SpaceAccess::kReadOnly;
  const Machine reader = open(options);
  const CloudRequestCounts made =
      requests(reader, [&] { EXPECT_EQ(get(reader, pointers[3000]).size(), 200u); });
  EXPECT_EQ(made.gets, 1u);
  EXPECT_EQ(made.lists, 0u);
  EXPECT_LE(made.bytes_received, 64u * 1024);
  const CloudRequestCounts again =
      requests(reader, [&] { EXPECT_EQ(get(reader, pointers[3001]).size(), 200u); });
  EXPECT_EQ(again.gets, 0u) << "the block is in the cache";
}

TEST_F(CloudFileStorageTest, AColdGetAcrossTwoBlocksIsOneRangeTooAndNoLarger) {
  constexpr std::uint64_t kBlock = std::uint64_t{64} << 10, kFramed = 216;
  const Machine writer = open();
  std::vector<AtomPointer> across;
  for (int i = 0; i < 10'000; ++i) {
    const AtomPointer atom = writer->push_bytes(as_bytes(std::string(200, 'c')));
    const bool is_read_at_opening = atom.offset < 2 * kBlock;
    if (is_read_at_opening) continue;
    if (atom.offset / kBlock != (atom.offset + kFramed - 1) / kBlock) across.push_back(atom);
  }
  commit(writer, "root");
  ASSERT_GE(across.size(), 3u);
  CloudStorageOptions options = cloud();
  options.access = SpaceAccess::kReadOnly;
  for (const AtomPointer& atom : across) {
    const Machine reader = open(options);
    const CloudRequestCounts made =
        requests(reader, [&] { EXPECT_EQ(get(reader, atom), std::string(200, 'c')); });
    EXPECT_EQ(made.gets, 1u);
    EXPECT_LE(made.bytes_received, kBlock);
  }
}

TEST_F(CloudFileStorageTest, AClosedStoresFirstAtomIsFourRequestsInAll) {
  Machine writer = open();
  AtomPointer root;
  for (int i = 0; i < 20; ++i) root = commit(writer, "commit " + std::to_string(i));
  writer.storage->close();
  const Machine reader = open();
  EXPECT_EQ(reader->read_current_root(), root);
  EXPECT_EQ(get(reader, root), "commit 19");
  const CloudRequestCounts made = reader.client->counts();
  EXPECT_EQ(made.gets, 3u) << "the checkpoint and a block, beside the listing a look for the "
                              "oldest slot; opening was the look for news";
  EXPECT_EQ(made.lists, 1u);
}

TEST_F(CloudFileStorageTest, APointerToNowhereIsExplainedFromTheObjectItPointsInto) {
  const Machine writer = open();
  AtomPointer last;
  for (int i = 0; i < 100; ++i) last = commit(writer, std::string(100'000, 'x'));
  const Machine reader = open();
  const AtomPointer between{last.transaction_id, last.offset + 8};
  const CloudRequestCounts made =
      requests(reader, [&] { EXPECT_THROW(get(reader, between), NotFoundError); });
  EXPECT_LE(made.gets, 4u);
}

TEST_F(CloudFileStorageTest, ReadingInOrderBringsMoreWithEachRequest) {
  Machine writer = open();
  std::vector<AtomPointer> pointers;
  for (int i = 0; i < 20'000; ++i) {
    pointers.push_back(writer->push_bytes(as_bytes(std::string(200, 'c'))));
  }
  commit(writer, "root");
  const std::uint64_t bytes = pointers.back().offset;
  CloudStorageOptions options = cloud();
  options.access = SpaceAccess::kReadOnly;
  const Machine reader = open(options);
  const CloudRequestCounts made = requests(reader, [&] {
    for (const AtomPointer& pointer : pointers) EXPECT_EQ(get(reader, pointer).size(), 200u);
  });
  EXPECT_LE(made.gets, 4 + bytes / (1 << 20) + 4) << "64 KiB, then twice as much each, up to 1 MiB";
  EXPECT_LE(made.bytes_received, bytes + (1 << 20));
}

TEST_F(CloudFileStorageTest, IdlingCostsNothingAndWatchingOneRequestAnInterval) {
  const Machine writer = open();
  commit(writer, "root");
  const Machine reader = open();
  reader->read_current_root();
  constexpr int kSeconds = 60;
  const auto watch = [&](const Machine& machine) {
    return requests(machine, [&] {
      for (int i = 0; i < 10 * kSeconds; ++i) {
        clock_->advance_us(100'000);
        machine->read_current_root();
      }
    });
  };
  const CloudRequestCounts watching = watch(reader);
  EXPECT_LE(watching.gets, static_cast<std::uint64_t>(kSeconds));
  EXPECT_EQ(watching.lists + watching.puts, 0u);
  const CloudRequestCounts writing = watch(writer);
  EXPECT_EQ(writing.gets + writing.lists + writing.puts, 0u);
}

TEST_F(CloudFileStorageTest, AReaderSeesARootWithinTwoIntervals) {
  const Machine writer = open();
  commit(writer, "first");
  const Machine reader = open();
  const AtomPointer next = commit(writer, "second");
  clock_->advance_us(1'000'000);
  reader->read_current_root();
  clock_->advance_us(1'000'000);
  EXPECT_EQ(reader->read_current_root(), next);
  EXPECT_EQ(get(reader, next), "second");
  const AtomPointer told = commit(writer, "third");
  EXPECT_EQ(get(reader, told), "third") << "a pointer from elsewhere is looked for at once";
}

TEST_F(CloudFileStorageTest, WhoeverCommitsTakesOverAndTheOtherIsToldForGood) {
  const Machine first = open();
  const Machine second = open();
  const AtomPointer one = commit(first, "one");
  const AtomPointer two = commit(second, "two");
  for (int i = 0; i < 2; ++i) EXPECT_THROW(commit(first, "too late"), LockingError);
  EXPECT_THROW(first->push_bytes(as_bytes("more")), LockingError);
  EXPECT_EQ(get(first, one), "one") << "reading goes on";
  const AtomPointer three = commit(second, "three");
  const Machine again = open();
  EXPECT_EQ(again->read_current_root(), three);
  const AtomPointer four = commit(again, "four");
  EXPECT_EQ(again->read_current_root(), four);
  EXPECT_THROW(commit(second, "too late"), LockingError);
  const auto history = again->root_history(10);
  ASSERT_EQ(history.size(), 4u);
  EXPECT_EQ(history[2].root, two);
}

TEST_F(CloudFileStorageTest, AWriterThatSleptThroughAMergeIsStillFenced) {
  const Machine sleeper = open();
  commit(sleeper, "awake");
  const Machine other = open();
  for (int i = 0; i < 5; ++i) commit(other, "meanwhile " + std::to_string(i));
  EXPECT_GT(other->merge().removed, 0u);
  EXPECT_THROW(commit(sleeper, "its slot is free again, but for the claim"), LockingError);
  EXPECT_EQ(open()->root_history(100).size(), 6u);
}

TEST_F(CloudFileStorageTest, AClaimThatLandsInAMergedPlaceCountsForNothing) {
  const Machine writer = open();
  for (int i = 0; i < 5; ++i) commit(writer, "before " + std::to_string(i));
  const Machine late = open();
  bool is_merged = false;
  late.client->set_before([&](CloudCall call, const std::string&) {
    // Its look at what was merged is behind it.
    if (call != CloudCall::kPut || std::exchange(is_merged, true)) return;
    for (int i = 0; i < 5; ++i) commit(writer, "meanwhile " + std::to_string(i));
    writer->merge();
  });
  const AtomPointer root = commit(late, "late");
  EXPECT_TRUE(is_merged);
  const Machine reader = open();
  EXPECT_EQ(reader->read_current_root(), root);
  EXPECT_EQ(reader->root_history(100).size(), 11u);
  EXPECT_THROW(commit(writer, "deposed"), LockingError);
}

TEST_F(CloudFileStorageTest, ManyBytesGoOutAsSegmentsAndComeBack) {
  CloudStorageOptions options = cloud();
  options.object_size = 1 << 20;
  Machine writer = open(options);
  std::map<AtomPointer, char> pushed;
  for (int i = 0; i < 60; ++i) {
    const char letter = static_cast<char>('a' + i % 26);
    pushed[writer->push_bytes(as_bytes(std::string(100'000, letter)))] = letter;
  }
  const AtomPointer huge = writer->push_bytes(as_bytes(std::string(20'000'000, 'H')));
  const AtomPointer root = commit(writer, "root");
  kill(writer);
  const Machine reader = open(options);
  EXPECT_EQ(reader->read_current_root(), root);
  for (const auto& [pointer, letter] : pushed) {
    EXPECT_EQ(get(reader, pointer), std::string(100'000, letter));
  }
  EXPECT_EQ(get(reader, huge), std::string(20'000'000, 'H'));
  EXPECT_GE(bucket_->list("segments/", {}, 100).size(), 6u);
  EXPECT_EQ(reader->verify({}).bad_places, 0u);
}

/// What is wrong in one bit, and still in order, must not get into an index, nor into a checkpoint.
TEST_F(CloudFileStorageTest, AnEndOfASegmentThatIsDamagedIsNamed) {
  CloudStorageOptions options = cloud();
  options.object_size = 1 << 20;
  Machine writer = open(options);
  for (const char* letter : {"a", "b"}) {
    writer->push_bytes(as_bytes(std::string(1'100'000, *letter)));
  }
  commit(writer, "root");
  kill(writer);
  const std::string key = "log/00000000000000000002";
  const Bytes whole = *bucket_->find(key)->bytes;
  Bytes damaged = whole;
  damaged[256 + 1] ^= std::byte{8};
  bucket_->put(key, damaged);
  testing::expect_error<CorruptionError>([&] { open(); }, {key, "body: expected checksum"});
  bucket_->put(key, whole);
  EXPECT_EQ(open()->verify({}).bad_places, 0u);
}

TEST_F(CloudFileStorageTest, MergingKeepsEveryAddressAlsoForWhoReadMeanwhile) {
  Machine writer = open();
  const Machine old_reader = open();
  std::map<AtomPointer, std::string> pushed;
  for (int i = 0; i < 300; ++i) {
    const std::string text = "atom " + std::to_string(i);
    pushed[commit(writer, text)] = text;
  }
  old_reader->read_current_root();
  const CloudMergeReport report = writer->merge();
  EXPECT_EQ(report.slots, 300u);
  EXPECT_EQ(report.segments, 1u);
  EXPECT_EQ(report.removed, 299u);
  EXPECT_EQ(bucket_->object_count(), 4u) << "checkpoint, segment, the claim, the newest slot";
  const AtomPointer root = commit(writer, "behind the merge");
  const Machine reader = open();
  EXPECT_EQ(reader->read_current_root(), root);
  for (const auto& [pointer, text] : pushed) {
    EXPECT_EQ(get(reader, pointer), text);
    EXPECT_EQ(get(old_reader, pointer), text);
  }
  EXPECT_EQ(reader->root_history(1000).size(), 301u);
  EXPECT_EQ(reader->verify({}).bad_places, 0u);
  EXPECT_EQ(writer->merge().slots, 1u);
  EXPECT_EQ(writer->merge().slots, 0u) << "nothing is left to merge";
}

TEST_F(CloudFileStorageTest, TheWriterMergesByItselfWhenManySlotsWait) {
  CloudStorageOptions options = cloud();
  options.merge_after_slots = 50;
  std::vector<AtomPointer> roots;
  {
    const Machine writer = open(options);
    while (bucket_->list("segments/", {}, 1).empty()) {
      ASSERT_LT(roots.size(), 1'000'000u);
      roots.push_back(commit(writer, "commit"));
    }
  }
  EXPECT_GE(roots.size(), 49u);
  const Machine reader = open();
  for (const AtomPointer& root : roots) EXPECT_EQ(get(reader, root), "commit");
  EXPECT_EQ(reader->root_history(10'000'000).size(), roots.size());
}

TEST_F(CloudFileStorageTest, AMergeBrokenOffAnywhereCanBeDoneAgain) {
  constexpr std::uint64_t kMostSteps = 1000;
  bool is_broken_off = true;
  std::uint64_t step = 0;
  while (is_broken_off) {  // once with each of its calls, then with none
    ASSERT_LE(++step, kMostSteps) << "a merge of 20 slots has no end";
    const auto bucket = std::make_shared<cloud::MemoryBucket>("mock", clock_);
    const auto plan = std::make_shared<CloudFaultPlan>(step);
    const auto client =
        std::make_shared<CloudFaultClient>(std::make_shared<MockS3Client>(bucket), plan);
    std::vector<AtomPointer> roots;
    std::atomic<std::uint64_t> calls = 0;  // several threads of a merge make them
    {
      CloudFileStorage writer(client, cloud(), without_caches());
      for (int i = 0; i < 20; ++i) {
        roots.push_back(writer.push_bytes(as_bytes("atom")));
        writer.set_current_root(roots.back());
      }
      client->set_before([&](CloudCall, const std::string&) {
        if (++calls == step) client->cut_off(true);
      });
      try {
        writer.merge();
      } catch (const CloudStorageError&) {
      }
      is_broken_off = calls >= step;
    }
    CloudFileStorage again(std::make_shared<MockS3Client>(bucket), cloud(), without_caches());
    for (const AtomPointer& root : roots) EXPECT_EQ(again.get_bytes(root).as_text(), "atom");
    again.merge();
    for (const AtomPointer& root : roots) EXPECT_EQ(again.get_bytes(root).as_text(), "atom");
    EXPECT_EQ(again.root_history(100).size(), 20u);
    EXPECT_EQ(again.verify({}).bad_places, 0u);
  }
  EXPECT_GE(step - 1, 20u) << "each slot is asked for";
}

TEST_F(CloudFileStorageTest, ACommitThatWasRefusedMayBeTriedAgainAndIsThereOnce) {
  const Machine writer = open();
  commit(writer, "before");
  testing::CloudFaultRule rule;
  rule.fault = CloudFault::kExpiredCredentials;
  rule.probability = 1;
  plan_->add(rule);
  const AtomPointer root = writer->push_bytes(as_bytes("root"));
  for (int tries = 0; tries < 3; ++tries) {
    EXPECT_THROW(writer->set_current_root(root), NotAuthorizedError);
    EXPECT_THROW(writer->flush_wal(), NotAuthorizedError);
  }
  EXPECT_EQ(get(writer, root), "root");
  plan_->clear();
  writer->set_current_root(root);
  const Machine reader = open();
  EXPECT_EQ(reader->read_current_root(), root);
  EXPECT_EQ(reader->root_history(10).size(), 2u);
  EXPECT_EQ(reader->verify({}).bad_places, 0u);
}

/// By a gateway that took it before it looked at the rights, say.
TEST_F(CloudFileStorageTest, ACommitThatIsThereThoughItWasRefusedIsDone) {
  const Machine writer = open();
  commit(writer, "before");
  int refused = 0;
  writer.client->set_after([&](CloudCall call, const std::string& key) {
    if (call != CloudCall::kPut || !key.starts_with("log/")) return;
    if (++refused == 1) throw NotAuthorizedError("put: status 403, AccessDenied");
    if (refused == 2) throw NotFoundError("put: status 404, NoSuchBucket");
    if (refused == 3) throw CloudStorageError(CloudFailure::kRefused, 400, "put: status 400");
  });
  for (int commits = 1; commits <= 4; ++commits) {
    const AtomPointer root = commit(writer, "refused " + std::to_string(commits));
    EXPECT_EQ(refused, commits);
    const Machine reader = open();
    EXPECT_EQ(reader->read_current_root(), root);
    EXPECT_EQ(reader->root_history(10).size(), 1u + static_cast<std::size_t>(commits));
  }
}

TEST_F(CloudFileStorageTest, WithoutAnyAnswerTheOutcomeIsUnknownAndNothingMoreIsWritten) {
  const Machine writer = open();
  commit(writer, "before");
  testing::CloudFaultRule rule;
  rule.fault = CloudFault::kLostAnswer;
  rule.probability = 1;
  plan_->add(rule);
  EXPECT_THROW(commit(writer, "lost"), OutcomeUnknownError);
  plan_->clear();
  EXPECT_THROW(commit(writer, "no more"), UnexpectedError);
  EXPECT_EQ(open()->root_history(10).size(), 2u) << "this one had arrived";
}

/// A PUT that was sent twice on its way finds itself there; who may not look at it does not know.
TEST_F(CloudFileStorageTest, WhatExistsAndMayNotBeLookedAtMayBeOurs) {
  const Machine writer = open();
  commit(writer, "before");
  testing::CloudFaultRule exists;
  exists.fault = CloudFault::kExistsApplied;
  exists.at_call = 1;
  plan_->add(exists);
  testing::CloudFaultRule expired;
  expired.fault = CloudFault::kExpiredCredentials;
  expired.probability = 1;
  expired.only = CloudCall::kGet;
  plan_->add(expired);
  EXPECT_THROW(commit(writer, "stored"), OutcomeUnknownError);
  plan_->clear();
  EXPECT_EQ(plan_->hits(CloudFault::kExistsApplied), 1u);
  EXPECT_THROW(commit(writer, "no more"), UnexpectedError);
  const Machine reader = open();
  EXPECT_EQ(get(reader, *reader->read_current_root()), "stored");
}

TEST_F(CloudFileStorageTest, ABlockThatWasDamagedOnTheWayIsReadOnceMore) {
  Machine writer = open();
  commit(writer, "begins the WAL, and is read at opening");
  const AtomPointer root = commit(writer, std::string(5000, 'x'));
  for (int i = 0; i < 3; ++i) commit(writer, "later");
  const Machine reader = open();
  testing::CloudFaultRule rule;
  rule.fault = CloudFault::kCorruptBody;
  rule.at_call = 1;
  rule.only = CloudCall::kGet;
  plan_->add(rule);
  EXPECT_EQ(get(reader, root), std::string(5000, 'x'));
  EXPECT_EQ(plan_->hits(CloudFault::kCorruptBody), 1u);
}

TEST_F(CloudFileStorageTest, ASlotThatWasDamagedOnTheWayToAMergeIsReadOnceMore) {
  const Machine writer = open();
  testing::CloudFaultRule rule;
  rule.fault = CloudFault::kCorruptBody;
  rule.at_call = 1;
  rule.only = CloudCall::kGet;
  rule.key_prefix = "log/";
  for (std::uint64_t merges = 1; merges <= 20; ++merges) {  // in the header, and behind it
    commit(writer, "one");
    const AtomPointer root = commit(writer, "two");
    plan_->add(rule);
    EXPECT_GT(writer->merge().slots, 0u);
    EXPECT_EQ(plan_->hits(CloudFault::kCorruptBody), merges);
    plan_->clear();
    EXPECT_EQ(get(open(), root), "two");
  }
}

TEST_F(CloudFileStorageTest, WhatIsDamagedInTheBucketIsNamedAndTheRestIsReadable) {
  Machine writer = open();
  const AtomPointer bad = commit(writer, "bad");
  const AtomPointer good = commit(writer, "good");
  writer.storage.reset();
  const std::string key = "log/00000000000000000002";
  Bytes bytes = *bucket_->find(key)->bytes;
  bytes[256 + 17] ^= std::byte{1};
  bucket_->put(key, bytes);
  const Machine reader = open();
  EXPECT_THROW(get(reader, bad), CorruptionError);
  EXPECT_EQ(get(reader, good), "good");
  EXPECT_EQ(reader->verify({}).bad_places, 1u);
  EXPECT_THROW(open()->merge(), CorruptionError) << "it is not copied as if it were whole";
}

TEST_F(CloudFileStorageTest, AMissingSlotIsALossAndNeverAShorterLog) {
  Machine writer = open();
  std::vector<AtomPointer> roots;
  for (int i = 0; i < 5; ++i) roots.push_back(commit(writer, "commit"));
  kill(writer);
  const std::string key = "log/00000000000000000004";
  bucket_->remove(key);
  const Machine reader = open();
  testing::expect_error<CorruptionError>([&] { reader->read_current_root(); }, {key, "missing"});
  testing::expect_error<CorruptionError>([&] { commit(reader, "behind a hole"); }, {key});
  EXPECT_EQ(get(reader, roots[1]), "commit") << "what lies before is readable";
  EXPECT_THROW(get(reader, roots[4]), ProtoBaseError);
  const auto report = reader->verify({});
  ASSERT_GE(report.bad_places, 1u);
  EXPECT_NE(report.bad.front().reason.find(key), std::string::npos);
}

TEST_F(CloudFileStorageTest, AMissingSegmentIsNamedByVerify) {
  Machine writer = open();
  const AtomPointer root = commit(writer, "merged");
  writer->merge();
  commit(writer, "behind it");
  writer.storage.reset();
  const std::string key = bucket_->list("segments/", {}, 1).front().first;
  bucket_->remove(key);
  const Machine reader = open();
  EXPECT_THROW(get(reader, root), CorruptionError);
  const auto report = reader->verify({});
  ASSERT_GE(report.bad_places, 1u);
  EXPECT_NE(report.bad.front().reason.find(key), std::string::npos);
}

TEST_F(CloudFileStorageTest, AMergeDuringVerifyIsNoDamage) {
  Machine writer = open();
  for (int i = 0; i < 10; ++i) commit(writer, "commit");
  const Machine reader = open();
  bool is_merged = false;
  reader.client->set_before([&](CloudCall call, const std::string&) {
    if (call != CloudCall::kList || std::exchange(is_merged, true)) return;
    EXPECT_GT(writer->merge().removed, 0u);
  });
  EXPECT_EQ(reader->verify({}).bad_places, 0u);
  EXPECT_TRUE(is_merged);
}

TEST_F(CloudFileStorageTest, WhatAnotherMergerTookAwayIsNoDamage) {
  Machine writer = open();
  for (int i = 0; i < 10; ++i) commit(writer, "commit");
  const Machine second = open();
  std::atomic<bool> is_merged{false};  // slots are got by several threads
  second.client->set_before([&](CloudCall call, const std::string& key) {
    if (call != CloudCall::kGet || !key.starts_with("log/")) return;
    if (!is_merged.exchange(true)) writer->merge();
  });
  EXPECT_EQ(second->merge().segments, 0u);
  EXPECT_TRUE(is_merged);
  EXPECT_EQ(open()->verify({}).bad_places, 0u);
}

TEST_F(CloudFileStorageTest, TheCacheInADirectorySurvivesAndIsNeverNeeded) {
  const testing::TemporaryDirectory place;
  CloudStorageOptions options = cloud();
  options.cache_dir = place.at("cache");
  Machine writer = open();
  const AtomPointer early = commit(writer, "early");
  for (int i = 0; i < 10; ++i) commit(writer, "later");
  kill(writer);
  { EXPECT_EQ(get(open(options), early), "early"); }
  const Machine again = open(options);
  EXPECT_EQ(requests(again, [&] { EXPECT_EQ(get(again, early), "early"); }).gets, 0u);
}

TEST_F(CloudFileStorageTest, OtherThingsAndNewerVersionsAreRefusedInWords) {
  bucket_->put("holiday.jpg", Bytes(10));
  testing::expect_error<ValidationError>([&] { open(); }, {"holds other things"});
  bucket_->remove("holiday.jpg");
  for (const std::string name : {"checkpoint", "segments/foo_1", "log/today.txt"}) {
    for (const std::size_t size : {0u, 100u}) {
      bucket_->put(name, Bytes(size));
      testing::expect_error<ValidationError>([&] { open(); }, {"holds other things", name});
    }
    bucket_->remove(name);
  }
  CloudStorageOptions reading = cloud();
  reading.access = SpaceAccess::kReadOnly;
  testing::expect_error<NotFoundError>([&] { open(reading); }, {"there is no store"});
  EXPECT_EQ(bucket_->object_count(), 0u) << "looking creates nothing";
  { commit(open(), "root"); }
  Bytes bytes = *bucket_->find("checkpoint")->bytes;
  testing::set_checkpoint_version(bytes, 9);
  bucket_->put("checkpoint", bytes);
  testing::expect_error<NotSupportedError>([&] { open(); }, {"use a newer one"});
}

/// As some servers that speak the API of S3 do.
class CarelessClient final : public testing::ForwardingCloudClient {
 public:
  explicit CarelessClient(CloudPutCondition::Kind ignored)
      : ForwardingCloudClient(std::make_shared<MockS3Client>()), ignored_(ignored) {}
  CloudPutResult put(const std::string& key, std::span<const std::span<const std::byte>> parts,
                     const CloudPutCondition& condition) override {
    const bool is_ignored = condition.kind == ignored_;
    return inner().put(key, parts, is_ignored ? CloudPutCondition::overwrite() : condition);
  }
  void remove(std::span<const std::string> keys) override {
    if (!may_remove) throw NotAuthorizedError("no right to remove");
    inner().remove(keys);
  }

  bool may_remove = true;

 private:
  const CloudPutCondition::Kind ignored_;
};

TEST_F(CloudFileStorageTest, AnEndpointThatIgnoresPreconditionsIsRefusedEveryTime) {
  using enum CloudPutCondition::Kind;
  for (const auto& [ignored, told] :
       {std::pair(kAbsent, "create-if-absent"), {kVersion, "if-match"}}) {
    const auto client = std::make_shared<CarelessClient>(ignored);
    for (int i = 0; i < 2; ++i) {
      CloudFileStorage storage(client, cloud());
      const AtomPointer root = storage.push_bytes(as_bytes("root"));
      testing::expect_error<NotSupportedError>([&] { storage.set_current_root(root); },
                                               {told, "doctor"});
    }
    EXPECT_TRUE(client->list({}, {}, 1).objects.empty()) << "something was left";
  }
  const auto client = std::make_shared<CarelessClient>(kAbsent);
  client->may_remove = false;
  for (int i = 0; i < 2; ++i) {
    CloudFileStorage storage(client, cloud());
    const AtomPointer root = storage.push_bytes(as_bytes("root"));
    testing::expect_error<NotSupportedError>([&] { storage.set_current_root(root); },
                                             {"create-if-absent", "doctor"});
  }
}

TEST_F(CloudFileStorageTest, WhatATestOfConditionsLeftIsInNobodysWay) {
  bucket_->put("probe/00000000-0000-4000-8000-000000000001", Bytes(10));
  const AtomPointer root = commit(open(), "root");
  EXPECT_EQ(open()->read_current_root(), root);
  EXPECT_EQ(bucket_->list("probe/", {}, 10).size(), 1u) << "its own is gone";
}

TEST_F(CloudFileStorageTest, WhatDoctorsLeftOrAreAboutToRemoveIsInNobodysWay) {
  for (const char* const key : {"doctor/00000000-0000-4000-8000-000000000001/create-0",
                                "doctor/00000000-0000-4000-8000-000000000001/probe",
                                "doctor/00000000-0000-4000-8000-000000000002/probe",
                                "probe/00000000-0000-4000-8000-000000000001"}) {
    bucket_->put(key, Bytes(10));
  }
  bucket_->put("doctor/who.mp4", Bytes(10));
  testing::expect_error<ValidationError>([&] { open(); }, {"holds other things", "who.mp4"});
  bucket_->remove("doctor/who.mp4");
  const AtomPointer root = commit(open(), "root");
  EXPECT_EQ(open()->read_current_root(), root);
  EXPECT_EQ(bucket_->list("doctor/", {}, 10).size(), 3u);
}

TEST_F(CloudFileStorageTest, OtherThingsBesideTheSlotsAreInNobodysWay) {
  const auto write = [&] { return commit(open(), "root"); };
  write();
  for (const char* key : {"log/notes.txt", "log/00000000000000000003~", "log/x/checkpoint"}) {
    bucket_->put(key, Bytes(10));
  }
  for (int i = 0; i < 2000; ++i) {  // more than a page
    bucket_->put("log/00000000000000000002." + std::to_string(i), Bytes(10));
  }
  const AtomPointer root = write();
  const Machine machine = open();
  EXPECT_EQ(machine->read_current_root(), root);
  EXPECT_EQ(machine->verify({}).bad_places, 0u);
  bucket_->remove("log/00000000000000000003");
  testing::expect_error<CorruptionError>([&] { open()->read_current_root(); },
                                         {"log/00000000000000000003 is missing"});
}

TEST_F(CloudFileStorageTest, OptionsOutOfRangeAreNamed) {
  const auto refused = [&](const char* field, auto change) {
    CloudStorageOptions options = cloud();
    change(options);
    testing::expect_error<ValidationError>([&] { open(options); }, {field});
  };
  refused("cache_block_size", [](auto& options) { options.cache_block_size = 5000; });
  refused("cache_block_size", [](auto& options) { options.cache_block_size = 2048; });
  refused("object_size", [](auto& options) { options.object_size = 1000; });
  refused("max_parallel_requests", [](auto& options) { options.max_parallel_requests = 0; });
  refused("commit_timeout_ms", [](auto& options) { options.commit_timeout_ms = 0; });
  refused("poll_interval_ms", [](auto& options) { options.poll_interval_ms = 1ull << 40; });
}

}  // namespace
}  // namespace protobase
