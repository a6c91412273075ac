// copy_space() between directories and buckets: every pointer, the root and its history arrive;
// whatever breaks it off, the next run goes on; nothing opens what is not complete.
#include "protobase/cloud_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "cloud/log_checkpoint.h"
#include "cloud/memory_bucket.h"
#include "cloud/slot.h"
#include "protobase/bucket_doctor.h"
#include "protobase/cloud_file_storage.h"
#include "protobase/errors.h"
#include "protobase/mock_google_cloud_client.h"
#include "protobase/mock_s3_client.h"
#include "protobase/standalone_file_storage.h"
#include "testing/cloud_fault_client.h"
#include "testing/expect_error.h"
#include "testing/legacy_directory.h"
#include "testing/manual_clock.h"

namespace protobase {
namespace {

using cloud::MemoryBucket;
using testing::CloudCall;
using testing::CloudFault;
using testing::CloudFaultClient;
using testing::CloudFaultPlan;
using testing::expect_error;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

/// All that must be the same in a copy.
struct Contents {
  std::map<AtomPointer, std::pair<RecordFormat, std::string>> atoms;
  std::set<std::pair<UUID, WALLayout>> wals;
  std::optional<AtomPointer> root;
  std::vector<RootVersion> history;

  friend bool operator==(const Contents&, const Contents&) = default;
};

Contents contents_of(SharedStorage& storage) {
  Contents contents;
  for (const WALDescription& wal : storage.list_wals()) {
    contents.wals.emplace(wal.transaction_id, wal.layout);
    storage.scan_wal(wal.transaction_id, [&](const RecordInfo& info) {
      EXPECT_NE(info.kind, RecordKind::kBad) << info.reason;
      if (info.kind == RecordKind::kData) {
        contents.atoms[info.pointer] = {storage.get_format(info.pointer),
                                        std::string(storage.get_bytes(info.pointer).as_text())};
      }
      return true;
    });
  }
  contents.root = storage.read_current_root();
  contents.history = storage.root_history(1'000'000);
  const VerifyReport report = storage.verify({});
  EXPECT_EQ(report.bad_places, 0u) << report.bad[0].reason;
  EXPECT_EQ(report.records, contents.atoms.size());
  return contents;
}

class CloudCopyTest : public testing::LegacyDirectoryTest {
 protected:
  CloudCopyOptions options() const {
    CloudCopyOptions options;
    options.segment_size = kMiB;
    options.clock = clock_;
    return options;
  }
  std::shared_ptr<MemoryBucket> new_bucket(const std::string& name = "mock") const {
    return std::make_shared<MemoryBucket>(name, clock_);
  }
  static SpacePlace directory(const std::string& path) { return {path, nullptr}; }
  static SpacePlace bucket(const std::shared_ptr<MemoryBucket>& bucket) {
    return {{}, std::make_shared<MockS3Client>(bucket)};
  }
  std::unique_ptr<CloudFileStorage> open(const std::shared_ptr<MemoryBucket>& bucket,
                                         SpaceAccess access = SpaceAccess::kReadOnly) const {
    CloudStorageOptions cloud;
    cloud.access = access;
    cloud.clock = clock_;
    return std::make_unique<CloudFileStorage>(std::make_shared<MockS3Client>(bucket), cloud);
  }
  Contents in(const std::shared_ptr<MemoryBucket>& bucket) const {
    return contents_of(*open(bucket));
  }
  static Contents in(const std::string& path) {
    StandaloneFileStorage storage(path, {}, SpaceAccess::kReadOnly);
    return contents_of(storage);
  }
  std::string target() const { return directory_.at("target"); }

