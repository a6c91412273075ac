// A commit may point at what another process pushed. Then the commit makes that durable too, and
// believes nobody: whatever call of the other's flush failed, an acknowledged root survives.
#include <gtest/gtest.h>

#include "protobase/errors.h"
#include "protobase/shared_bytes.h"
#include "test/crash/workload.h"
#include "testing/fault_file_system.h"
#include "testing/memory_file_system.h"

namespace protobase::crash {
namespace {

using ::protobase::testing::Fault;
using ::protobase::testing::FaultFileSystem;
using ::protobase::testing::MemoryFileSystem;
using ::protobase::testing::Outcome;

class ForeignRootTest : public ::testing::Test {
 protected:
  ForeignRootTest() {
    faulty_->set_on_failed_sync([this](const std::string& path) { disk_->drop_unsynced(path); });
    pusher_->set_current_root(pusher_->push_atom("first"));
    committer_->set_current_root(committer_->push_atom("second"));
  }

  /// The pusher's flush, in which call number `call` fails; the error it met, empty for none.
  std::string flush_with_fault(std::uint64_t call) {
    faulty_->set_fault(Fault{.at_call = call, .error = Fault::Error::kIO});
    try {
      pusher_->flush_wal();
    } catch (const ProtoBaseError&) {
      // Allowed. What counts is what the other process is told afterwards.
    }
    return faulty_->hits() > 0 ? faulty_->first_hit() : "";
  }

  /// The storage as the next process finds it after a power cut that took all that was not synced.
  std::unique_ptr<SharedStorage> after_power_cut() {
    const std::vector<Outcome> lost(disk_->uncertainties().size(), Outcome{Outcome::Fate::kLost});
    return open_storage(disk_->crash_clone(lost), 99);
  }

  std::shared_ptr<MemoryFileSystem> disk_ = std::make_shared<MemoryFileSystem>();
  std::shared_ptr<FaultFileSystem> faulty_ = std::make_shared<FaultFileSystem>(disk_);
  std::unique_ptr<SharedStorage> pusher_ = open_storage(faulty_, 1);
  std::unique_ptr<SharedStorage> committer_ = open_storage(disk_, 2);
};

TEST_F(ForeignRootTest, IsMadeDurableByTheCommit) {
  const AtomPointer root = pusher_->push_atom("pushed by another");
  pusher_->flush_wal();
  committer_->set_current_root(root);
  const auto later = after_power_cut();
  EXPECT_EQ(later->read_current_root(), root);
  EXPECT_EQ(later->get_atom(root)->as_string(), "pushed by another");
}

TEST(ForeignRoot, SurvivesWhateverFailedInTheOthersFlush) {
  std::size_t failed_syncs = 0;
  std::size_t committed = 0;
  for (std::uint64_t call = 1;; ++call) {
    class World final : public ForeignRootTest {
     public:
      using ForeignRootTest::after_power_cut;
      using ForeignRootTest::committer_;
      using ForeignRootTest::flush_with_fault;
      using ForeignRootTest::pusher_;
      void TestBody() override {}
    } world;
    const AtomPointer root = world.pusher_->push_atom("pushed by another");
    const std::string hit = world.flush_with_fault(call);
    if (hit.empty()) break;
    failed_syncs += hit.find("sync") != std::string::npos ? 1 : 0;
    try {
      world.committer_->set_current_root(root);
    } catch (const ValidationError&) {
      continue;  // it never reached the file
    }
    ++committed;
    const auto later = world.after_power_cut();
    EXPECT_EQ(later->read_current_root(), root) << "after " << hit;
    EXPECT_EQ(later->get_atom(root)->as_string(), "pushed by another") << "after " << hit;
  }
  EXPECT_GT(failed_syncs, 0u);
  EXPECT_GT(committed, 0u);
}

}  // namespace
}  // namespace protobase::crash
