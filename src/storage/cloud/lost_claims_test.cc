// A writer that wants to claim while others are faster again and again: a call of it fails, and
// nobody took over what it has.
#include <string>

#include "cloud/commit_log.h"
#include "os/random.h"
#include "protobase/errors.h"
#include "testing/cloud_machines.h"
#include "testing/memory_file_system.h"

namespace protobase {
namespace {

using testing::CloudCall;

constexpr int kAsManyAsAreTried = 64;

class LostClaimsTest : public testing::CloudMachinesTest {
 protected:
  /// Another writer claims just before each of the first kAsManyAsAreTried slots that it puts.
  Machine open_too_slow(const CloudStorageOptions& options) {
    Machine machine{new_client(), nullptr};
    machine.client->set_before([this](CloudCall call, const std::string& key) {
      if (call != CloudCall::kPut || !key.starts_with("log/") || lost_ == kAsManyAsAreTried) return;
      ++lost_;
      const cloud::Bucket bucket(new_client(), {clock_, os::system_random(), 1'000});
      engine::WorkerPool pool(1);
      cloud::CommitLog faster(bucket, pool, [](const auto&...) {});
      ASSERT_TRUE(faster.open());
      faster.claim();
    });
    machine.storage = std::make_unique<CloudFileStorage>(machine.client, options, without_caches());
    return machine;
  }
  CloudStorageOptions local() const {
    CloudStorageOptions options = cloud();
    options.commit_durability = CommitDurability::kLocal;
    options.journal_dir = "/journal";
    options.file_system = files_;
    return options;
  }
  template <typename Call>
  void expect_lost(const Call& call) const {
    try {
      call();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const LockingError& error) {
      EXPECT_NE(dynamic_cast<const NothingTookEffect*>(&error), nullptr)
          << "the storage would never commit again: " << error.what();
      EXPECT_NE(std::string(error.what()).find("try again"), std::string::npos) << error.what();
    }
    EXPECT_EQ(lost_, kAsManyAsAreTried);
  }

  std::shared_ptr<testing::MemoryFileSystem> files_ = std::make_shared<testing::MemoryFileSystem>();
  int lost_ = 0;
};

TEST_F(LostClaimsTest, AFlushThatLosesThemIsMadeAgain) {
  for (const bool is_local : {false, true}) {
    SCOPED_TRACE(is_local ? "kLocal" : "kCloud");
    lost_ = 0;
    bucket_ = std::make_shared<cloud::MemoryBucket>("mock", clock_);
    commit(open(), "first");
    const Machine slow = open_too_slow(is_local ? local() : cloud());
    const AtomPointer root = slow->push_bytes(as_bytes(std::string("second")));
    expect_lost([&] { slow->flush_wal(); });
    slow->flush_wal();
    slow->set_current_root(root);
    slow->close();
    EXPECT_EQ(get(open(), root), "second");
    EXPECT_EQ(open()->root_history(10).size(), 2u);
  }
}

TEST_F(LostClaimsTest, ACommitThatLosesThemIsMadeAgainAndIsThereOnce) {
  commit(open(), "first");
  const Machine slow = open_too_slow(cloud());
  const AtomPointer root = slow->push_bytes(as_bytes(std::string("second")));
  expect_lost([&] { slow->set_current_root(root); });
  EXPECT_EQ(open()->root_history(10).size(), 1u);
  slow->set_current_root(root);
  EXPECT_EQ(open()->root_history(10).size(), 2u);
  EXPECT_EQ(open()->read_current_root(), root);
}

/// The thread behind a storage of kLocal claims for what waits in the journal.
TEST_F(LostClaimsTest, WhatWasAcknowledgedByTheJournalReachesTheBucketAllTheSame) {
  constexpr std::uint64_t kPatienceMs = 60'000;
  Machine writer = open(local());
  commit(writer, "in the bucket");
  ASSERT_TRUE(writer->wait_until_uploaded(kPatienceMs));
  writer.client->cut_off(true);
  const AtomPointer waiting = commit(writer, "waits in the journal");
  files_ = files_->clone();  // the process dies
  writer.storage.reset();
  const Machine again = open_too_slow(local());
  EXPECT_TRUE(again->wait_until_uploaded(kPatienceMs));
  EXPECT_EQ(lost_, kAsManyAsAreTried);
  EXPECT_EQ(open()->read_current_root(), waiting);
}

}  // namespace
}  // namespace protobase