  static AtomPointer commit(SharedStorage& storage, const std::string& text) {
    const AtomPointer root = storage.push_bytes(as_bytes(text));
    storage.set_current_root(root);
    return root;
  }
  /// Two writers in turn, roll-overs, all formats, `megabytes` of it large.
  void fill(const std::string& path, std::size_t megabytes = 3) const {
    StorageOptions small;
    small.wal_max_size = kMiB;
    StandaloneFileStorage first(path, small);
    StandaloneFileStorage second(path, small);
    for (int i = 0; i < 8; ++i) {
      SharedStorage& writer = i % 3 == 0 ? static_cast<SharedStorage&>(second) : first;
      writer.push_atom(Atom::object({{"n", i}, {"text", std::string(100, 'j')}}));
      writer.push_atom_msgpack(Atom::array({i, "packed", nullptr}));
      writer.push_bytes(
          as_bytes(std::string(kMiB * megabytes / 8 + static_cast<unsigned>(i), 'b')));
      commit(writer, "root " + std::to_string(i));
    }
    second.push_bytes(as_bytes(std::string("flushed and not committed")));
  }
  void commit_into_a_bucket(const std::shared_ptr<MemoryBucket>& bucket) const {
    const auto storage = open(bucket, SpaceAccess::kReadWrite);
    for (int i = 0; i < 3; ++i) commit(*storage, "commit " + std::to_string(i));
    commit(*storage, std::string(3 * kMiB, 'z'));
    for (int i = 0; i < 3; ++i) commit(*storage, "later " + std::to_string(i));
  }
  static bool has_object(const std::shared_ptr<MemoryBucket>& bucket, const std::string& key) {
    return bucket->find(key).has_value();
  }

  /// Copies with a client that is cut off before its n-th request; false: there were fewer. Of the
  /// two places the one in `cut` is behind that client.
  template <typename Copy>
  bool copy_cut_off(const std::shared_ptr<MemoryBucket>& cut, std::uint64_t step, bool after,
                    const Copy& copy) const {
    const auto client = std::make_shared<CloudFaultClient>(std::make_shared<MockS3Client>(cut),
                                                           std::make_shared<CloudFaultPlan>(step));
    std::atomic<std::uint64_t> calls = 0;
    const auto count = [&](CloudCall, const std::string&) {
      if (++calls == step) client->cut_off(true);
    };
    if (after) {
      client->set_after(count);
    } else {
      client->set_before(count);
    }
    try {
      copy(SpacePlace{{}, client});
    } catch (const CloudStorageError&) {
      return true;
    }
    return calls >= step;
  }
  /// Either it cannot be opened, and says why, or it is complete.
  void expect_unfinished_or(const Contents& contents, const std::shared_ptr<MemoryBucket>& target) {
    if (has_object(target, "checkpoint")) {
      EXPECT_TRUE(in(target) == contents);
    } else if (has_object(target, "copy")) {
      for (const auto access : {SpaceAccess::kReadOnly, SpaceAccess::kReadWrite}) {
        expect_error<ValidationError>([&] { open(target, access); },
                                      {"unfinished copy of " + space(), "run the copy again"});
      }
    } else {
      // But for what a test of its conditions may leave.
      EXPECT_EQ(target->object_count(), target->list("probe/", {}, 10).size());
    }
  }

  const std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
};

TEST_F(CloudCopyTest, ADirectoryGoesToABucketToAnotherAndBack) {
  fill(space());
  const Contents contents = in(space());
  EXPECT_GT(contents.wals.size(), 3u);
  const auto first = new_bucket();
  const CopyReport report = copy_space(directory(space()), bucket(first), options());
  EXPECT_EQ(report.root, contents.root);
  EXPECT_EQ(report.wals, contents.wals.size());
  EXPECT_EQ(report.resumed_bytes, 0u);
  EXPECT_FALSE(has_object(first, "copy"));
  EXPECT_TRUE(in(first) == contents);

  const auto second = new_bucket();
  const SpacePlace google{{}, std::make_shared<MockGoogleCloudClient>(second)};
  EXPECT_EQ(copy_space(bucket(first), google, options()).bytes, report.bytes);
  EXPECT_TRUE(in(second) == contents);
  EXPECT_EQ(copy_space(google, directory(target()), options()).root, contents.root);
  EXPECT_TRUE(in(target()) == contents);
}

TEST_F(CloudCopyTest, EveryCopyGoesOnByItself) {
  fill(space());
  const Contents before = in(space());
  const auto made = new_bucket();
  copy_space(directory(space()), bucket(made), options());
  {
    const auto storage = open(made, SpaceAccess::kReadWrite);
    const AtomPointer root = commit(*storage, "in the bucket");
    EXPECT_FALSE(before.wals.contains({root.transaction_id, WALLayout::kVersion1}));
    storage->merge();
  }
  const Contents now = in(made);
  EXPECT_EQ(now.history.size(), before.history.size() + 1);
  EXPECT_EQ(now.history[1], before.history[0]);
  EXPECT_EQ(now.history[0].sequence, before.history[0].sequence + 1);

  copy_space(bucket(made), directory(target()), options());
  const AtomPointer root =
      commit(*std::make_unique<StandaloneFileStorage>(target()), "on the disk");
  EXPECT_FALSE(now.wals.contains({root.transaction_id, WALLayout::kVersion1}))
      << "addresses of the bucket's own WALs are not given out here";
  EXPECT_EQ(in(target()).history.size(), now.history.size() + 1);
}

TEST_F(CloudCopyTest, SlotsSegmentsAndMergedOnesComeToADirectory) {
  const auto source = new_bucket();
  commit_into_a_bucket(source);
  open(source, SpaceAccess::kReadWrite)->merge();
  commit_into_a_bucket(source);
  const Contents contents = in(source);
  EXPECT_EQ(copy_space(bucket(source), directory(target()), options()).root, contents.root);
  EXPECT_TRUE(in(target()) == contents);
}

TEST_F(CloudCopyTest, ARecordLongerThanAllSegmentsAndEmptyStoresArrive) {
  {
    StandaloneFileStorage storage(space());
    commit(storage, std::string(20 * kMiB, 'L'));
    commit(storage, "small");
  }
  const auto made = new_bucket();
  copy_space(directory(space()), bucket(made), options());
  EXPECT_TRUE(in(made) == in(space()));
  copy_space(bucket(made), directory(target()), options());
  EXPECT_TRUE(in(target()) == in(space()));

  const std::string empty = directory_.at("empty");
  StandaloneFileStorage(empty).root_context_manager();
  const auto made_empty = new_bucket();
  EXPECT_EQ(copy_space(directory(empty), bucket(made_empty), options()).root, std::nullopt);
  EXPECT_EQ(open(made_empty)->read_current_root(), std::nullopt);
  const std::string back = directory_.at("back");
  copy_space(bucket(made_empty), directory(back), options());
  EXPECT_TRUE(in(back) == in(empty));
}

TEST_F(CloudCopyTest, AMissingFileOfACopyFromABucketIsFound) {
  const auto source = new_bucket();
  for (int i = 0; i < 3; ++i) open(source, SpaceAccess::kReadWrite)->push_atom(i);
  copy_space(bucket(source), directory(target()), options());
  const auto wals = open(source)->list_wals().size();
  ASSERT_EQ(wals, 3u);
  std::size_t found = 0;
  for (const UUID& id : testing::wal_files(target())) {
    const std::string copy = directory_.at("damaged");
    std::filesystem::remove_all(copy);
    testing::copy_directory(target(), copy);
    std::filesystem::remove(testing::wal_path(copy, id));
    StandaloneFileStorage storage(copy, {}, SpaceAccess::kReadOnly);
    found += storage.verify({}).bad_places;
  }
  EXPECT_EQ(found, 2u) << "nothing names the last one";
}

class CloudCopyLegacyTest : public CloudCopyTest,
                            public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override { take(GetParam()); }
};

TEST_P(CloudCopyLegacyTest, ItsWALsAndRootComeToABucketAndBack) {
  const auto originals = testing::snapshot(space());
  const Contents contents = in(space());
  const auto first = new_bucket();
  const auto second = new_bucket();
  copy_space(directory(space()), bucket(first), options());
  copy_space(bucket(first), bucket(second), options());
  EXPECT_TRUE(in(second) == contents);
  const auto storage = open(second);
  for (const JSON& record : manifest_["records"]) {
    SCOPED_TRACE(record["id"].get<std::string>());
    const AtomPointer inside{pointer_of(record).transaction_id, pointer_of(record).offset + 1};
    EXPECT_THROW(storage->get_bytes(inside), NotFoundError);
  }
  copy_space(bucket(second), directory(target()), options());
  EXPECT_TRUE(in(target()) == contents);
  for (const auto& [name, content] : originals) {
    if (!UUID::parse(name)) continue;
    EXPECT_TRUE(testing::snapshot(target()).at(name) == content) << name;
  }
}

TEST_P(CloudCopyLegacyTest, CommitsInTheBucketGoOnFromItsRoot) {
  const Contents contents = in(space());
  const auto made = new_bucket();
  copy_space(directory(space()), bucket(made), options());
  AtomPointer root;
  {
    const auto storage = open(made, SpaceAccess::kReadWrite);
    const AtomPointer pushed = storage->push_bytes(as_bytes(std::string("new")));
    EXPECT_TRUE(storage->compare_and_set_root(contents.root, pushed));
    for (int i = 0; i < 20; ++i) root = commit(*storage, "more");
    storage->merge();
  }
  const Contents now = in(made);
  EXPECT_EQ(now.root, root);
  EXPECT_EQ(now.history.size(), 21 + contents.history.size());
  if (contents.root) {
    EXPECT_EQ(now.history.back(), contents.history.back());
  }
  copy_space(bucket(made), directory(target()), options());
  EXPECT_TRUE(in(target()) == now);
}

TEST_P(CloudCopyLegacyTest, AWALOfVersion1BesideComesToo) {
  commit(*std::make_unique<StandaloneFileStorage>(space()), "beside");
  const Contents contents = in(space());
  const auto made = new_bucket();
  copy_space(directory(space()), bucket(made), options());
  EXPECT_TRUE(in(made) == contents);
}

INSTANTIATE_TEST_SUITE_P(Golden, CloudCopyLegacyTest,
                         ::testing::Values("json_atoms", "legacy_no_indicator", "msgpack_atoms",
                                           "raw_bytes", "root_set"),
                         [](const auto& test) { return std::string(test.param); });

TEST_F(CloudCopyTest, CutOffAtAnyRequestItGoesOn) {
  fill(space());
  const Contents contents = in(space());
  std::uint64_t resumed = 0;
  for (const bool after : {false, true}) {
    for (std::uint64_t step = 1;; ++step) {
      SCOPED_TRACE(step);
      const auto made = new_bucket();
      const auto copy = [&](const SpacePlace& to) {
        copy_space(directory(space()), to, options());
      };
      const bool was_cut = copy_cut_off(made, step, after, copy);
      expect_unfinished_or(contents, made);
      if (!was_cut) break;
      ASSERT_LT(step, 200u);
      const bool is_complete = has_object(made, "checkpoint") && !has_object(made, "copy");
      if (!is_complete) {
        const CopyReport report = copy_space(directory(space()), bucket(made), options());
        EXPECT_EQ(report.root, contents.root);
        resumed += report.resumed_bytes;
      }
      EXPECT_FALSE(has_object(made, "copy"));
      EXPECT_TRUE(in(made) == contents);
    }
  }
  EXPECT_GT(resumed, 10 * kMiB);
}

TEST_F(CloudCopyTest, CutOffFromItsSourceAtAnyRequestItGoesOn) {
  const auto source = new_bucket();
  commit_into_a_bucket(source);
  const Contents contents = in(source);
  for (std::uint64_t step = 1;; ++step) {
    SCOPED_TRACE(step);
    std::filesystem::remove_all(target());
    const auto other = new_bucket();
    const auto copy = [&](const SpacePlace& from) {
      copy_space(from, directory(target()), options());
    };
    const bool was_cut = copy_cut_off(source, step, false, copy);
    if (std::filesystem::exists(target() + "/protobase.copy")) {
      EXPECT_THROW(StandaloneFileStorage{target()}, ValidationError);
      expect_error<ValidationError>(
          [&] {
            fill(directory_.at("another"), 1);
            copy_space(directory(directory_.at("another")), directory(target()), options());
          },
          {"unfinished copy of"});
      std::filesystem::remove_all(directory_.at("another"));
    }
    if (was_cut) copy_space(bucket(source), directory(target()), options());
    EXPECT_TRUE(in(target()) == contents);
    if (!was_cut) break;
    ASSERT_LT(step, 200u);
  }
}

TEST_F(CloudCopyTest, WhateverBecomesOfRequestsItArrivesWhole) {
  fill(space());
  const Contents contents = in(space());
  std::uint64_t hits = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    const auto made = new_bucket();
    const auto plan = std::make_shared<CloudFaultPlan>(seed);
    for (const CloudFault fault :
         {CloudFault::kLostAnswer, CloudFault::kLostRequest, CloudFault::kDelayed,
          CloudFault::kDuplicated, CloudFault::kUnavailable, CloudFault::kInternalErrorApplied,
          CloudFault::kConflictApplied}) {
      testing::CloudFaultRule rule;
      rule.fault = fault;
      rule.probability = 0.08;
      plan->add(rule);
    }
    const SpacePlace to{
        {}, std::make_shared<CloudFaultClient>(std::make_shared<MockS3Client>(made), plan)};
    copy_space(directory(space()), to, options());
    plan->clear();
    EXPECT_TRUE(in(made) == contents) << plan->report();
    plan->settle();
    EXPECT_TRUE(in(made) == contents) << plan->report();
    hits += plan->hits();
  }
  EXPECT_GT(hits, 50u);
}

TEST_F(CloudCopyTest, OfACopyThatWasCompleteButForItsMarkerOnlyThatIsRemoved) {
  fill(space());
  const auto made = new_bucket();
  std::optional<cloud::MemoryObject> marker;
  CloudCopyOptions watching = options();
  watching.progress = [&](std::uint64_t, std::uint64_t) {
    if (!marker) marker = made->find("copy");
  };
  const CopyReport whole = copy_space(directory(space()), bucket(made), watching);
  ASSERT_TRUE(marker);
  const Contents contents = in(made);
  made->put("copy", *marker->bytes);
  EXPECT_TRUE(in(made) == contents) << "it is a store";
  commit(*open(made, SpaceAccess::kReadWrite), "and written to");
  const std::size_t objects = made->object_count();
  const CopyReport report = copy_space(directory(space()), bucket(made), options());
  EXPECT_EQ(report.root, whole.root);
  EXPECT_EQ(report.resumed_bytes, report.bytes - 4096 * report.wals);
  EXPECT_EQ(made->object_count(), objects - 1);
  EXPECT_FALSE(has_object(made, "copy"));
  made->put("copy", *marker->bytes);
  fill(directory_.at("another"), 1);
  expect_error<ValidationError>(
      [&] { copy_space(directory(directory_.at("another")), bucket(made), options()); },
      {"is a store already"});
}

TEST_F(CloudCopyTest, AStoreThatLostItsCheckpointIsCopiedAllTheSame) {
  for (const bool is_garbage : {false, true}) {
    const auto from = new_bucket();
    commit_into_a_bucket(from);
    const Contents contents = in(from);
    from->remove("checkpoint");
    if (is_garbage) from->put("checkpoint", Bytes(100));
    const auto made = new_bucket();
    copy_space(bucket(from), bucket(made), options());
    EXPECT_TRUE(in(made) == contents);
    const std::string path = directory_.at(is_garbage ? "garbage" : "missing");
    copy_space(bucket(from), directory(path), options());
    EXPECT_TRUE(in(path) == contents);
  }
}

TEST_F(CloudCopyTest, ACompleteCopyOfAnEarlierStateIsNotTakenForOneOfNow) {
  fill(space());
  const auto made = new_bucket();
  ASSERT_TRUE(copy_cut_off(made, 10, true, [&](const SpacePlace& to) {
    copy_space(directory(space()), to, options());
  }));
  const auto marker = made->find("copy");
  ASSERT_TRUE(marker);
  const CopyReport early = copy_space(directory(space()), bucket(made), options());
  const auto checkpoint = made->find("checkpoint");
  AtomPointer later;
  {
    StandaloneFileStorage storage(space());
    later = commit(storage, "later");
  }
  const auto expect_told = [&](const SpacePlace& to) {
    expect_error<ValidationError>(
        [&] { copy_space(directory(space()), to, options()); },
        {"earlier state", early.root->to_string(), later.to_string(), "empty prefix"});
    EXPECT_FALSE(has_object(made, "copy")) << "it is a store";
    EXPECT_EQ(in(made).root, early.root);
  };
  // Broken off between its last two steps.
  made->put("copy", *marker->bytes);
  expect_told(bucket(made));
  // Its checkpoint arrives late, just before that of the run after it.
  made->put("copy", *marker->bytes);
  made->remove("checkpoint");
  CloudCopyOptions late = options();
  late.progress = [&](std::uint64_t, std::uint64_t) {
    if (!has_object(made, "checkpoint")) made->put("checkpoint", *checkpoint->bytes);
  };
  expect_error<ValidationError>([&] { copy_space(directory(space()), bucket(made), late); },
                                {"earlier state"});
  EXPECT_EQ(in(made).root, early.root);
}

TEST_F(CloudCopyTest, AnUnfinishedCopyOfAnotherSourceIsRefused) {
  fill(space());
  fill(directory_.at("another"), 1);
  const auto made = new_bucket();
  const auto copy = [&](const SpacePlace& to) { copy_space(directory(space()), to, options()); };
  ASSERT_TRUE(copy_cut_off(made, 10, true, copy));
  ASSERT_FALSE(has_object(made, "checkpoint"));
  const std::size_t objects = made->object_count();
  expect_error<ValidationError>(
      [&] { copy_space(directory(directory_.at("another")), bucket(made), options()); },
      {"unfinished copy of " + space(), "not of " + directory_.at("another")});
  std::filesystem::rename(space(), directory_.at("old"));
  fill(space(), 1);  // another one, at the same path
  expect_error<ValidationError>([&] { copy(bucket(made)); }, {"unfinished copy of"});
  EXPECT_EQ(made->object_count(), objects);
  BucketDoctorOptions doctor;
  doctor.clock = clock_;
  for (const DoctorFinding& finding : examine_bucket(*bucket(made).bucket, doctor)) {
    EXPECT_EQ(finding.is_ok, finding.check != "prefix") << finding.detail;
    if (finding.is_ok) continue;
    EXPECT_NE(finding.detail.find("unfinished copy of"), std::string::npos) << finding.detail;
  }
}

TEST_F(CloudCopyTest, ASourceThatGrewMeanwhileIsCopiedAsItIsThen) {
  fill(space());
  const auto made = new_bucket();
  const auto copy = [&](const SpacePlace& to) { copy_space(directory(space()), to, options()); };
  ASSERT_TRUE(copy_cut_off(made, 15, true, copy));  // three segments have arrived
  commit(*std::make_unique<StandaloneFileStorage>(space()), "meanwhile");
  EXPECT_GT(copy_space(directory(space()), bucket(made), options()).resumed_bytes, 0u);
  EXPECT_TRUE(in(made) == in(space()));
}

TEST_F(CloudCopyTest, APlaceThatIsTakenIsRefused) {
  fill(space());
  const auto store = new_bucket();
  commit_into_a_bucket(store);
  const auto other = new_bucket();
  other->put("photo.jpg", Bytes(10));
  const auto copy_object = new_bucket();
  copy_object->put("copy", Bytes(10));
  const auto checkpoint_object = new_bucket();
  checkpoint_object->put("checkpoint", Bytes(10));
  for (const auto& [place, word] :
       {std::pair(store, "is a store already"), std::pair(other, "photo.jpg"),
        std::pair(checkpoint_object, "other things than a store"),
        std::pair(copy_object, "other things than a store")}) {
    const std::size_t objects = place->object_count();
    expect_error<ValidationError>([&] { copy_space(directory(space()), bucket(place), options()); },
                                  {word, "choose an empty prefix"});
    EXPECT_EQ(place->object_count(), objects);
  }
  expect_error<ValidationError>([&] { copy_space(bucket(store), directory(space()), options()); },
                                {"is a space already"});
  expect_error<ValidationError>([&] { copy_space(bucket(store), bucket(store), options()); });
  EXPECT_THROW(copy_space(bucket(new_bucket()), directory(target()), options()), NotFoundError);
  EXPECT_THROW(copy_space(directory(target()), bucket(new_bucket()), options()), NotFoundError);
  EXPECT_THROW(copy_space({}, bucket(store), options()), ValidationError);
  EXPECT_FALSE(std::filesystem::exists(target()));
}

TEST_F(CloudCopyTest, ACheckThatWasBrokenOffIsInNobodysWay) {
  fill(space());
  const auto made = new_bucket();
  made->put("doctor/00000000-0000-4000-8000-000000000001/probe", Bytes(10));
  copy_space(directory(space()), bucket(made), options());
  EXPECT_TRUE(in(made) == in(space()));
}

TEST_F(CloudCopyTest, AStoreThatSomebodyMakesThereMeanwhileStays) {
  fill(space());
  const auto made = new_bucket();
  AtomPointer root;
  CloudCopyOptions racing = options();
  racing.progress = [&](std::uint64_t done, std::uint64_t total) {
    if (done * 2 < total || has_object(made, "checkpoint")) return;
    const auto other = new_bucket();
    root = commit(*open(other, SpaceAccess::kReadWrite), "somebody else's");
    for (const auto& [key, object] : other->list({}, {}, 1000)) made->put(key, *object.bytes);
  };
  expect_error<ValidationError>([&] { copy_space(directory(space()), bucket(made), racing); },
                                {"meanwhile"});
  EXPECT_EQ(open(made)->read_current_root(), root);
  EXPECT_FALSE(has_object(made, "copy"));
  expect_error<ValidationError>([&] { copy_space(directory(space()), bucket(made), options()); },
                                {"is a store already"});
}

TEST_F(CloudCopyTest, DamageIsNotSpread) {
  fill(space());
  const Contents contents = in(space());
  const auto good = new_bucket();
  copy_space(directory(space()), bucket(good), options());
  const AtomPointer victim = std::next(contents.atoms.begin(), 5)->first;
  testing::flip_bit(testing::wal_path(space(), victim.transaction_id), victim.offset + 20);
  const auto made = new_bucket();
  EXPECT_THROW(copy_space(directory(space()), bucket(made), options()), CorruptionError);
  EXPECT_FALSE(has_object(made, "checkpoint"));

  const auto segments = good->list("segments/", {}, 1000);
  Bytes bytes = *segments.front().second.bytes;
  bytes[bytes.size() / 2] ^= std::byte{1};
  good->put(segments.front().first, bytes);
  EXPECT_THROW(copy_space(bucket(good), directory(target()), options()), CorruptionError);
  EXPECT_THROW(StandaloneFileStorage{target()}, ValidationError);
  EXPECT_THROW(copy_space(bucket(good), bucket(new_bucket()), options()), CorruptionError);
  good->remove(segments.front().first);
  EXPECT_THROW(copy_space(bucket(good), bucket(new_bucket()), options()), CorruptionError);
}

TEST_F(CloudCopyTest, ADamagedObjectOfALegacyWALIsNamed) {
  take("json_atoms");
  const auto made = new_bucket();
  copy_space(directory(space()), bucket(made), options());
  const auto segment = made->list("segments/", {}, 1).front();
  made->remove(segment.first);
  const VerifyReport report = open(made)->verify({});
  EXPECT_GT(report.bad_places, 0u);
  EXPECT_NE(report.bad[0].reason.find("missing"), std::string::npos) << report.bad[0].reason;
}

TEST_F(CloudCopyTest, CommitsMadeMeanwhileAreInTheCopyWhollyOrNotAtAll) {
  fill(space());
  const auto live = new_bucket();
  copy_space(directory(space()), bucket(live), options());
  StandaloneFileStorage in_directory(space());
  const auto in_bucket = open(live, SpaceAccess::kReadWrite);
  CloudCopyOptions busy = options();
  busy.progress = [&](std::uint64_t, std::uint64_t) {
    commit(in_directory, "meanwhile");
    commit(*in_bucket, "meanwhile");
    in_bucket->merge();
  };
  const Contents before = in(live);
  const auto made = new_bucket();
  const CopyReport of_directory = copy_space(directory(space()), bucket(made), busy);
  EXPECT_EQ(in(made).root, of_directory.root);
  const std::size_t commits = in(live).history.size();
  ASSERT_GT(commits, before.history.size() + 2);
  const CopyReport of_bucket = copy_space(bucket(live), directory(target()), busy);
  EXPECT_EQ(in(target()).root, of_bucket.root);
  EXPECT_EQ(in(target()).history.size(), commits);
  EXPECT_GT(in(live).history.size(), commits);
}

TEST_F(CloudCopyTest, ACommitThatWasDurableBeforeItsWriterDiedCounts) {
  fill(space());
  const auto made = new_bucket();
  const StandaloneFileStorage another_process(space());
  const std::string published = testing::read_file(space() + "/protobase.root");
  const AtomPointer root = commit(*std::make_unique<StandaloneFileStorage>(space()), "the last");
  testing::write_file(space() + "/protobase.root", published);
  const CopyReport report = copy_space(directory(space()), bucket(made), options());
  EXPECT_EQ(report.root, root);
  const AtomPointer next = commit(*open(made, SpaceAccess::kReadWrite), "on");
  EXPECT_EQ(in(made).root, next);
}

TEST_F(CloudCopyTest, OptionsOutOfRangeAreRefused) {
  fill(space(), 1);
  for (const auto& spoil : std::vector<std::function<void(CloudCopyOptions&)>>{
           [](auto& options) { options.segment_size = kMiB - 1; },
           [](auto& options) { options.max_parallel_requests = 0; },
           [](auto& options) { options.request_timeout_ms = 0; }}) {
    CloudCopyOptions spoiled = options();
    spoil(spoiled);
    EXPECT_THROW(copy_space(directory(space()), bucket(new_bucket()), spoiled), ValidationError);
  }
}

}  // namespace
}  // namespace protobase
